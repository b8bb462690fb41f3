/** The copy menu turns an operation into a REST call, a curl command or TypeScript. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { buildSchema } from "graphql";
import { expect, test } from "vitest";

import { basicHeaders, tokenSubject, withCredentials } from "../../gateway/pages/src/credentials";
import { curl } from "../../gateway/pages/src/curl";
import { restCall } from "../../gateway/pages/src/rest";
import { typescript } from "../../gateway/pages/src/typescript";

const ROOT = join(import.meta.dirname, "../..");
const schema = buildSchema(readFileSync(join(ROOT, "schema.graphql"), "utf8"));
const ENDPOINT = "https://gateway.example/actionSummary";
const FIELD = `customerPromotionActionSummary(source: INSTORE, identifierName: EXTERNAL_ID, identifierValue: "a b&c", programId: 9007199254740993, promotionId: "7")`;

const request = (query: string, variables = {}, operationName: string | null = null) => ({
  query,
  variables,
  operationName,
});

const CALLS: [string, string, object, string][] = [
  [
    "literals, a long id digit for digit",
    `{ ${FIELD} { orgId } }`,
    {},
    "?source=INSTORE&identifierName=externalId&identifierValue=a+b%26c&programId=9007199254740993&promotionId=7",
  ],
  [
    "variables, their defaults, and null",
    `query ($value: String!, $program: ID! = "5", $promotion: ID = "6", $identifier: String) {
      customerPromotionActionSummary(source: WEBSITE, identifierName: ID, identifierValue: $value,
        programId: $program, promotionId: $promotion, promotionIdentifier: $identifier) { orgId } }`,
    { value: "1", promotion: null, identifier: "p" },
    "?source=WEBSITE&identifierName=id&identifierValue=1&programId=5&promotionIdentifier=p",
  ],
];

test.each(CALLS)("a REST call: %s", (_, query, variables, parameters) => {
  expect(restCall(request(query, variables), schema, ENDPOINT)).toBe(ENDPOINT + parameters);
});

const REFUSALS: [string, string][] = [
  ["{", "The operation has a syntax error."],
  ["{ nothing }", "The operation is not valid."],
  [
    `query A { ${FIELD} { orgId } } query B { __typename }`,
    "The document has several operations. Put the cursor into one of them.",
  ],
  [
    `{ a: ${FIELD} { orgId } b: ${FIELD} { orgId } }`,
    "A REST call returns one field. This operation has 2.",
  ],
  [`{ ...F } fragment F on Query { ${FIELD} { orgId } }`, "The operation's field is in a fragment."],
  [`{ ... on Query { ${FIELD} { orgId } } }`, "The operation's field is in a fragment."],
  ["{ __typename }", "The REST call returns only customerPromotionActionSummary."],
  [`{ ${FIELD} @include(if: true) { orgId } }`, "The field has a directive."],
  [
    `query ($value: String!) { customerPromotionActionSummary(source: INSTORE, identifierName: MOBILE,
      identifierValue: $value, programId: 1) { orgId } }`,
    "identifierValue has no value.",
  ],
];

test.each(REFUSALS)("no REST call: %s", (query, reason) => {
  expect(restCall(request(query), schema, ENDPOINT)).toEqual({ reason });
});

test("the REST call is that of the named operation", () => {
  const query = `query A { ${FIELD} { orgId } } query B { __typename }`;
  expect(restCall(request(query, {}, "A"), schema, ENDPOINT)).toBe(ENDPOINT + CALLS[0]![3]);
});

test("a curl command quotes what a shell would interpret", () => {
  expect(curl(request('{ a(b: "it\'s") }', {}, "A"), "http://host/graphql", { "X-Token": "t" })).toBe(
    `curl -s 'http://host/graphql' \\
  -H 'Content-Type: application/json' \\
  -H 'X-Token: t' \\
  -d '{"query":"{ a(b: \\"it'\\''s\\") }","variables":{},"operationName":"A"}'`,
  );
});

test("TypeScript has the types of variables and data, with aliases, fragments and directives", () => {
  const query = `query Mine($value: String!, $program: ID = "1", $with: Boolean!) {
  one: customerPromotionActionSummary(source: INSTORE, identifierName: ID, identifierValue: $value, programId: $program) {
    __typename
    ...Points
    points { numberOfTimesIssued }
    badges @include(if: $with) { badgeSeriesId }
  }
}
fragment Points on CustomerPromotionActionSummary { points { pointsCategory } }`;
  const code = typescript(request(query), schema, "http://host/graphql");
  expect(code).toContain(`export interface MineVariables {
  value: string;
  program?: string | null;
  with: boolean;
}

export interface MineData {
  one: {
    __typename: "CustomerPromotionActionSummary";
    points: Array<{
      pointsCategory: "REGULAR_POINTS" | "PROMISED_POINTS" | "EXTERNAL_TRIGGER_BASED_POINTS";
      numberOfTimesIssued: number;
    }>;
    badges?: Array<{
      badgeSeriesId: string;
    }>;
  } | null;
}
`);
  expect(code).toContain('body: JSON.stringify({ query, variables, operationName: "Mine" }),');
});

test("an operation that cannot be executed is not copied as TypeScript", () => {
  expect(typescript(request("{ nothing }"), schema, "")).toEqual({ reason: "The operation is not valid." });
});

// The example of the API's documentation.
const STORE_SERVER = "Basic c3RvcmUuc2VydmVyOjhhMTZhNmI3MDUwNWViMWYxZmY3Y2RjMGNkNTU1OWE3";

test.each(["server123", "8a16a6b70505eb1f1ff7cdc0cd5559a7", "8A16A6B70505EB1F1FF7CDC0CD5559A7"])(
  "a password is sent as its MD5 digest: %s",
  (password) => {
    expect(basicHeaders({ name: "store.server", password })).toEqual({ Authorization: STORE_SERVER });
  },
);

test.each([
  ["eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJEZW1vIGFwcCJ9.c2ln", "Demo app"],
  ["e30.eyJzdWIiOiJDYWbDqSA_In0.c2ln", "Café ?"],
  ["no token", "a token"],
  ["e30.e30.c2ln", "a token"],
])("the name of the client is read from its token: %s", (token, name) => {
  expect(tokenSubject(token)).toBe(name);
});

test("credentials from the Headers pane replace the page's own", () => {
  const credentials = { Authorization: "Basic x" };
  expect(withCredentials({ "x-own": "1" }, credentials)).toEqual({ ...credentials, "x-own": "1" });
  expect(withCredentials({ "X-CAP-API-OAUTH-TOKEN": "t" }, credentials)).toEqual({
    "X-CAP-API-OAUTH-TOKEN": "t",
  });
  expect(withCredentials({ authorization: "Bearer t" }, credentials)).toEqual({ authorization: "Bearer t" });
});
