import { join } from "node:path";

import { defineConfig } from "vitest/config";

export default defineConfig({
  // The same copy that the bundle imports: a schema of one copy is not valid in another.
  resolve: {
    alias: { graphql: join(import.meta.dirname, "../../gateway/pages/node_modules/graphql/index.mjs") },
  },
  test: { globalSetup: "setup.ts", testTimeout: 120_000, hookTimeout: 30_000, fileParallelism: false },
});
