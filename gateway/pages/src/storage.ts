/** What GraphiQL stores, and what it begins with. */
const TABS = "graphiql:tabState";
/** The keys of the history, which contains the headers of each query. */
const IN_MEMORY = ["graphiql:queries", "graphiql:favorites"];

interface Tab {
  query: string | null;
  variables: string | null;
}

/**
 * The query and the variables of the tab that was open before a reload, or those of `first`.
 * GraphiQL adds a tab for them unless one of the stored tabs has exactly these.
 */
export function initialContents(first: Tab): { initialQuery: string; initialVariables: string } {
  const { tabs, activeTabIndex } = JSON.parse(sessionStorage.getItem(TABS) ?? '{ "tabs": [] }');
  const { query, variables }: Tab = tabs[activeTabIndex] ?? first;
  return { initialQuery: query ?? "", initialVariables: variables ?? "" };
}

/**
 * The storage of GraphiQL. Queries and variables identify customers, so they are kept in the storage of the
 * browser tab, which survives only a reload. Credentials are never stored.
 */
export function tabStorage() {
  const memory = new Map<string, string>();
  return {
    getItem: (key: string) => memory.get(key) ?? sessionStorage.getItem(key),
    setItem: (key: string, value: string) => {
      if (IN_MEMORY.includes(key)) {
        memory.set(key, value);
      } else {
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
