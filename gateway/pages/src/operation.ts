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

/** An operation as the editors hold it. */
export interface Asked {
  query: string;
  operationName: string | null;
  variables: Record<string, unknown>;
}

/** `name`, where `query` has several operations. Else it needs none, and GraphiQL's lags behind the editor. */
export function neededName(query: string, name: string | null | undefined): string | null {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    return operations.length > 1 ? (name ?? null) : null;
  } catch {
    return null;
  }
}

/** Why something cannot be done, in a sentence. */
export interface Refusal {
  reason: string;
}

/** The operation that `asked` names, if it can be executed at all. */
export function readOperation(
  { query, operationName }: Asked,
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
    : { reason: "The document has several operations: put the cursor in one." };
}
