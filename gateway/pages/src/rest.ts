import {
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
} from "graphql";

import { type Asked, readOperation, type Refusal } from "./operation";

const FIELD = "customerPromotionActionSummary";
const REQUIRED = ["source", "identifierName", "identifierValue", "programId"];
const IDENTIFIER_NAMES: Record<string, string> = { MOBILE: "mobile", ID: "id", EXTERNAL_ID: "externalId" };

/** The original REST call that answers what `asked` asks; `endpoint` is its address without parameters. */
export function restCall(asked: Asked, schema: GraphQLSchema, endpoint: string): string | Refusal {
  const read = readOperation(asked, schema);
  if ("reason" in read) {
    return read;
  }
  const field = onlyField(read.operation);
  if ("reason" in field) {
    return field;
  }
  const values = argumentValues(field, read.operation, asked.variables);
  const missing = REQUIRED.find((name) => !values[name]);
  return missing ? { reason: `${missing} has no value.` } : `${endpoint}?${new URLSearchParams(values)}`;
}

function onlyField({ selectionSet: { selections } }: OperationDefinitionNode): FieldNode | Refusal {
  const [field] = selections;
  if (selections.length > 1) {
    return { reason: `One REST call answers one field; this operation has ${selections.length}.` };
  }
  if (field?.kind !== Kind.FIELD) {
    return { reason: "The operation's field is in a fragment." };
  }
  if (field.name.value !== FIELD) {
    return { reason: `The REST call answers ${FIELD} only.` };
  }
  if (field.directives?.length) {
    return { reason: "The field has a directive." };
  }
  return field;
}

function argumentValues(
  field: FieldNode,
  operation: OperationDefinitionNode,
  variables: Record<string, unknown>,
): Record<string, string> {
  const defaults = new Map(
    operation.variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue]),
  );
  const values: Record<string, string> = {};
  for (const { name, value } of field.arguments ?? []) {
    let given: unknown;
    if (value.kind === Kind.VARIABLE) {
      const variable = value.name.value;
      given = variable in variables ? variables[variable] : literal(defaults.get(variable));
    } else {
      given = literal(value);
    }
    // Missing, empty and null are the same on both faces.
    if (given != null && given !== "") {
      const text = String(given);
      values[name.value] = name.value === "identifierName" ? (IDENTIFIER_NAMES[text] ?? text) : text;
    }
  }
  return values;
}

/** As it is written: JavaScript's numbers would round a long id. */
function literal(value: ValueNode | undefined): string | undefined {
  return value && "value" in value ? String(value.value) : undefined;
}
