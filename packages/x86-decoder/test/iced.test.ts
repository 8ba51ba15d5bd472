import { describe, expect, it } from "vitest";
import { compareStreams } from "../scripts/compare-streams.ts";
import { FORMS } from "../src/index.ts";

describe("beside iced-x86", () => {
  const result = compareStreams(300_000, 1);

  it("validity, length, mnemonic and memory operand agree on 300000 instructions of three modes", () => {
    expect([...result.differences]).toEqual([]);
  });

  it("every form of the table occurs", () => {
    expect(FORMS.filter(({ id }) => !result.covered.has(id)).map(({ encoding }) => encoding)).toEqual([]);
  });
});
