/** The history, which stores the headers of each query. */
const IN_MEMORY = ["graphiql:queries", "graphiql:favorites"];

/**
 * What GraphiQL remembers. Queries and variables name customers, so it is the browser tab's own storage: a
 * reload keeps it, nothing else does. Credentials it never holds. `initial` is what a new tab begins with.
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
