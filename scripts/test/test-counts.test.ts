import { describe, expect, it } from "vitest";
import { countTests } from "../lib/test-counts.ts";

const file = (status: "passed" | "failed", ...statuses: string[]) => ({
  name: "a.test.ts",
  status,
  assertionResults: statuses.map((status) => ({ status })),
});

describe("countTests", () => {
  it("counts every state of a test; what neither passed nor failed was skipped", () => {
    const report = { testResults: [file("failed", "passed", "failed", "skipped"), file("passed", "todo", "pending")] };
    expect(countTests(report, 1)).toEqual({ passed: 1, failed: 1, skipped: 3 });
  });

  it("counts a file that did not load as one failure", () => {
    const report = { testResults: [file("failed"), file("passed", "passed")] };
    expect(countTests(report, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it("counts an exit code without a failing test as one failure", () => {
    expect(countTests({ testResults: [file("passed", "passed")] }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });
});
