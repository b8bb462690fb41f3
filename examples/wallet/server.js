// The back end of the wallet. It keeps the key and the secret; the browser gets a token for one customer.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { json } from "node:stream/consumers";

const GATEWAY = process.env.GATEWAY ?? "http://127.0.0.1:8000";
const PORT = Number(process.env.PORT ?? 5180);
// Those of the demo. Set yours in the environment of your back end, never in a file that a browser can load.
const KEY = process.env.GATEWAY_KEY ?? "demo-key";
const SECRET = process.env.GATEWAY_SECRET ?? "demo-secret";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const PAGES = new Map(
  readdirSync("dist", { recursive: true })
    .filter((name) => statSync(join("dist", name)).isFile())
    .map((name) => [`/${name}`, { type: TYPES[extname(name)], body: readFileSync(join("dist", name)) }]),
);
PAGES.set("/", PAGES.get("/index.html"));
const PAGE_HEADERS = {
  "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

// The operations of this app by their ids, as codegen writes them.
const DOCUMENTS = new Map(Object.entries(JSON.parse(readFileSync("src/gql/persisted-documents.json", "utf8"))));

const server = createServer(async (request, response) => {
  const page = PAGES.get(request.url);
  try {
    if (request.method === "POST" && request.url === "/token") await token(request, response);
    else if (request.method === "POST" && request.url === "/graphql") await graphql(request, response);
    else if (request.method === "GET" && page) {
      response.writeHead(200, { ...PAGE_HEADERS, "Content-Type": page.type }).end(page.body);
    } else response.writeHead(404).end();
  } catch {
    response.writeHead(502).end();
  }
});

// Put your own sign-in here. This demo gives a token for any mobile number.
async function token(request, response) {
  const { mobile } = await json(request);
  const customer = { source: "INSTORE", identifierName: "mobile", identifierValue: String(mobile) };
  const answer = await post("/v3/oauth/token/generate", { key: KEY, secret: SECRET, customer });
  const { data, errors } = await answer.json();
  response.writeHead(data ? 200 : errors[0].code === 8015 ? 404 : 502, { "Content-Type": "application/json" });
  response.end(JSON.stringify(data));
}

// Passes on the operations of this app and no others. For the browser it has the origin of the page.
async function graphql(request, response) {
  const { documentId, variables } = await json(request);
  const query = DOCUMENTS.get(documentId);
  if (!query) return response.writeHead(400).end();
  const answer = await post("/graphql", { query, variables }, { Authorization: request.headers.authorization ?? "" });
  response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") });
  response.end(await answer.text());
}

function post(path, body, headers) {
  const sent = { "Content-Type": "application/json", ...headers };
  return fetch(GATEWAY + path, { method: "POST", headers: sent, body: JSON.stringify(body) });
}

server.listen(PORT, "127.0.0.1", () => {
  console.log(`The wallet is at http://127.0.0.1:${server.address().port}`);
});
