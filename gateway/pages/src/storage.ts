/** What GraphiQL stores, and what it begins with. */
const TABS = "graphiql:tabState";
/** The keys of the history, which contains the headers of each query. */
const IN_MEMORY = ["graphiql:queries", "graphiql:favorites"];

interface Tab {
  query: string | null;
  variables: string | null;
}

/**
 * The query of a link to share (`?query=…`), which is taken out of the address, so that a reload opens no
 * second tab for it.
 */
export function takeSharedQuery(): string | null {
  const query = new URLSearchParams(location.search).get("query");
  history.replaceState(null, "", location.pathname);
  return query;
}

/** A link that opens GraphiQL with `query`. Variables identify customers, so a link has none. */
export function shareLink(query: string): string {
  return `${location.origin}${location.pathname}?${new URLSearchParams({ query })}`;
}

/**
 * The query and the variables to begin with: those of `shared`, of the tab that was open before a reload, or of
 * `first`. GraphiQL adds a tab for them unless one of the stored tabs has exactly these.
 */
export function initialContents(
  shared: Tab | null,
  first: Tab,
): { initialQuery: string; initialVariables: string } {
  const { tabs, activeTabIndex } = JSON.parse(sessionStorage.getItem(TABS) ?? '{ "tabs": [] }');
  const { query, variables }: Tab = shared ?? tabs[activeTabIndex] ?? first;
  return { initialQuery: query ?? "", initialVariables: variables ?? "" };
}

/**
 * The storage of GraphiQL. Queries and variables identify customers, so they are kept in the storage of the
 * browser tab, which survives only a reload. Credentials are never stored. After `close`, nothing is: GraphiQL
 * writes some time after a change.
 */
export function tabStorage() {
  const memory = new Map<string, string>();
  let closed = false;
  return {
    close() {
      closed = true;
    },
    getItem: (key: string) => memory.get(key) ?? sessionStorage.getItem(key),
    setItem: (key: string, value: string) => {
      if (IN_MEMORY.includes(key)) {
        memory.set(key, value);
      } else if (!closed) {
        sessionStorage.setItem(key, value);
      }
    },
    removeItem: (key: string) => {
      memory.delete(key);
      sessionStorage.removeItem(key);
    },
    clear: () => {
      memory.clear();
      sessionStorage.clear();
    },
    get length() {
      return memory.size + sessionStorage.length;
    },
  };
}
