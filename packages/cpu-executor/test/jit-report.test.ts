import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { Cpu, INTERCEPT, STOP } from "../src/index.ts";
import { createJit, type JitOptions } from "../src/jit/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const START = 0x10000;
const DATA = 0x20000;
const TIMES = 1000;
const LOADED = 3;

const int32 = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);

/**
 * loop: MOV ESI, data; MOV ECX, 3; REP LODSB; RDTSC; ADD EBX, 1; CMP EBX, times; JNE loop; HLT. Regions have all of it but
 * REP LODSB, RDTSC and HLT.
 */
const HEAD = [0xbe, ...int32(DATA), 0xb9, ...int32(LOADED), 0xf3, 0xac, 0x0f, 0x31, 0x83, 0xc3, 1];
const TEST = [0x81, 0xfb, ...int32(TIMES)];
const CODE = [...HEAD, ...TEST, 0x75, 0x100 - (HEAD.length + TEST.length + 2), 0xf4];
const INSTRUCTIONS = TIMES * (2 + LOADED + 4);

/** What so many runs of it interpret of what regions do not have. */
const interpreted = (runs: number): readonly { form: string; executed: number }[] => [
  { form: "lodsb.rep 8", executed: runs * TIMES * LOADED },
  { form: "rdtsc 32", executed: runs * TIMES },
  { form: "hlt 32", executed: runs },
];

function machine(options: JitOptions = {}) {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const jit = createJit({ threshold: 20, batch: 1, shortest: 1, delay: 0, ...options });
  memory.u8.set(CODE, base + START);
  const add = (): Cpu => {
    const cpu = Cpu.create({ memory, mmu: new FlatMmu(base), jit });
    cpu.intercepts[INTERCEPT.rdtsc] = 0;
    useFlatSegments(cpu, 64);
    return cpu;
  };
  return { memory, jit, add, base };
}

function runLoop(cpu: Cpu): void {
  cpu.ripNumber = START;
  cpu.setRegister(3, 0n);
  const before = cpu.instructionsRetired;
  expect(cpu.run(INSTRUCTIONS + 100)).toBe(STOP.instruction);
  expect(cpu.instructionsRetired - before).toBe(INSTRUCTIONS);
}

describe("forms without a compiled version", () => {
  it.each([1, 2, 20, 1 << 20])("are counted as often as they run when code is hot after %i entries", (threshold) => {
    const { memory, jit, add } = machine({ threshold });
    const cpu = add();
    for (let runs = 1; runs <= 3; runs++) {
      runLoop(cpu);
      expect(jit.uncompiled(memory)).toEqual(interpreted(runs));
    }
    expect(jit.statistics(memory).executed > 0).toBe(threshold < TIMES);
  });

  it("are still counted when the blocks are dropped, and when the processor is disposed of", () => {
    const { memory, jit, add, base } = machine({ mostRegions: 1 });
    const cpu = add();
    for (let runs = 1; runs <= 20; runs++) {
      // As if it had been written: the code is compiled anew.
      memory.noteWrite((base + START) as HostPhysicalAddress);
      runLoop(cpu);
    }
    expect(jit.statistics(memory).evictions).toBeGreaterThan(0);
    expect(jit.uncompiled(memory)).toEqual(interpreted(20));
    cpu.dispose();
    expect(jit.uncompiled(memory)).toEqual(interpreted(20));
  });

  it("are those of all processors of the arena", () => {
    const { memory, jit, add } = machine();
    const [first, second] = [add(), add()];
    runLoop(first);
    runLoop(second);
    first.dispose();
    runLoop(second);
    expect(jit.uncompiled(memory)).toEqual(interpreted(3));
    expect(machine().jit.uncompiled(memory)).toEqual([]);
  });
});
