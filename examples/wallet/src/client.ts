import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { Client, fetchExchange, makeOperation, mapExchange, type Operation } from "urql";

/** There is no customer with this mobile number. */
export class CustomerUnknown extends Error {}

/** A GraphQL client with a token for the customer with this mobile number. */
export async function signIn(mobile: string): Promise<Client> {
  const token = await fetchToken(mobile);
  return new Client({
    url: "/graphql",
    // A GET would put the customer's number into URLs, and so into logs.
    preferGetMethod: false,
    // In development, documents are sent in full, so that you can change them.
    exchanges: import.meta.env.PROD
      ? [cache(), mapExchange({ onOperation: byId }), fetchExchange]
      : [cache(), fetchExchange],
    fetch: fetchAs(mobile, token),
  });
}

/** A normalised cache, which joins the pages of a list. Benefits have no id: they are parts of their summary. */
function cache() {
  const part = () => null;
  return cacheExchange({
    keys: {
      AlternateCurrencySubDetail: part,
      AlternateCurrencySummary: part,
      BadgeSummary: part,
      PointsSummary: part,
      RewardSummary: part,
    },
    resolvers: { Customer: { earnedPromotions: relayPagination() } },
  });
}

/** Replaces the document of an operation by the id that codegen gave it. */
function byId(operation: Operation): Operation {
  const { __meta__ } = operation.query as { __meta__?: { hash: string } };
  const query = { kind: "Document", definitions: [], documentId: __meta__?.hash } as unknown as Operation["query"];
  return makeOperation(operation.kind, { ...operation, query });
}

/** `fetch` with the customer's token, which is renewed shortly before it expires and when it is refused. */
function fetchAs(mobile: string, token: Token): typeof fetch {
  return async (url, init) => {
    const headers = new Headers(init?.headers);
    const send = () => {
      headers.set("Authorization", `Bearer ${token.text}`);
      return fetch(url, { ...init, headers });
    };
    if (Date.now() >= token.renewAt) token = await fetchToken(mobile);
    const answer = await send();
    if (answer.status !== 401) return answer;
    // A token can become invalid before it expires, for example when signing keys change.
    token = await fetchToken(mobile);
    return send();
  };
}

interface Token {
  text: string;
  /** A time as `Date.now()` gives it. */
  renewAt: number;
}

async function fetchToken(mobile: string): Promise<Token> {
  const answer = await fetch("/token", { method: "POST", body: JSON.stringify({ mobile }) });
  if (answer.status === 404) throw new CustomerUnknown();
  if (!answer.ok) throw new Error(`The back end answered ${answer.status}.`);
  const { accessToken, ttlSeconds } = await answer.json();
  return { text: accessToken, renewAt: Date.now() + (ttlSeconds - 10) * 1000 };
}
