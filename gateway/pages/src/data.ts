/** What the gateway puts into each page: the block of JSON that `gateway/pages/__init__.py` writes. */
export interface DocsData {
  /** Whom the page calls as; null where it has to ask. */
  till: Till | null;
}

export interface GraphiQLData extends DocsData {
  schema: string;
  examples: { query: string; variables: Record<string, string> }[];
  /** The path of the original REST call. */
  restPath: string;
}

export interface Till {
  name: string;
  password: string;
}

export function readData<Data>(): Data {
  return JSON.parse(document.getElementById("data")!.textContent!);
}
