/** Sends requests to the gateway, and describes in plain words why one has no usable response. */
import type { HeaderMap } from "./credentials";

export interface Reply {
  /** The body of the response, or errors of the same form that say why there is none. */
  body: Record<string, unknown>;
  /** The HTTP status; null if there was no response. */
  status: number | null;
  milliseconds: number;
  bytes: number;
}

export async function send(request: unknown, headers: HeaderMap): Promise<Reply> {
  const start = performance.now();
  let response: Response;
  let text: string;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(request),
    });
    text = await response.text();
  } catch {
    return {
      body: error("The gateway cannot be reached. Check that it runs and that you are online, then try again."),
      status: null,
      milliseconds: performance.now() - start,
      bytes: 0,
    };
  }
  return {
    body: parse(text) ?? error(notJson(response)),
    status: response.status,
    milliseconds: performance.now() - start,
    bytes: new TextEncoder().encode(text).length,
  };
}

/** Sends a query with these credentials. Returns the reason why they cannot be used, or null if they can. */
export async function checkCredentials(headers: HeaderMap): Promise<string | null> {
  const { status, body } = await send({ query: "{ __typename }" }, headers);
  if (status === 401) {
    return "The gateway does not accept these credentials.";
  }
  if (status === 403) {
    return "These credentials may not read benefits.";
  }
  if (status === 429) {
    return "Too many attempts failed. Wait a minute, then try again.";
  }
  if (status === null || status >= 500) {
    const [first] = body.errors as { message: string }[];
    return `${first!.message} The credentials were not checked.`;
  }
  return null;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function notJson({ status, headers }: Response): string {
  const type = headers.get("content-type") ?? "no type";
  return `The response is not JSON (status ${status}, ${type}). A proxy in front of the gateway may have sent it.`;
}

function error(message: string): Record<string, unknown> {
  return { errors: [{ message }] };
}
