import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

const RIGHTS = [
  0x9b, 0x93, 0xc09b, 0xc093, 0xa09b, 0xc0fb, 0xc0f3, 0xa0fb, 0xc097, 0x4091, 0x10000, 0xc09f, 0xf3,
] as const;
const CR0 = [0x10, 0x11, 0x80000011, 0x80050033, 0x40011] as const;
const CR4 = [0, 0x20, 0x310020, 0x1, 0x100620] as const;
const EFER = [0, 0x501, 0xd01] as const;
const RUNS = 6;
const BUDGET = 300;

const machineState = fc.record({
  code: fc.uint8Array({ minLength: 1, maxLength: 48 }),
  tables: fc.uint8Array({ minLength: 256, maxLength: 256 }),
  registers: fc.array(fc.oneof(fc.bigInt(0n, 0xfffffn), fc.bigInt(0n, (1n << 64n) - 1n)), {
    minLength: 16,
    maxLength: 16,
  }),
  segments: fc.array(
    fc.tuple(
      fc.constantFrom(...RIGHTS),
      fc.constantFrom(0, 0x1000, 0xfffff000),
      fc.constantFrom(0xff, 0xffff, 0xffffffff),
    ),
    {
      minLength: 6,
      maxLength: 6,
    },
  ),
  cr0: fc.constantFrom(...CR0),
  cr4: fc.constantFrom(...CR4),
  efer: fc.constantFrom(...EFER),
  rflags: fc.integer({ min: 0, max: 0x3fffff }),
  dr7: fc.constantFrom(0x400, 0x403, 0xd0402),
});

describe("any bytes in any mode, with nothing intercepted", () => {
  it("run to a stop without a throw, within the budget, and change no frame outside guest memory", () => {
    fc.assert(
      fc.property(machineState, (state) => {
        const m = new SystemMachine(Buffer.from(state.code).toString("hex"));
        const { cpu } = m;
        const guard = m.memory.allocateFrame();
        for (const at of [0x5000, 0x6000, 0x6100]) m.load(at, Buffer.from(state.tables).toString("hex"));
        state.registers.forEach((value, register) => {
          cpu.setRegister(register, value);
        });
        cpu.cr0 = state.cr0;
        cpu.cr4 = state.cr4;
        cpu.efer = state.efer;
        cpu.dr7 = state.dr7;
        cpu.dr0 = 0x1002n;
        cpu.gdtrLimit = 0xff;
        state.segments.forEach(([rights, base, limit], register) => {
          cpu.setSegmentRaw(register, register * 8, register === 1 ? 0 : base, 0, limit, rights);
        });
        cpu.setSegmentRaw(7, 0x28, 0x6000, 0, 0x100, 0x8b);
        cpu.rflagsNumber = state.rflags | 2;
        for (let i = 0; i < RUNS; i++) {
          const before = cpu.instructionsRetired;
          const stop = cpu.run(BUDGET);
          expect(cpu.instructionsRetired - before).toBeLessThanOrEqual(BUDGET);
          if (stop === STOP.halt) cpu.halted = false;
          else if (stop !== STOP.budget) cpu.ripNumber = 0x1000 + i;
        }
        expect(m.memory.u8.subarray(guard, guard + 4096).every((byte) => byte === 0)).toBe(true);
        cpu.dispose();
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});
