import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACCESS, type Cpu, SEGMENT } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

/**
 * The common cases of delivery and return are taken when the soft TLB has all that they need. So the same state with a warm and
 * with an empty soft TLB must come to the same.
 */
const RUNS = 500;
const TABLE = 0x6000;
const INTERRUPTS = 0x5000;
const TASK = 0x4000;
const INT_40 = "cd40";
const UNDEFINED = "0f0b";
/** mov eax, [c000h], which is not there; behind an instruction of one byte. */
const PAGE_FAULT = "8b042500c00000";
const ABSENT = 0xc000;
const ERROR_CODE = 0x1b;
const IRET = { 32: "cf", 64: "48cf" } as const;
/** mov eax, [page]; mov [page], eax for each page of tables and stacks; hlt. The same in 32- and 64-bit code. */
const WARM = `${[0x4000, 0x5000, 0x6000, 0x7000, 0x9000]
  .map((page) => {
    const address = Buffer.from(Uint32Array.of(page).buffer).toString("hex");
    return `8b0425${address}890425${address}`;
  })
  .join("")}f4`;

type Bits = 32 | 64;

/** Access byte and flags nibble of each descriptor. */
const descriptors = (bits: Bits): readonly (readonly [number, number])[] => {
  const code = bits === 64 ? 0xa : 0xc;
  return [
    ...([
      [0x00, 0],
      [0x9b, code],
      [0x93, 0xc],
      [0xfb, code],
      [0xf3, 0xc],
    ] as const),
    ...([
      [0x9f, code],
      [0x1b, code],
      [0x9a, code],
      [0x92, 0xc],
      [0x93, 0x8],
    ] as const),
    ...([
      [0x97, 0xc],
      [0xbb, code],
      [0xb3, 0xc],
      [0xfb, 0xc],
      [0xfa, code],
      [0xf2, 0xc],
      [0x91, 0xc],
    ] as const),
  ];
};

const SELECTORS = [
  ...[0x08, 0x0b, 0x10, 0x13, 0x18, 0x1b, 0x20, 0x23, 0x28, 0x2b, 0x30, 0x38, 0x3b, 0x40],
  ...[0x48, 0x50, 0x58, 0x59, 0x61, 0x68, 0x6b, 0x70, 0x73, 0x7b, 0x80, 0x0c, 0x00, 0x03, 0x200],
] as const;
const POINTERS = [0x8000, 0x8000, 0x7ffc, 0x7ff0, 0x7fb3, 0x7004, 0x7fd8, 8, 0xa000, 0x9ffc] as const;
const HIGH = [0, 0, 0, 0, 0, 1, 0x8000, 0xffff8000] as const;

const usually = <T>(value: T, others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const state = fc.constantFrom<Bits>(32, 64).chain((bits) =>
  fc.record({
    bits: fc.constant(bits),
    code: fc.constantFrom(INT_40, UNDEFINED, PAGE_FAULT, IRET[bits], IRET[bits]),
    level: fc.constantFrom(0, 3),
    gateType: usually(0x8e, [0x8f, 0xee, 0xef, 0x0e, 0x86, 0x87, 0x85, 0x9e, 0xae]),
    gateSelector: usually(0x08, SELECTORS),
    gateOffset: usually(0x3000, [0x3001, 0xffff_f000]),
    gateHigh: fc.constantFrom(...HIGH),
    stackEntry: usually(0, [1, 2]),
    idtLimit: usually(0x7ff, [0x203, 0x407, 0x40f]),
    gdtLimit: usually(0xff, [0x0f, 0x17, 0x1e, 0x0e]),
    taskLimit: usually(0x67, [3, 8, 9, 10, 11]),
    taskRights: usually(0x8b, [0x83]),
    innerPointer: usually(0xa000, POINTERS),
    innerHigh: fc.constantFrom(...HIGH),
    innerSelector: usually(0x10, SELECTORS),
    stackPointer: fc.oneof(fc.constant(0x7fd8), fc.constantFrom(...POINTERS)),
    stackRights: usually(0xc0_93, [0x8093, 0xc097, 0x4093]),
    stackLimit: usually(0xffffffff, [0x7fff, 0x7ff7, 0x8003]),
    stackBase: usually(0, [0x1000, 0xffffff00, 0x10]),
    frame: fc.record({
      rip: usually(0x3000, [0x3001, 0x7fff_ffff, 0xffff_f000]),
      ripHigh: fc.constantFrom(...HIGH),
      flags: fc
        .tuple(fc.integer({ min: 0, max: 0x1ffff }), usually(0, [0x4_0000, 0x14_0000, 0x2_0000, 0x22_0000]))
        .map(([low, high]) => low | high),
      rsp: fc.constantFrom(...POINTERS),
      // CS and SS.
      selectors: fc.oneof(
        { weight: 2, arbitrary: fc.constantFrom([0x08, 0x10], [0x1b, 0x23]) },
        { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...SELECTORS), fc.constantFrom(...SELECTORS)) },
      ),
    }),
    flags: fc.constantFrom(2, 0x202, 0x4002, 0x3202, 0x1_0002, 0x2_0202, 0x4_0ad7, 0x20_0246),
    dataLevel: fc.constantFrom(0, 3),
    hasData: fc.boolean(),
    nullSelector: usually(0, [1, 2, 3]),
  }),
);
type State = typeof state extends fc.Arbitrary<infer T> ? T : never;

const flat = (cpu: Cpu, level: number, bits: Bits): void => {
  const dpl = level << 5;
  cpu.setSegmentRaw(SEGMENT.cs, 0x08 | level, 0, 0, 0xffffffff, (bits === 64 ? 0xa09b : 0xc09b) | dpl);
  cpu.setSegmentRaw(SEGMENT.ss, 0x10 | level, 0, 0, 0xffffffff, 0xc093 | dpl);
};

function warm(m: SystemMachine): void {
  const { cpu } = m;
  // In the page of the code under test: decoding the first code of a page empties the soft TLB.
  m.load(0x1100, WARM);
  for (const level of [0, 3]) {
    // Without HLT at level 3: the budget ends behind the last store.
    flat(cpu, level, 64);
    cpu.ripNumber = 0x1100;
    cpu.run(10);
  }
  cpu.setRegister(0, 0n);
}

interface Outcome {
  readonly result: unknown;
  /** The Mmu was asked for nothing but code. */
  readonly isCommon: boolean;
}

function run(s: State, tlb: "warm" | "empty"): Outcome {
  const m = new SystemMachine("90");
  const { cpu, memory, base } = m;
  cpu.efer = 0x500;
  cpu.cr4 = 0x20;
  cpu.cr0 = 0x80000011;
  warm(m);
  if (tlb === "empty") cpu.flushTlb();
  if (s.bits === 32) {
    cpu.efer = 0;
    cpu.cr4 = 0;
    cpu.cr0 = 0x11;
  }
  m.load(0x1000, s.code);
  const words = (at: number, ...values: readonly number[]): void => {
    for (const [i, value] of values.entries()) memory.u32[((base + at) >> 2) + i] = value >>> 0;
  };
  for (const [i, [access, nibble]] of descriptors(s.bits).entries())
    words(TABLE + i * 8, 0xffff, (nibble << 20) | 0xf0000 | (access << 8));
  const gate = [(s.gateSelector << 16) | (s.gateOffset & 0xffff), (s.gateOffset & 0xffff0000) | (s.gateType << 8)];
  for (const vector of [6, 8, 10, 11, 12, 13, 14, 0x40]) {
    if (s.bits === 64)
      words(INTERRUPTS + vector * 16, gate[0] as number, (gate[1] as number) | s.stackEntry, s.gateHigh);
    else words(INTERRUPTS + vector * 8, ...gate);
  }
  if (s.bits === 64) words(TASK + 4, s.innerPointer, s.innerHigh);
  else words(TASK + 4, s.innerPointer, s.innerSelector);
  words(TASK + 0x24, 0x9f00, 0, 0x9f00, 0);
  const { frame } = s;
  const at = (s.stackPointer + s.stackBase) >>> 0;
  const bytes = s.bits / 8;
  const [codeSelector, stackSelector] = frame.selectors as [number, number];
  const values = [frame.rip, codeSelector, frame.flags, frame.rsp, stackSelector];
  values.forEach((value, i) => {
    const slot = base + at + i * bytes;
    if (at + i * bytes + bytes > 0xb000 || slot % 4 !== 0) return;
    memory.u32[slot >> 2] = value >>> 0;
    if (bytes === 8) memory.u32[(slot >> 2) + 1] = i === 0 ? s.frame.ripHigh : 0;
  });
  flat(cpu, s.level, s.bits);
  const dpl = s.level << 5;
  cpu.setSegmentRaw(SEGMENT.ss, 0x10 | s.level, s.stackBase | 0, 0, s.stackLimit, s.stackRights | dpl);
  cpu.setSegmentRaw(SEGMENT.tr, 0x28, TASK, 0, s.taskLimit, s.taskRights);
  for (const register of [SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs])
    if (s.hasData) cpu.setSegmentRaw(register, 0x10, 0, 0, 0xffffffff, 0xc093 | (s.dataLevel << 5));
    else cpu.setSegmentRaw(register, s.nullSelector, 0x1234, 0x56, 0, 0x10000);
  cpu.gdtrLimit = s.gdtLimit;
  cpu.idtrLimit = s.idtLimit;
  cpu.setRegister(4, BigInt(s.stackPointer));
  cpu.rflagsNumber = s.bits === 64 ? s.flags & ~0x20000 : s.flags;
  cpu.ripNumber = 0x1000;
  cpu.halted = false;
  m.mmu.asked.length = 0;
  m.mmu.faulting.set(ABSENT, ERROR_CODE);
  const stop = cpu.run(1);
  const { vector, errorCode } = cpu.stop;
  const result = {
    stop,
    detail: stop === 1 ? { vector, errorCode } : {},
    state: cpu.saveState(),
    memory: Buffer.from(memory.u8.subarray(base + 0x3000, base + 0xb000)).toString("latin1"),
  };
  const isCommon = m.mmu.asked.every(({ page, access }) => page === ABSENT || (access & ACCESS.execute) !== 0);
  cpu.dispose();
  return { result, isCommon };
}

describe("events and returns", () => {
  it("come to the same whether the soft TLB has what they need or not", () => {
    const common = new Map<string, number>();
    fc.assert(
      fc.property(state, (s) => {
        const { result, isCommon } = run(s, "warm");
        const full = run(s, "empty");
        expect(result).toEqual(full.result);
        if (isCommon && !full.isCommon) common.set(s.code, (common.get(s.code) ?? 0) + 1);
      }),
      { numRuns: RUNS },
    );
    const counts = [INT_40, UNDEFINED, PAGE_FAULT, IRET[32], IRET[64]].map((code) => common.get(code) ?? 0);
    expect(Math.min(...counts)).toBeGreaterThan(RUNS / 250);
  }, 120_000);
});
