import { readFileSync } from "node:fs";
import { countTests, type VitestReport } from "../lib/test-counts.ts";

/** Prints "passed failed skipped" from vitest's JSON report. Arguments: the report's path, vitest's exit code. */
const [path, status] = process.argv.slice(2);
if (path === undefined || status === undefined) {
  console.error("usage: count-tests.ts REPORT EXIT_CODE");
  process.exit(2);
}
const report = JSON.parse(readFileSync(path, "utf8")) as VitestReport;
const { passed, failed, skipped } = countTests(report, Number(status));
console.log(`${passed} ${failed} ${skipped}`);
