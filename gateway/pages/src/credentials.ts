/** The headers that carry credentials. */
import { md5 } from "@noble/hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

import type { BasicCredentials } from "./data";

export type HeaderMap = Record<string, string>;

const CREDENTIAL_HEADERS = ["authorization", "x-cap-api-oauth-token"];

/** A POS client sends the MD5 digest of its password in place of the password. A digest is sent as it is. */
export function basicHeaders({ name, password }: BasicCredentials): HeaderMap {
  const digest = /^[0-9a-f]{32}$/i.test(password)
    ? password.toLowerCase()
    : bytesToHex(md5(utf8ToBytes(password)));
  const bytes = utf8ToBytes(`${name}:${digest}`);
  return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

export function tokenHeaders(token: string): HeaderMap {
  return { "X-CAP-API-OAUTH-TOKEN": token.trim() };
}

/** The name of the client that a token was issued to, as its claims say. */
export function tokenSubject(token: string): string {
  try {
    const claims = atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(claims, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? "a token";
  } catch {
    return "a token";
  }
}

/** Adds `credentials` to `headers` that have none: a request with two different ones is refused. */
export function withCredentials(headers: HeaderMap, credentials: HeaderMap): HeaderMap {
  const hasOwn = Object.keys(headers).some((name) => CREDENTIAL_HEADERS.includes(name.toLowerCase()));
  return hasOwn ? headers : { ...credentials, ...headers };
}
