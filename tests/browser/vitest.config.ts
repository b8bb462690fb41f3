import { join } from "node:path";

import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests and bundle import the same copy of graphql, because it rejects schemas that another copy created.
  resolve: {
    alias: { graphql: join(import.meta.dirname, "../../gateway/pages/node_modules/graphql/index.mjs") },
  },
  test: {
    globalSetup: "setup.ts",
    testTimeout: 300_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    fileParallelism: false,
  },
});
