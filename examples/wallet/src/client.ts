import { Client, fetchExchange } from "urql";

/** The back end does not know the customer who wants to sign in. */
export class CustomerUnknown extends Error {}

/** A GraphQL client that asks as one customer. */
export function createClient(mobile: string): Client {
  const token = tokenOf(mobile);
  return new Client({
    url: "/graphql",
    // A GET would write the customer's number into URLs, and so into logs.
    preferGetMethod: false,
    exchanges: [fetchExchange],
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers);
      headers.set("Authorization", `Bearer ${await token()}`);
      return fetch(url, { ...init, headers });
    },
  });
}

/** Gives the customer's token, a new one shortly before the old one expires. */
function tokenOf(mobile: string): () => Promise<string> {
  let token = "";
  let renewAt = 0;
  return async () => {
    if (Date.now() >= renewAt) {
      const answer = await fetch("/token", { method: "POST", body: JSON.stringify({ mobile }) });
      if (answer.status === 404) throw new CustomerUnknown();
      if (!answer.ok) throw new Error(`The back end answered ${answer.status}.`);
      const { accessToken, ttlSeconds } = await answer.json();
      token = accessToken;
      renewAt = Date.now() + (ttlSeconds - 10) * 1000;
    }
    return token;
  };
}
