import { defineConfig } from "vitest/config";
import { TestReport } from "./scripts/test-report.ts";

// Packages are tested from their sources: the private condition makes every workspace import resolve to src/.
const conditions = ["@likex/source"];

const report = process.env["LIKEX_TEST_REPORT"];

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
    reporters: ["default", ...(report === undefined ? [] : [new TestReport(report)])],
  },
});
