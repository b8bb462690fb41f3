import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  validate,
} from "graphql";

/** An operation as it is in the editors. */
export interface GraphQLRequest {
  query: string;
  operationName: string | null;
  variables: Record<string, unknown>;
}

/**
 * The operation name to send with `query`: `name` if it has several operations, otherwise none.
 * The name that GraphiQL gives may be older than the text in the editor.
 */
export function operationNameFor(query: string, name: string | null | undefined): string | null {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    return operations.length > 1 ? (name ?? null) : null;
  } catch {
    return null;
  }
}

/** The reason why something cannot be done, as a sentence. */
export interface Refusal {
  reason: string;
}

/** Parses and validates a request, and finds the operation that it names. */
export function readOperation(
  { query, operationName }: GraphQLRequest,
  schema: GraphQLSchema,
): { document: DocumentNode; operation: OperationDefinitionNode } | Refusal {
  let document: DocumentNode;
  try {
    document = parse(query);
  } catch (error) {
    if (error instanceof GraphQLError) {
      return { reason: "The operation has a syntax error." };
    }
    throw error;
  }
  if (validate(schema, document).length > 0) {
    return { reason: "The operation is not valid." };
  }
  const operation = getOperationAST(document, operationName);
  return operation
    ? { document, operation }
    : { reason: "The document has several operations. Put the cursor into one of them." };
}
