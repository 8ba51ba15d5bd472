import { describe, expect, it } from "vitest";
import { runPart } from "../scripts/iced/run.ts";
import { FORMS } from "../src/index.ts";

describe("beside iced-x86", () => {
  const options = { count: 600_000, seed: 1, workers: 1, worker: 0, real: "some", aspects: [] } as const;
  const result = runPart(options, () => {});

  it("validity, length, mnemonic, operands and masks agree on generated instructions of three modes and on real code", () => {
    expect(result.differences).toEqual({});
  });

  it("every form of the table occurs", () => {
    const covered = new Set(result.forms);
    expect(FORMS.filter(({ id }) => id !== 0 && !covered.has(id)).map(({ encoding }) => encoding)).toEqual([]);
  });
});
