import {
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
} from "graphql";

import { type GraphQLRequest, readOperation, type Refusal } from "./operation";

const FIELD = "customerPromotionActionSummary";
const REQUIRED = ["source", "identifierName", "identifierValue", "programId"];
const IDENTIFIER_NAMES: Record<string, string> = { MOBILE: "mobile", ID: "id", EXTERNAL_ID: "externalId" };

/** The original REST call that returns the same data as `request`; `endpoint` is its URL without parameters. */
export function restCall(
  request: GraphQLRequest,
  schema: GraphQLSchema,
  endpoint: string,
): string | Refusal {
  const read = readOperation(request, schema);
  if ("reason" in read) {
    return read;
  }
  const field = onlyField(read.operation);
  if ("reason" in field) {
    return field;
  }
  const values = argumentValues(field, read.operation, request.variables);
  const missing = REQUIRED.find((name) => !values[name]);
  return missing ? { reason: `${missing} has no value.` } : `${endpoint}?${new URLSearchParams(values)}`;
}

function onlyField({ selectionSet: { selections } }: OperationDefinitionNode): FieldNode | Refusal {
  const [field] = selections;
  if (selections.length > 1) {
    return { reason: `A REST call returns one field. This operation has ${selections.length}.` };
  }
  if (field?.kind !== Kind.FIELD) {
    return { reason: "The operation's field is in a fragment." };
  }
  if (field.name.value !== FIELD) {
    return { reason: `The REST call returns only ${FIELD}.` };
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
    // Missing, empty and null mean the same in both APIs.
    if (given != null && given !== "") {
      const text = String(given);
      values[name.value] = name.value === "identifierName" ? (IDENTIFIER_NAMES[text] ?? text) : text;
    }
  }
  return values;
}

/** A value as it is written. A JavaScript number would round a long id. */
function literal(value: ValueNode | undefined): string | undefined {
  return value && "value" in value ? String(value.value) : undefined;
}
