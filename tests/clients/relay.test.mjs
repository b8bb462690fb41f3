/** Relay's compiler takes the schema as it is, and its runtime runs what it compiled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import relay from "relay-runtime";
import { headers, ids, keys, UNKNOWN, uri } from "./gateway.mjs";
import Wallet_earned from "./relay/__generated__/Wallet_earned.graphql.js";
import WalletPageQuery from "./relay/__generated__/WalletPageQuery.graphql.js";
import WalletPromotionsQuery from "./relay/__generated__/WalletPromotionsQuery.graphql.js";
import WalletQuery from "./relay/__generated__/WalletQuery.graphql.js";

function connect() {
  return new relay.Environment({
    store: new relay.Store(new relay.RecordSource()),
    // An id is unique within its type.
    getDataID: ({ id }, type) => id && `${type}:${id}`,
    network: relay.Network.create(async ({ text }, variables) => {
      const response = await fetch(uri, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ query: text, variables }),
      });
      return response.json();
    }),
  });
}

test("a connection joins pages", async () => {
  const environment = connect();
  const variables = { first: 2 };
  const operation = relay.createOperationDescriptor(WalletQuery, variables);
  environment.retain(operation);
  const earned = () => {
    const { data } = environment.lookup(operation.fragment);
    const { customer } = environment.lookup(relay.getSingularSelector(Wallet_earned, data)).data;
    return customer.earnedPromotions;
  };
  await relay.fetchQuery(environment, WalletQuery, variables).toPromise();
  const { endCursor: after } = earned().pageInfo;
  await relay.fetchQuery(environment, WalletPageQuery, { ...variables, after }).toPromise();
  assert.deepEqual(
    earned().edges.map(({ node }) => node.promotion.id),
    ids,
  );
  const held = environment.getStore().getSource().getRecordIDs();
  assert.deepEqual(held.filter((id) => /^[A-Z]\w+:\d/.test(id)).sort(), keys(...ids));
});

test("a list has the data of each promotion, and null for an unknown one", async () => {
  const variables = { ids: [ids[1], UNKNOWN, ids[0]] };
  const { customer } = await relay.fetchQuery(connect(), WalletPromotionsQuery, variables).toPromise();
  assert.deepEqual(
    customer.value.promotionActionSummaries.map((one) => one?.promotion.name),
    ["Bring a friend", undefined, "Birthday week"],
  );
});

test("@catch reads the error of a list", async () => {
  const { customer } = await relay.fetchQuery(connect(), WalletPromotionsQuery, { ids: [] }).toPromise();
  assert.deepEqual(
    customer.errors.map(({ path, extensions }) => [path, extensions.code]),
    [[["promotionActionSummaries"], "BAD_USER_INPUT"]],
  );
});
