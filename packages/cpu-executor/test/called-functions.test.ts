import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { Cpu, STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const CALLER = 0x10000;
const FUNCTIONS = [0x14000, 0x15000] as const;
const POINTER = 0x20000;
const CALLS = 200;

/** A loop of calls, and a function in each of two other pages: ADD EAX, n; RET. */
function machine(bits: 32 | 64, call: readonly number[]) {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const jit = createJit({ threshold: 20, batch: 1, shortest: 1, delay: 0 });
  const cpu = Cpu.create({ memory, mmu: new FlatMmu(base), jit });
  useFlatSegments(cpu, bits);
  // The call; XOR EDX, EDX; SUB ECX, 1; JNZ back; HLT.
  const body = [...call, 0x31, 0xd2, 0x83, 0xe9, 1];
  memory.u8.set([...body, 0x75, -(body.length + 2) & 0xff, 0xf4], base + CALLER);
  for (const [i, at] of FUNCTIONS.entries()) memory.u8.set([0x83, 0xc0, i + 1, 0xc3], base + at);
  cpu.setRegister(3, BigInt(POINTER));
  const sumOfCalls = (target: number): number => {
    memory.view.setBigUint64(base + POINTER + 8, BigInt(target), true);
    cpu.setRegister(0, 0n);
    cpu.setRegister(1, BigInt(CALLS));
    cpu.setRegister(4, 0x23f00n);
    cpu.setRegister(6, BigInt(target));
    cpu.setRegister(7, 1n);
    cpu.ripNumber = CALLER;
    expect(cpu.run(1 << 20)).toBe(STOP.instruction);
    return Number(cpu.getRegister(0));
  };
  return { sumOfCalls, isCopied: () => jit.regions(memory).some(({ pages }) => pages === 2) };
}

describe("the function that an indirect call leads to", () => {
  it.each([
    ["register", 64, [0xff, 0xd6]],
    ["register", 32, [0xff, 0xd6]],
    ["pointer by base and displacement", 64, [0xff, 0x53, 8]],
    ["pointer by base, index and displacement", 32, [0xff, 0x54, 0x3b, 7]],
    ["pointer relative to RIP", 64, [0xff, 0x15, 0x02, 0, 1, 0]],
    ["pointer at an absolute address", 32, [0xff, 0x15, 0x08, 0, 2, 0]],
  ] as const)("is part of the caller's region: by a %s, %i bits", (_name, bits, call) => {
    const { sumOfCalls, isCopied } = machine(bits, call);
    expect(sumOfCalls(FUNCTIONS[0])).toBe(CALLS);
    expect(isCopied()).toBe(true);
    expect(sumOfCalls(FUNCTIONS[0])).toBe(CALLS);
    // Another one than at that time.
    expect(sumOfCalls(FUNCTIONS[1])).toBe(2 * CALLS);
    expect(sumOfCalls(FUNCTIONS[0])).toBe(CALLS);
  });
});
