import { defineConfig } from "vitest/config";

// Packages are tested from their sources: the private condition makes every workspace import resolve to src/.
const conditions = ["@likex/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "apps/*/test/**/*.test.ts",
      "tests/*/test/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    pool: "threads",
    // Hangs end here; how long a busy machine takes decides nothing.
    testTimeout: 60_000,
  },
});
