import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { CodeCache, type CodeSource } from "../src/code-cache.ts";
import { InterpretedForms } from "../src/jit/interpreted-forms.ts";
import { interpreterPlan } from "../src/plan.ts";
import { InstructionSelector } from "../src/predecode.ts";
import { BLOCK, NEVER_HOT } from "../src/record.ts";

const TWO_32 = 2 ** 32;
/** RDTSC. */
const CODE = [0x0f, 0x31];

/** A block whose entries are made up, by its heat. */
function blockOf(heat: number) {
  const memory = HostMemory.create({ bytes: 4 << 20 });
  const host = memory.allocateFrame();
  memory.u8.set(CODE, host);
  const { keys } = interpreterPlan({ fuse: "compare-and-branch" });
  const selector = new InstructionSelector(keys, () => undefined);
  const code = new CodeCache(memory, selector);
  code.heatOf = () => heat;
  const forms = new InterpretedForms(memory, selector, code);
  const place = { host, linearLow: 0, linearHigh: 0, ripLow: 0, ripHigh: 0 };
  const source: CodeSource = { ...place, bits: 32, limit: 0xffff_ffff, nextPage: () => -1 };
  const block = code.find(source);
  const setHeat = (of: number, value: number): void => {
    memory.i32[(of + BLOCK.heat) >> 2] = value;
  };
  const executed = (): number => {
    const sums = new Map<string, number>();
    forms.addUncompiled(sums);
    return sums.get("rdtsc 32") ?? 0;
  };
  const copy = (): number => memory.i32[(block + BLOCK.original) >> 2] as number;
  return { memory, code, source, forms, block, setHeat, executed, copy };
}

describe("the count of what is interpreted", () => {
  it("leaves out the entry that made the block hot", () => {
    const { forms, block, setHeat, executed } = blockOf(20);
    setHeat(block, 12);
    expect(executed()).toBe(8);
    setHeat(block, 0);
    forms.noteHot(block);
    expect(executed()).toBe(19);
    setHeat(block, -5);
    expect(executed()).toBe(24);
  });

  it("goes on beyond 2^32 entries", () => {
    const { forms, block, setHeat, executed } = blockOf(NEVER_HOT);
    setHeat(block, 0);
    forms.noteHot(block);
    expect(executed()).toBe(NEVER_HOT - 1);
    setHeat(block, 0);
    forms.noteHot(block);
    expect(executed()).toBe(NEVER_HOT - 1 + TWO_32 - 1);
    setHeat(block, -10);
    expect(executed()).toBe(NEVER_HOT + TWO_32 + 8);
    setHeat(block, 0);
    forms.noteHot(block);
    expect(executed()).toBe(NEVER_HOT - 1 + 2 * (TWO_32 - 1));
  });

  it.each(["asked before", "not asked before"])(
    "has the entries of a block before and after it was compiled, %s",
    (when) => {
      const { code, block, setHeat, executed, copy } = blockOf(20);
      setHeat(block, 13);
      if (when === "asked before") expect(executed()).toBe(7);
      expect(code.attach(block, 1, 0)).toBe(true);
      // These go to the region.
      setHeat(block, NEVER_HOT - 1000);
      setHeat(copy(), NEVER_HOT - 3);
      expect(executed()).toBe(10);
      expect(executed()).toBe(10);
    },
  );

  it("has the blocks of code that has changed, and those before a flush that it was told of", () => {
    const { memory, code, source, forms, block, setHeat, executed } = blockOf(20);
    setHeat(block, 13);
    memory.noteWrite((source.host & ~0xfff) as HostPhysicalAddress);
    const newer = code.find(source);
    expect(newer).not.toBe(block);
    setHeat(newer, 18);
    expect(executed()).toBe(9);
    setHeat(newer, 15);
    code.onDrop = () => forms.collect();
    code.flush();
    expect([...code.blocks()]).toEqual([]);
    expect(executed()).toBe(12);
  });
});
