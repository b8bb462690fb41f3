import { md5 } from "@noble/hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

import type { Till } from "./data";

export type Headers = Record<string, string>;

const CREDENTIAL_HEADERS = ["authorization", "x-cap-api-oauth-token"];

/** A till sends the MD5 of its password in the place of the password; an MD5 stands for itself. */
export function tillHeaders({ name, password }: Till): Headers {
  const sent = /^[0-9a-f]{32}$/i.test(password)
    ? password.toLowerCase()
    : bytesToHex(md5(utf8ToBytes(password)));
  const bytes = utf8ToBytes(`${name}:${sent}`);
  return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

export function tokenHeaders(token: string): Headers {
  return { "X-CAP-API-OAUTH-TOKEN": token.trim() };
}

/** `headers`, with `credentials` unless there are others among them: two different ones are refused. */
export function withCredentials(headers: Headers, credentials: Headers): Headers {
  const hasOwn = Object.keys(headers).some((name) => CREDENTIAL_HEADERS.includes(name.toLowerCase()));
  return hasOwn ? headers : { ...credentials, ...headers };
}
