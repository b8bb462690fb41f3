/** The data that the gateway puts into a page, as `gateway/pages/__init__.py` writes it. */
export interface DocsData {
  /** The credentials that the page sends; null if it has to ask for them. */
  credentials: BasicCredentials | null;
}

export interface GraphiQLData extends DocsData {
  schema: string;
  examples: { query: string; variables: Record<string, unknown> }[];
  /** The path of the original REST call. */
  restPath: string;
}

/** The name and the password of a POS client. */
export interface BasicCredentials {
  name: string;
  password: string;
}

export function readData<Data>(): Data {
  return JSON.parse(document.getElementById("data")!.textContent!);
}
