/** The keys of the history, which contains the headers of each query. */
const IN_MEMORY = ["graphiql:queries", "graphiql:favorites"];

/**
 * The storage of GraphiQL. Queries and variables identify customers, so they are kept in the storage of the
 * browser tab, which survives only a reload. Credentials are never stored. `initial` are the first values.
 */
export function tabStorage(initial: Record<string, string>) {
  const memory = new Map(Object.entries(initial));
  return {
    getItem: (key: string) => sessionStorage.getItem(key) ?? memory.get(key) ?? null,
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
