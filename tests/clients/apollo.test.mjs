/** Apollo Client runs the wallet's operation and a list, and its cache holds each object once. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { headers, ids, keys, UNKNOWN, uri } from "./gateway.mjs";

const WALLET = gql(readFileSync("operations/wallet.graphql", "utf8"));
const PROMOTIONS = gql(readFileSync("operations/promotions.graphql", "utf8"));

function connect() {
  const sent = [];
  const client = new ApolloClient({
    link: new HttpLink({
      uri,
      headers,
      fetch: (url, init) => {
        sent.push(JSON.parse(init.body).operationName);
        return fetch(url, init);
      },
    }),
    cache: new InMemoryCache({
      typePolicies: { Customer: { fields: { earnedPromotions: relayStylePagination() } } },
    }),
    defaultOptions: { query: { errorPolicy: "all" } },
  });
  return { client, sent, cached: () => Object.keys(client.cache.extract()).filter((key) => /:/.test(key)).sort() };
}

const promotionIds = ({ data }) => data.customer.earnedPromotions.edges.map(({ node }) => node.promotion.id);

test("pages of the wallet are joined, and a second read comes from the cache", async () => {
  const { client, sent, cached } = connect();
  const first = await client.query({ query: WALLET, variables: { first: 2 } });
  assert.equal(first.error, undefined);
  assert.deepEqual(promotionIds(first), ids.slice(0, 2));
  const after = first.data.customer.earnedPromotions.pageInfo.endCursor;
  // An app calls `fetchMore`, which sends its request whatever the cache has.
  await client.query({ query: WALLET, variables: { first: 2, after }, fetchPolicy: "network-only" });
  assert.deepEqual(promotionIds(await client.query({ query: WALLET, variables: { first: 2 } })), ids);
  assert.deepEqual(sent, ["Wallet", "Wallet"]);
  assert.deepEqual(cached(), keys(...ids));
});

test("a list updates the objects of the wallet, and an unknown promotion is null with an error", async () => {
  const { client, cached } = connect();
  await client.query({ query: WALLET, variables: { first: 2 } });
  const { data, error } = await client.query({
    query: PROMOTIONS,
    variables: { ids: [ids[1], UNKNOWN, ids[0]] },
  });
  const found = data.customer.promotionActionSummaries;
  assert.deepEqual(
    found.map((one) => one?.promotion.name),
    ["Bring a friend", undefined, "Birthday week"],
  );
  assert.deepEqual(
    error.errors.map(({ path, extensions }) => [path, extensions.code]),
    [[["customer", "promotionActionSummaries", 1], "PROMOTION_NOT_FOUND"]],
  );
  assert.deepEqual(cached(), keys(ids[0], ids[1]));
});
