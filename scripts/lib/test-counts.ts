/** The part of vitest's JSON report that counting needs. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: "passed" | "failed";
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts tests. A file that failed without a failing test (it did not load, or a hook threw) counts as one failure,
 * and so does a run that ended with an exit code other than 0 though no test failed (an unhandled error).
 */
export function countTests(report: VitestReport, exitCode: number): TestCounts {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const { status } of file.assertionResults) {
      if (status === "passed") passed++;
      else if (status === "failed") failedHere++;
      else skipped++;
    }
    failed += file.status === "failed" ? Math.max(failedHere, 1) : failedHere;
  }
  if (exitCode !== 0 && failed === 0) failed = 1;
  return { passed, failed, skipped };
}
