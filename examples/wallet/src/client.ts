import { Client, fetchExchange, makeOperation, mapExchange, type Operation } from "urql";

/** There is no customer with this mobile number. */
export class CustomerUnknown extends Error {}

/** A GraphQL client with a token for one customer. */
export function createClient(mobile: string): Client {
  return new Client({
    url: "/graphql",
    // A GET would put the customer's number into URLs, and so into logs.
    preferGetMethod: false,
    // In development, documents are sent in full, so that you can change them.
    exchanges: import.meta.env.PROD ? [mapExchange({ onOperation: byId }), fetchExchange] : [fetchExchange],
    fetch: fetchAs(mobile),
  });
}

/** Replaces the document of an operation by the id that codegen gave it. */
function byId(operation: Operation): Operation {
  const { __meta__ } = operation.query as { __meta__?: { hash: string } };
  const query = { kind: "Document", definitions: [], documentId: __meta__?.hash } as unknown as Operation["query"];
  return makeOperation(operation.kind, { ...operation, query });
}

/** `fetch` with a token for the customer, which is renewed shortly before it expires. */
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
    // A token can become invalid before it expires, for example when signing keys change.
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
