import { join } from "node:path";
import { defineConfig } from "vitest/config";

// The test of the local store that sees most of it, once more on SQLite.
export default defineConfig({
  resolve: { alias: { "fake-indexeddb/auto": join(import.meta.dirname, "tests/support/sqlite_store.ts") } },
  test: {
    include: ["tests/browser/convergence.browser.ts"],
    env: { SEEDS: process.env["SEEDS"] ?? "1" },
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
