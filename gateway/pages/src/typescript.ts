import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLEnumType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLSchema,
  type GraphQLType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
} from "graphql";

import { type GraphQLRequest, readOperation, type Refusal } from "./operation";

const SCALARS: Record<string, string> = { Boolean: "boolean", Float: "number", Int: "number" };

/** The code of a typed function that sends `request` to `endpoint`. */
export function typescript(
  request: GraphQLRequest,
  schema: GraphQLSchema,
  endpoint: string,
): string | Refusal {
  const read = readOperation(request, schema);
  if ("reason" in read) {
    return read;
  }
  const { document, operation } = read;
  const name = operation.name?.value ?? "Summary";
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  const data = new DataType(document).of(schema.getQueryType()!, [operation.selectionSet], "");
  const body = operation.name ? `{ query, variables, operationName: "${name}" }` : "{ query, variables }";
  return `export interface ${type}Variables {
${variableLines(operation, schema).join("")}}

export interface ${type}Data ${data}

export interface ${type}Error {
  message: string;
  path?: Array<string | number>;
  extensions: { code: string; errorCode: number };
}

const query = \`
${request.query.trim().replace(/[\\`]|\$\{/g, "\\$&")}
\`;

/** \`headers\` carry the credentials. If one field fails, the others still have their data. */
export async function fetch${type}(
  variables: ${type}Variables,
  headers: Record<string, string>,
): Promise<{ data?: ${type}Data | null; errors?: ${type}Error[] }> {
  const response = await fetch(${JSON.stringify(endpoint)}, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(${body}),
  });
  return response.json();
}
`;
}

function variableLines(operation: OperationDefinitionNode, schema: GraphQLSchema): string[] {
  return (operation.variableDefinitions ?? []).map(({ variable, type: node, defaultValue }) => {
    const type = typeFromAST(schema, node)!;
    const optional = defaultValue || !(type instanceof GraphQLNonNull) ? "?" : "";
    return `  ${variable.name.value}${optional}: ${nullable(type, leaf)};\n`;
  });
}

/** The types of the fields that a document selects. */
class DataType {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();

  constructor(document: DocumentNode) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) {
        this.fragments.set(definition.name.value, definition);
      }
    }
  }

  /** The type of the fields that `sets` select from `parent`. */
  of(parent: GraphQLObjectType, sets: SelectionSetNode[], indent: string): string {
    const fields = new Map<string, FieldNode[]>();
    sets.forEach((set) => this.collect(set, fields));
    const lines = [...fields].map(([key, nodes]) => {
      const optional = nodes.every((node) => node.directives?.length) ? "?" : "";
      return `${indent}  ${key}${optional}: ${this.ofField(parent, nodes, `${indent}  `)};\n`;
    });
    return `{\n${lines.join("")}${indent}}`;
  }

  private ofField(parent: GraphQLObjectType, nodes: FieldNode[], indent: string): string {
    const name = nodes[0]!.name.value;
    if (name === "__typename") {
      return `"${parent.name}"`;
    }
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    return nullable(parent.getFields()[name]!.type, (type) =>
      type instanceof GraphQLObjectType ? this.of(type, sets, indent) : leaf(type),
    );
  }

  private collect({ selections }: SelectionSetNode, fields: Map<string, FieldNode[]>): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value;
        fields.set(key, [...(fields.get(key) ?? []), selection]);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.collect(selection.selectionSet, fields);
      } else {
        this.collect(this.fragments.get(selection.name.value)!.selectionSet, fields);
      }
    }
  }
}

type Named = (type: GraphQLType) => string;

function nullable(type: GraphQLType, named: Named): string {
  return type instanceof GraphQLNonNull ? present(type.ofType, named) : `${present(type, named)} | null`;
}

function present(type: GraphQLType, named: Named): string {
  return type instanceof GraphQLList ? `Array<${nullable(type.ofType, named)}>` : named(type);
}

function leaf(type: GraphQLType): string {
  if (type instanceof GraphQLEnumType) {
    return type
      .getValues()
      .map(({ name }) => `"${name}"`)
      .join(" | ");
  }
  return SCALARS[String(type)] ?? "string";
}
