import { describe, expect, it } from "vitest";
import { CPU_MODELS, type CpuidEntry, INTERCEPT, readCpuid, STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

const STATE = { cr4: 0, xcr0: 1 };
const zeros = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
const table: readonly CpuidEntry[] = [
  { leaf: 0, ...zeros, eax: 0xb },
  { leaf: 4, subleaf: 0, ...zeros, eax: 0x40 },
  { leaf: 4, subleaf: 1, ...zeros, eax: 0x41 },
  { leaf: 5, ...zeros, eax: 0x50 },
  { leaf: 0xb, subleaf: 0, ...zeros, eax: 0xb0, edx: 9 },
  { leaf: 0xb, subleaf: 1, ...zeros, eax: 0xb1, edx: 9 },
  { leaf: 0x80000000, ...zeros, eax: 0x80000001 },
  { leaf: 0x80000001, ...zeros, eax: 0x81 },
];
const eax = (leaf: number, subleaf = 0): number => readCpuid(table, leaf, subleaf, STATE).eax;

describe("CPUID of a table", () => {
  it("regards ECX where the leaf has subleaves, and only there", () => {
    expect([eax(4, 0), eax(4, 1), eax(4, 2), eax(5, 0), eax(5, 7)]).toEqual([0x40, 0x41, 0, 0x50, 0x50]);
  });

  it("reads zeros inside a range, and the highest basic leaf above one", () => {
    expect([eax(3), eax(0x80000001)]).toEqual([0, 0x81]);
    for (const leaf of [0xc, 0x40000000, 0x7fffffff, 0x80000002, 0xc0000000, 0xffffffff]) {
      expect([eax(leaf, 0), eax(leaf, 1)]).toEqual([0xb0, 0xb1]);
    }
  });

  it("gives ECX and the processor's id back for a level of topology that there is not", () => {
    expect(readCpuid(table, 0xb, 0x103, STATE)).toEqual({ eax: 0, ebx: 0, ecx: 3, edx: 9 });
  });

  it("shows CR4.OSXSAVE, CR4.PKE and the size of what XCR0 enables", () => {
    const { cpuid } = CPU_MODELS.likex;
    const bit = (leaf: number, position: number, cr4: number): number =>
      (readCpuid(cpuid, leaf, 0, { cr4, xcr0: 3 }).ecx >>> position) & 1;
    expect([bit(1, 27, 0), bit(1, 27, 0x40000), bit(7, 4, 0), bit(7, 4, 0x400000)]).toEqual([0, 1, 0, 1]);
    expect(readCpuid(cpuid, 0xd, 0, { cr4: 0, xcr0: 3 }).ebx).toBe(576);
  });

  it("is in ascending order in every model, and its highest leaves are there", () => {
    for (const { cpuid } of Object.values(CPU_MODELS)) {
      const leaves = cpuid.map(({ leaf }) => leaf);
      expect(leaves).toEqual([...leaves].sort((a, b) => a - b));
      for (const range of [0, 0x80000000]) {
        const highest = cpuid.find(({ leaf }) => leaf === range)?.eax;
        expect(Math.max(...leaves.filter((leaf) => leaf < range + 0x1000))).toBe(highest);
      }
    }
  });
});

describe("the instruction CPUID", () => {
  it("clears the upper halves and shows the processor's own CR4", () => {
    const m = new SystemMachine("0fa2");
    m.cpu.intercepts.fill(0);
    m.cpu.cr4 = 0x40000;
    for (const register of [0, 1, 2, 3]) m.cpu.setRegister(register, 0xffff_ffff_0000_0000n);
    m.cpu.setRegister(0, 1n);
    m.cpu.run(1);
    const { eax: signature, ecx } = CPU_MODELS.likex.cpuid[1]!;
    expect([m.cpu.getRegister(0), m.cpu.getRegister(1)]).toEqual([BigInt(signature), BigInt((ecx | (1 << 27)) >>> 0)]);
  });

  it("XSETBV stops only with CR4.OSXSAVE: it is undefined before any intercept", () => {
    const m = new SystemMachine("0f01d1");
    m.cpu.intercepts.fill(1);
    m.cpu.exceptionBitmap = 0xffffffff;
    expect(m.cpu.run(1)).toBe(STOP.exception);
    expect(m.cpu.stop.vector).toBe(6);
    m.cpu.cr4 = 0x40000;
    expect(m.cpu.run(1)).toBe(STOP.instruction);
    expect(m.cpu.stop.instruction).toBe(INTERCEPT.xsetbv);
  });
});
