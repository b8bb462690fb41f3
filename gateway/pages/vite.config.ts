import { defineConfig } from "vite";

export default defineConfig({
  build: {
    rolldownOptions: { input: ["graphiql.html", "docs.html"] },
    // The editor alone is larger than the size that Vite warns about.
    chunkSizeWarningLimit: 8000,
  },
  worker: { format: "es" },
});
