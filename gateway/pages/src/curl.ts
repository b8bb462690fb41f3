import type { HeaderMap } from "./credentials";
import type { GraphQLRequest } from "./operation";

/** A command that sends `request` to `endpoint`. */
export function curl(
  { query, variables, operationName }: GraphQLRequest,
  endpoint: string,
  headers: HeaderMap,
): string {
  const body = JSON.stringify({ query, variables, ...(operationName && { operationName }) });
  const allHeaders = { "Content-Type": "application/json", ...headers };
  return [
    `curl -s ${quoted(endpoint)}`,
    ...Object.entries(allHeaders).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `-d ${quoted(body)}`,
  ].join(" \\\n  ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
