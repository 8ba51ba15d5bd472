import { describe, expect, it } from "vitest";
import { SEGMENT, STOP } from "../src/index.ts";
import { FlatMmu } from "./support/real-mode.ts";
import { SystemMachine } from "./support/system-machine.ts";

const TOP = 0xfffff000;
const BEHIND = 0x2000;

/** The last page below 4 GiB is what stands at 2000h. */
class TopMmu extends FlatMmu {
  override translate(low: number, high: number, access: number): number {
    const isTop = high === 0 && (low & ~0xfff) >>> 0 === TOP;
    return super.translate(isTop ? BEHIND | (low & 0xfff) : low, high, access);
  }
}

describe("code at the top of the linear address space", () => {
  it.each([
    ["32", 0xc09b],
    ["16", 0x009b],
  ])("goes on at its start in %s-bit code, where an instruction lies across", (_bits, rights) => {
    // mov al,42h, of which the last byte lies at 0, and hlt; through a segment in which nothing of it is at the end.
    const machine = new SystemMachine("", {}, (base) => new TopMmu(base));
    const { cpu, mmu } = machine;
    machine.load(BEHIND + 0xfff, "b0");
    machine.load(0, "42 f4");
    cpu.setSegmentRaw(SEGMENT.cs, 8, TOP | 0, 0, 0xffff, rights);
    cpu.ripNumber = 0xfff;
    expect(cpu.run(2)).toBe(STOP.budget);
    expect([cpu.getRegister(0), cpu.ripNumber, cpu.halted]).toEqual([0x42n, 0x1002, true]);
    expect(mmu.asked.every(({ page }) => page === BEHIND || page === 0)).toBe(true);
  });
});
