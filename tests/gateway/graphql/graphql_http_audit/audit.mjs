// Audits the GraphQL server at the URL that is the first argument, with the second as its Authorization
// header. Prints a JSON list: of each audit, its name, its status ("ok" or another), and why it did not pass.
import { auditServer } from "graphql-http";

const [url, authorization] = process.argv.slice(2);

function fetchFn(input, init = {}) {
  return fetch(input, { ...init, headers: { ...init.headers, authorization } });
}

const results = await auditServer({ url, fetchFn });
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
