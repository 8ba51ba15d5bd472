import { describe, expect, it } from "vitest";
import { MSR_TABLE, STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

describe("a saved state", () => {
  it("is plain data from which another processor goes on as the first would have", () => {
    const code = "40 83c302 eb fa"; // l: inc eax; add ebx,2; jmp l
    const first = new SystemMachine(code);
    first.cpu.run(7);
    first.cpu.msrs.write(0xc0000082, 0x1234n);
    const saved = JSON.parse(JSON.stringify(first.cpu.saveState())) as ReturnType<typeof first.cpu.saveState>;
    const second = new SystemMachine(code);
    second.cpu.restoreState(saved);
    for (const { cpu } of [first, second]) expect(cpu.run(100)).toBe(STOP.budget);
    expect(second.cpu.saveState()).toEqual(first.cpu.saveState());
    expect(second.cpu.msrs.read(0xc0000082)).toBe(0x1234n);
  });
});

describe("the table of MSRs", () => {
  const { cpu } = new SystemMachine("90");

  it.each(MSR_TABLE.map((entry) => [entry.name, entry] as const))(
    "%s has its reset value and refuses other bits",
    (_name, entry) => {
      expect(cpu.msrs.read(entry.index)).toBe(entry.reset);
      const forbidden = BigInt.asUintN(64, ~entry.writable);
      if (forbidden !== 0n) expect(cpu.msrs.write(entry.index, forbidden)).toBe(false);
      if (entry.isCanonical === true) expect(cpu.msrs.write(entry.index, 1n << 47n)).toBe(false);
      expect(cpu.msrs.read(entry.index)).toBe(entry.reset);
    },
  );

  it("has no MSR that is not there", () => {
    expect(cpu.msrs.read(0x12345)).toBeUndefined();
    expect(cpu.msrs.write(0x12345, 0n)).toBe(false);
  });

  it("lets WRMSR move the time-stamp counter, which IA32_TSC_ADJUST shows", () => {
    const m = new SystemMachine("90909090");
    expect(m.cpu.msrs.write(0x10, 1000n)).toBe(true);
    m.cpu.run(3);
    expect(m.cpu.msrs.read(0x10)).toBe(1003n);
    expect(m.cpu.msrs.read(0x3b)).toBe(1000n);
  });
});
