import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { Cpu, STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const LOOP = 0x10000;
const CALLEE = 0x14000;
const VIEWS = [0x20000, 0x30000] as const;
const ROUNDS = 3000;
const OSFXSR = 1 << 9;

/** ADD EAX, imm8; RET: the immediate is the third byte. */
const ADD_BYTE = [0x83, 0xc0, 0, 0xc3];
/** ADD EAX, imm32, whose last byte is the first of the next page; RET. */
const CROSSING = 0x14ffc;
const ADD_ACROSS = [0x05, 0, 0, 0, 0, 0xc3];

const callFrom = (at: number, target: number): readonly number[] => {
  const distance = target - (at + 5);
  return [0xe8, ...[0, 8, 16, 24].map((shift) => (distance >> shift) & 0xff)];
};

interface Program {
  /** Writes CL where RDI points. */
  readonly write: readonly number[];
  readonly callee: number;
  readonly calleeCode: readonly number[];
  /** RDI and RSI, which the loop exchanges first. */
  readonly pointers: readonly [number, number];
}

/** XCHG RDI, RSI; the write; CALL; DEC ECX; JNZ back; HLT. */
function run({ write, callee, calleeCode, pointers }: Program, tier: "interpreter" | "regions"): Cpu {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const mmu = new FlatMmu(base);
  for (const view of VIEWS) mmu.elsewhere.set(view, CALLEE);
  const jit = createJit({ threshold: 20, batch: 1, delay: 0 });
  const cpu = Cpu.create({ memory, mmu, ...(tier === "regions" && { jit }) });
  useFlatSegments(cpu, 64);
  cpu.cr4 |= OSFXSR;
  const head = [0x48, 0x87, 0xfe, ...write];
  const body = [...head, ...callFrom(LOOP + head.length, callee), 0xff, 0xc9];
  memory.u8.set([...body, 0x75, -(body.length + 2) & 0xff, 0xf4], base + LOOP);
  memory.u8.set(calleeCode, base + callee);
  cpu.setRegister(1, BigInt(ROUNDS));
  cpu.setRegister(4, 0x23f00n);
  cpu.setRegister(7, BigInt(pointers[0]));
  cpu.setRegister(6, BigInt(pointers[1]));
  cpu.ripNumber = LOOP;
  expect(cpu.run(1 << 20)).toBe(STOP.instruction);
  // A page that always changes is interpreted.
  if (tier === "regions" && callee >= CALLEE) expect(jit.statistics(memory).executed).toBeGreaterThan(0);
  return cpu;
}

const sumOfBytes = (toNumber: (byte: number) => number): number => {
  let sum = 0;
  for (let count = ROUNDS; count > 0; count--) sum += toNumber(count & 0xff);
  return sum >>> 0;
};
const SIGNED = sumOfBytes((byte) => (byte << 24) >> 24);

const MOV = [0x88, 0x0f];
/** MOV [RDI], CL; MOV [RSI], CL. */
const MOV_TWICE = [0x88, 0x0f, 0x88, 0x0e];
/** MOV EDX, ECX; XCHG [RDI], DL. */
const XCHG = [0x89, 0xca, 0x86, 0x17];
/** MOVD XMM0, ECX; PEXTRB [RDI], XMM0, 0. */
const PEXTRB = [0x66, 0x0f, 0x6e, 0xc1, 0x66, 0x0f, 0x3a, 0x14, 0x07, 0];

const SIMPLE = { callee: CALLEE, calleeCode: ADD_BYTE };

const PROGRAMS: readonly (Program & { readonly name: string; readonly sum: number; readonly count: number })[] = [
  { ...{ name: "of another page", ...SIMPLE, write: MOV, pointers: [CALLEE + 2, CALLEE + 2] }, sum: SIGNED, count: 7 },
  { ...{ name: "by an exchange", ...SIMPLE, write: XCHG, pointers: [CALLEE + 2, CALLEE + 2] }, sum: SIGNED, count: 8 },
  {
    ...{ name: "by a vector instruction", ...SIMPLE, write: PEXTRB, pointers: [CALLEE + 2, CALLEE + 2] },
    ...{ sum: SIGNED, count: 8 },
  },
  {
    ...{ name: "through another linear page", ...SIMPLE, write: MOV, pointers: [VIEWS[0] + 2, VIEWS[0] + 2] },
    ...{ sum: SIGNED, count: 7 },
  },
  {
    ...{ name: "through two linear pages at once", ...SIMPLE, write: MOV_TWICE },
    ...{ pointers: [VIEWS[0] + 2, VIEWS[1] + 2], sum: SIGNED, count: 8 },
  },
  {
    ...{ name: "in the page of the code that writes", write: MOV, callee: LOOP + 0x800, calleeCode: ADD_BYTE },
    ...{ pointers: [LOOP + 0x802, LOOP + 0x802], sum: SIGNED, count: 7 },
  },
  {
    ...{ name: "in the second page of an instruction", write: MOV, callee: CROSSING, calleeCode: ADD_ACROSS },
    ...{ pointers: [0x15000, 0x15000], sum: sumOfBytes((byte) => byte << 24), count: 7 },
  },
];

describe.each(["interpreter", "regions"] as const)("code that a program changes itself (%s)", (tier) => {
  it.each(PROGRAMS)("is what was written last: $name", ({ sum, count, ...program }) => {
    const cpu = run(program, tier);
    expect(Number(cpu.getRegister(0))).toBe(sum);
    expect(cpu.instructionsRetired).toBe(ROUNDS * count);
  });
});

it("a write to decoded code leaves translations and other blocks known", () => {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const mmu = new FlatMmu(base);
  const cpu = Cpu.create({ memory, mmu });
  useFlatSegments(cpu, 64);
  const head = MOV;
  const body = [...head, ...callFrom(LOOP + head.length, CALLEE), 0xff, 0xc9];
  memory.u8.set([...body, 0x75, -(body.length + 2) & 0xff, 0xf4], base + LOOP);
  memory.u8.set(ADD_BYTE, base + CALLEE);
  cpu.setRegister(1, 200n);
  cpu.setRegister(4, 0x23f00n);
  cpu.setRegister(7, BigInt(CALLEE + 2));
  cpu.ripNumber = LOOP;
  cpu.run(7 * 100);
  mmu.asked.length = 0;
  cpu.run(7 * 50);
  // The loop and the stack are not asked for again.
  expect(new Set(mmu.asked.map(({ page }) => page))).toEqual(new Set([CALLEE]));
});
