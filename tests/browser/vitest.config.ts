import { join } from "node:path";

import { defineConfig } from "vitest/config";

export default defineConfig({
  // The one that the sources of the bundle import: two of them do not know each other's schemas.
  resolve: {
    alias: { graphql: join(import.meta.dirname, "../../gateway/pages/node_modules/graphql/index.mjs") },
  },
  test: { testTimeout: 30_000, hookTimeout: 30_000, fileParallelism: false },
});
