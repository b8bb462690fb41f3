// The wallet's back end. It alone knows the key and its secret; the browser gets a token for one customer.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { extname, join } from "node:path";
import { json } from "node:stream/consumers";

const GATEWAY = process.env.GATEWAY ?? "http://127.0.0.1:8000";
const PORT = Number(process.env.PORT ?? 5180);
// The demo's. Yours come from the environment of your back end, never from a file that a browser can load.
const KEY = process.env.GATEWAY_KEY ?? "demo-key";
const SECRET = process.env.GATEWAY_SECRET ?? "demo-secret";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const PAGES = new Map(
  readdirSync("dist", { recursive: true })
    .filter((name) => statSync(join("dist", name)).isFile())
    .map((name) => [`/${name}`, { type: TYPES[extname(name)], body: readFileSync(join("dist", name)) }]),
);
PAGES.set("/", PAGES.get("/index.html"));
const HEADERS = {
  "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const server = createServer(async (request, response) => {
  const page = PAGES.get(request.url);
  try {
    if (request.method === "POST" && request.url === "/token") await token(request, response);
    else if (request.method === "POST" && request.url === "/graphql") forward(request, response);
    else if (request.method === "GET" && page) {
      response.writeHead(200, { ...HEADERS, "Content-Type": page.type }).end(page.body);
    } else response.writeHead(404).end();
  } catch {
    response.writeHead(502).end();
  }
});

// Where your own sign-in belongs: here, customers are who they say they are.
async function token(request, response) {
  const { mobile } = await json(request);
  const customer = { source: "INSTORE", identifierName: "mobile", identifierValue: String(mobile) };
  const answer = await fetch(`${GATEWAY}/v3/oauth/token/generate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: KEY, secret: SECRET, customer }),
  });
  const { data, errors } = await answer.json();
  const status = data ? 200 : errors[0].code === 8015 ? 404 : 502;
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(data));
}

// Same origin for the browser, so that the gateway needs to know nothing of this app.
function forward(request, response) {
  const passed = ["authorization", "content-type", "accept"].filter((name) => name in request.headers);
  const headers = Object.fromEntries(passed.map((name) => [name, request.headers[name]]));
  const asked = ask(`${GATEWAY}/graphql`, { method: "POST", headers }, (answer) => {
    response.writeHead(answer.statusCode, { "Content-Type": answer.headers["content-type"] });
    answer.pipe(response);
  });
  asked.on("error", () => response.writeHead(502).end());
  request.pipe(asked);
}

server.listen(PORT, "127.0.0.1", () => {
  console.log(`The wallet is at http://127.0.0.1:${server.address().port}`);
});
