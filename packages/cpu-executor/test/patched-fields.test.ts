import { HostMemory, hpa } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { Cpu, STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const WRITER = 0x10000;
const CALLER = 0x11000;
const CODE = 0x14000;
/** Data, of which each page is one that the soft TLB has to learn of. */
const DATA = 0x40000;
const STACK = 0x23f00;
const PAGES = 32;
const OSFXSR = 1 << 9;
const LIMIT = 1_000_000;
const CALLS = 60;
const TIERS = ["interpreter", "regions"] as const;

/** MOV [RDI], ECX; HLT. */
const WRITER_CODE = [0x89, 0x0f, 0xf4];
/** loop: CALL RSI; DEC ECX; JNZ loop; HLT. */
const CALLER_CODE = [0xff, 0xd6, 0xff, 0xc9, 0x75, 0xfa, 0xf4];

/** Processors that call functions which they patch. */
function machine(tier: (typeof TIERS)[number]) {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const jit = createJit({ threshold: 20, batch: 1, shortest: 1, delay: 0 });
  const mmu = new FlatMmu(base);
  const processor = (kind = tier) => {
    const cpu = Cpu.create({ memory, mmu, ...(kind === "regions" && { jit }) });
    useFlatSegments(cpu, 64);
    cpu.cr4 |= OSFXSR;
    cpu.setRegister(3, BigInt(DATA));
    const run = (rip: number): number => {
      cpu.setRegister(4, BigInt(STACK));
      cpu.ripNumber = rip;
      return cpu.run(LIMIT);
    };
    return {
      cpu,
      /** Has the guest write four bytes. */
      write: (address: number, value: number): number => {
        cpu.setRegister(7, BigInt(address));
        cpu.setRegister(1, BigInt(value >>> 0));
        return run(WRITER);
      },
      /** EAX after calling a function, with 0 in EAX before the first call. */
      call: (address: number, times: number = CALLS): number => {
        cpu.setRegister(6, BigInt(address));
        cpu.setRegister(1, BigInt(times));
        cpu.setRegister(0, 0n);
        expect(run(CALLER)).toBe(STOP.instruction);
        return Number(cpu.getRegister(0) & 0xffff_ffffn);
      },
    };
  };
  const load = (address: number, bytes: readonly number[]): void => memory.u8.set(bytes, base + address);
  load(WRITER, WRITER_CODE);
  load(CALLER, CALLER_CODE);
  for (let at = 0; at < PAGES * 4096; at += 4) memory.view.setInt32(base + DATA + at, Math.imul(at, 0x9e3779b1), true);
  const modules = (): number => jit.statistics(memory).modules;
  return { memory, base, load, processor, modules, version: () => memory.frameVersion(hpa(base + CODE)) };
}

const times = (count: number, value: number): number => Math.imul(count, value) >>> 0;

/** ADD EAX, imm32; RET. */
const ADD = [0x05, 0, 0, 0, 0, 0xc3];

describe.each(TIERS)("a field that is patched again and again (%s)", (tier) => {
  it("is what was written last", () => {
    const { load, processor, modules, version } = machine(tier);
    load(CODE, ADD);
    const { call, write } = processor();
    for (let n = 0; n < 20; n++) {
      write(CODE + 1, n);
      expect(call(CODE)).toBe(times(CALLS, n));
    }
    const before = { modules: modules(), version: version() };
    for (let n = 20; n < 60; n++) {
      write(CODE + 1, n * 0x1234567);
      expect(call(CODE)).toBe(times(CALLS, n * 0x1234567));
    }
    if (tier === "regions") expect({ modules: modules(), version: version() }).toEqual(before);
  });

  it("is the same for what a region leaves to the interpreter", () => {
    const { memory, base, load, processor } = machine(tier);
    // MOV EAX, [RBX + disp32]; RET: in a page that the soft TLB does not have yet.
    load(CODE, [0x8b, 0x83, 0, 0, 0, 0, 0xc3]);
    const { call, write } = processor();
    for (let page = 0; page < PAGES; page++) {
      const at = page * 4096 + 8 * page;
      write(CODE + 2, at);
      expect(call(CODE)).toBe(memory.readU32(hpa(base + DATA + at)));
    }
  });

  it("changes what else its bytes are", () => {
    const { load, processor } = machine(tier);
    // ADD EAX, imm32; RET, and from its second byte on four NOPs.
    load(CODE, [0x05, 0x90, 0x90, 0x90, 0x90, 0xc3]);
    const { call, write } = processor();
    for (let n = 0; n < 3; n++) {
      call(CODE);
      write(CODE + 1, 0x90909090);
    }
    expect(call(CODE + 1, 3)).toBe(0);
    // ADD AL, 1; NOP; NOP
    write(CODE + 1, 0x90900104);
    expect(call(CODE + 1)).toBe(CALLS);
    expect(call(CODE)).toBe(times(CALLS, 0x90900104));
  });

  it("changes an instruction that begins in the page before", () => {
    const { load, processor } = machine(tier);
    // MOV RAX, imm64 in two pages, whose upper half is the field of an ADD that begins the second; SHR RAX, 32; RET.
    load(CODE - 5, [0x48, 0xb8, 0, 0, 0, 0x05, 0, 0, 0, 0, 0x48, 0xc1, 0xe8, 32, 0xc3]);
    const { call, write } = processor();
    for (let n = 1; n < 4; n++) {
      write(CODE + 1, n);
      call(CODE);
    }
    for (let n = 4; n < 8; n++) {
      write(CODE + 1, n);
      expect(call(CODE - 5)).toBe(n);
      call(CODE);
    }
  });

  it("is a constant again where compiled code has it as something else", () => {
    const { load, processor } = machine(tier);
    // ADD EAX, imm32; RET, and from its second byte on MOV AL, n; NOP; NOP; RET.
    load(CODE, [0x05, 0xb0, 0, 0x90, 0x90, 0xc3]);
    const [{ call, write }, other] = [processor(), processor()];
    for (let n = 0; n < 4; n++) {
      write(CODE + 1, 0x909000b0);
      call(CODE, 3);
    }
    expect(other.call(CODE + 1)).toBe(0);
    write(CODE + 1, 0x909007b0);
    expect(other.call(CODE + 1)).toBe(7);
    call(CODE, 3);
    write(CODE + 1, 0x909008b0);
    expect(other.call(CODE + 1)).toBe(8);
  });

  it.each([
    ["one byte on", 2, 0x0302, 0x00030200],
    ["one byte before", 0, 0x30205, 0x302],
  ])("is written in part by a write that begins %s", (_name, at, value, expected) => {
    const { load, processor } = machine(tier);
    load(CODE, [...ADD, 0x90]);
    const { call, write } = processor();
    for (let n = 0; n < 4; n++) {
      write(CODE + 1, n << 24);
      call(CODE);
    }
    write(CODE + 1, 0);
    // The bytes behind the field stay what they are.
    write(CODE + at, at === 2 ? value | (0xc3 << 24) : value);
    expect(call(CODE)).toBe(times(CALLS, expected));
  });

  it("is seen by a processor that has decoded it for itself", () => {
    const { load, processor } = machine(tier);
    load(CODE, ADD);
    const [first, second] = [processor(), processor("interpreter")];
    for (let n = 0; n < 10; n++) {
      first.write(CODE + 1, n);
      expect(first.call(CODE)).toBe(times(CALLS, n));
      expect(second.call(CODE, 3)).toBe(3 * n);
    }
  });

  it("meets a data breakpoint", () => {
    const { load, processor } = machine(tier);
    load(CODE, ADD);
    const { cpu, call, write } = processor();
    for (let n = 0; n < 4; n++) {
      write(CODE + 1, n);
      call(CODE);
    }
    cpu.dr0 = BigInt(CODE + 1);
    cpu.dr7 = 0x400 | (1 << 0) | (1 << 16);
    expect(write(CODE + 1, 7)).toBe(STOP.exception);
    expect(cpu.stop.vector).toBe(1);
    cpu.dr7 = 0x400;
    expect(call(CODE)).toBe(7 * CALLS);
  });
});

it("what was a field of another instruction is none when a patch has made that something else", () => {
  const { load, processor } = machine("regions");
  // ADD EAX, imm32; NOP; RET, and from its second byte on another one, whose field ends one byte behind.
  load(CODE, [0x05, 0x05, 0, 0, 0, 0x90, 0xc3]);
  const [first, second] = [processor(), processor()];
  const FEW = 3;
  first.call(CODE, FEW);
  first.write(CODE + 1, 0x00000005);
  second.call(CODE + 1, FEW);
  second.write(CODE + 2, 0x90000000 | 0);
  // Both are known; each processor has decoded one of them.
  second.call(CODE + 1, FEW);
  second.write(CODE + 2, 0x90000000 | 0);
  first.call(CODE, FEW);
  // From the second byte on: ADD AL, 5 (80 C0 05); NOP
  first.write(CODE + 1, 0x9005c080 | 0);
  expect(second.call(CODE + 1)).toBe((5 * CALLS) & 0xff);
});

/** Functions with a field, where it is, and values for it. */
const FORMS: readonly (readonly [string, readonly number[], number, readonly number[]])[] = [
  ["ADD r/m32, imm32", [0x81, 0xc0, 0, 0, 0, 0], 2, [1, -1, 0x7fffffff]],
  ["SBB r/m64, imm32", [0x48, 0x81, 0xd8, 0, 0, 0, 0], 3, [1, -1, 0x7fffffff]],
  ["CMP EAX, imm32 and SETC", [0x3d, 0, 0, 0, 0, 0x0f, 0x92, 0xc2], 1, [1, -1, 3]],
  ["CMP EAX, imm32 and a jump", [0x3d, 0, 0, 0, 0, 0x72, 2, 0xff, 0xc0], 1, [1, -1, 30]],
  ["TEST EAX, imm32", [0xa9, 0, 0, 0, 0, 0x9f], 1, [1, -1, 3]],
  ["IMUL r64, r/m64, imm32", [0x48, 0x69, 0xd0, 0, 0, 0, 0], 3, [3, -5]],
  ["MOV r32, imm32", [0xb8, 0, 0, 0, 0], 1, [3, -5]],
  ["MOV r/m64, imm32", [0x48, 0xc7, 0xc0, 0, 0, 0, 0], 3, [3, -5]],
  ["MOV m32, imm32: the immediate", [0xc7, 0x83, 8, 0, 0, 0, 0, 0, 0, 0], 6, [3, -5]],
  ["MOV m32, imm32: the displacement", [0xc7, 0x83, 0, 0, 0, 0, 7, 0, 0, 0], 2, [4, 0x1ffe]],
  ["PUSH imm32", [0x68, 0, 0, 0, 0, 0x58], 1, [3, -5]],
  ["LEA with base and index", [0x48, 0x8d, 0x84, 0x83, 0, 0, 0, 0], 4, [3, -5]],
  ["LEA with an address size of 32 bits", [0x67, 0x8d, 0x83, 0, 0, 0, 0], 3, [3, -0x50000]],
  ["MOV from memory relative to RIP", [0x8b, 0x05, 0, 0, 0, 0], 2, [DATA - CODE, DATA - CODE + 0x1234]],
  ["MOV from an absolute address", [0x8b, 0x04, 0x25, 0, 0, 0, 0], 3, [DATA, DATA + 0x4321]],
  ["POP to memory by RSP", [0x50, 0x8f, 0x84, 0x24, 0, 0, 0, 0], 4, [-64, -0x1000]],
  ["MOVUPS from memory", [0x0f, 0x10, 0x83, 0, 0, 0, 0, 0x66, 0x0f, 0x7e, 0xc0], 3, [3, 0x1ff9]],
  ["FLD behind FNINIT, with FISTP", [0xdb, 0xe3, 0xd9, 0x83, 0, 0, 0, 0, 0xdb, 0x1b], 4, [8, 0x2000]],
  ["a jump, which has none", [0xe9, 0, 0, 0, 0, 0xff, 0xc0, 0xff, 0xc0], 1, [0, 2, 4]],
  ["MOV r64, imm64, which is none", [0x48, 0xb8, 0, 0, 0, 0, 9, 0, 0, 0], 2, [3, -5]],
];

it.each(FORMS)("a patched field of %s means the same in regions", (_name, body, at, values) => {
  const states = TIERS.map((tier) => {
    const { load, base, memory, processor } = machine(tier);
    load(CODE, [...body, 0xc3]);
    const { cpu, call, write } = processor();
    return Array.from({ length: 24 }, (_, n) => {
      write(CODE + at, values[n % values.length] as number);
      const result = call(CODE, 20);
      const sum = memory.u32
        .subarray((base + DATA - 0x2000) >> 2, (base + DATA + 0x4000) >> 2)
        .reduce((a, word) => (Math.imul(a, 31) + word) | 0, 0);
      const { fpu: _fpu, ...registers } = cpu.saveState() as unknown as Record<string, unknown>;
      return JSON.stringify([result, sum, registers], (_key, v) => (typeof v === "bigint" ? v.toString(16) : v));
    });
  });
  expect(states[1]).toEqual(states[0]);
});
