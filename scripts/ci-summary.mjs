// Adds up what .ci/run saw and prints the result as the last line. Plain JavaScript: it must run even if the install failed.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [directory, testsStatus, checkStatus, stepsPassed, stepsFailed] = process.argv.slice(2);

function counts(file, status) {
  try {
    const report = JSON.parse(readFileSync(join(directory, file), "utf8"));
    const failed = report.failed + (report.failed === 0 && status !== "0" ? 1 : 0);
    return { passed: report.passed, failed, skipped: report.skipped };
  } catch {
    console.log(`${file} was not written: counted as one failure`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const parts = [
  { passed: Number(stepsPassed), failed: Number(stepsFailed), skipped: 0 },
  counts("tests.json", testsStatus),
  counts("check.json", checkStatus),
];
const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
process.exitCode = sum("failed") === 0 ? 0 : 1;
