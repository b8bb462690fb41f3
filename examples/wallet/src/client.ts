import { Client, fetchExchange, makeOperation, mapExchange, type Operation } from "urql";

/** The back end does not know the customer who wants to sign in. */
export class CustomerUnknown extends Error {}

/** A GraphQL client that asks as one customer. */
export function createClient(mobile: string): Client {
  return new Client({
    url: "/graphql",
    // A GET would write the customer's number into URLs, and so into logs.
    preferGetMethod: false,
    // While you develop, documents go to the gateway as they are, so that you can change them.
    exchanges: import.meta.env.PROD ? [mapExchange({ onOperation: byId }), fetchExchange] : [fetchExchange],
    fetch: fetchAs(mobile),
  });
}

/** The operation with the id that codegen gave to its document, in the place of the document. */
function byId(operation: Operation): Operation {
  const { __meta__ } = operation.query as { __meta__?: { hash: string } };
  const query = { kind: "Document", definitions: [], documentId: __meta__?.hash } as unknown as Operation["query"];
  return makeOperation(operation.kind, { ...operation, query });
}

/** `fetch` with the customer's token, which is renewed shortly before it expires. */
function fetchAs(mobile: string): typeof fetch {
  let token = "";
  let renewAt = 0;
  return async (url, init) => {
    if (Date.now() >= renewAt) {
      const { accessToken, ttlSeconds } = await fetchToken(mobile);
      token = accessToken;
      renewAt = Date.now() + (ttlSeconds - 10) * 1000;
    }
    const headers = new Headers(init?.headers);
    headers.set("Authorization", `Bearer ${token}`);
    const answer = await fetch(url, { ...init, headers });
    // Its keys may have changed before the token expired.
    if (answer.status === 401) renewAt = 0;
    return answer;
  };
}

async function fetchToken(mobile: string): Promise<{ accessToken: string; ttlSeconds: number }> {
  const answer = await fetch("/token", { method: "POST", body: JSON.stringify({ mobile }) });
  if (answer.status === 404) throw new CustomerUnknown();
  if (!answer.ok) throw new Error(`The back end answered ${answer.status}.`);
  return answer.json();
}
