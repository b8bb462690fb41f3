import type { Headers } from "./credentials";
import type { Asked } from "./operation";

/** A command line that sends `asked` to `endpoint`. */
export function curl({ query, variables, operationName }: Asked, endpoint: string, headers: Headers): string {
  const body = JSON.stringify({ query, variables, ...(operationName && { operationName }) });
  const sent = { "Content-Type": "application/json", ...headers };
  return [
    `curl -s ${quoted(endpoint)}`,
    ...Object.entries(sent).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `-d ${quoted(body)}`,
  ].join(" \\\n  ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
