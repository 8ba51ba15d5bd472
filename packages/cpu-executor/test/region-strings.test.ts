import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { PROGRAM } from "./support/assembler.ts";
import { machine, stateOf } from "./support/lockstep.ts";

const int32 = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
const ROUNDS = 60;
const MOST = 12_000;
/** Budgets that end in the middle of a repetition, of the instructions around it, and of neither. */
const BUDGETS = [173, 500, 2999, MOST];

interface Case {
  readonly name: string;
  readonly source: number;
  readonly destination: number;
  readonly count: number;
  readonly repetition: readonly number[];
  /** CLD or STD, before the repetition. */
  readonly direction?: number;
}

const DATA = PROGRAM.data;
const MOVSB = [0xf3, 0xa4];
const MOVSD = [0xf3, 0xa5];
const STOSD = [0xf3, 0xab];

const WHOLE: readonly Case[] = [
  { name: "apart", source: DATA, destination: DATA + 0x800, count: 60, repetition: MOVSB },
  { name: "long enough for the engine's copy", source: DATA, destination: DATA + 0x800, count: 100, repetition: MOVSD },
  { name: "one element", source: DATA, destination: DATA + 0x801, count: 1, repetition: MOVSD },
  { name: "no element", source: DATA, destination: DATA + 0x801, count: 0, repetition: MOVSD },
  { name: "no element, with addresses of 32 bits", source: 0, destination: 0, count: 0, repetition: [0x67, ...MOVSD] },
  { name: "addresses of 32 bits", source: DATA, destination: DATA + 0x400, count: 9, repetition: [0x67, ...MOVSD] },
  { name: "a pattern that repeats itself", source: DATA, destination: DATA + 3, count: 90, repetition: MOVSD },
  { name: "a byte that repeats itself", source: DATA, destination: DATA + 1, count: 200, repetition: MOVSB },
  { name: "over what comes before", source: DATA + 9, destination: DATA, count: 200, repetition: MOVSB },
  { name: "onto itself", source: DATA, destination: DATA, count: 200, repetition: MOVSB },
  { name: "up to the page's end", source: DATA, destination: DATA + 0x1000 - 64, count: 64, repetition: MOVSB },
  { name: "a filled page", source: DATA, destination: DATA + 0x1000, count: 1024, repetition: STOSD },
  { name: "a few filled words", source: DATA, destination: DATA + 0x1001, count: 5, repetition: STOSD },
  { name: "with an FS of its own", source: 0, destination: DATA, count: 5, repetition: [0x64, ...MOVSD] },
];

/** Regions leave at least a part of these to the interpreter. */
const LEFT: readonly Case[] = [
  { name: "across a page's end", source: DATA, destination: DATA + 0xff0, count: 64, repetition: MOVSB },
  { name: "from across a page's end", source: DATA + 0xffd, destination: DATA, count: 2, repetition: MOVSD },
  { name: "downwards", source: DATA + 99, destination: DATA + 0x99, count: 40, repetition: MOVSB, direction: 0xfd },
  { name: "into the code", source: DATA, destination: PROGRAM.code + 0x800, count: 5, repetition: MOVSB },
];

/** loop: MOV ESI; MOV EDI; MOV ECX; CLD or STD; the repetition; CLD; INC EDX; CMP EDX, rounds; JNE loop; HLT. */
function code({ source, destination, count, repetition, direction = 0xfc }: Case): Uint8Array {
  const pointers = [0xbe, ...int32(source), 0xbf, ...int32(destination), 0xb9, ...int32(count)];
  const body = [...pointers, direction, ...repetition, 0xfc, 0xff, 0xc2, 0x81, 0xfa, ...int32(ROUNDS)];
  return Uint8Array.from([...body, 0x75, -(body.length + 2) & 0xff, 0xf4]);
}

function run(test: Case, budget: number, tier: "interpreter" | "jit") {
  const m = machine(64, code(test), tier);
  for (let i = 0; i < PROGRAM.dataBytes; i++) m.memory.u8[m.base + PROGRAM.data + i] = (i * 7 + (i >> 8)) & 0xff;
  m.cpu.setRegister(0, 0xff_1111_2222n);
  m.cpu.setRegister(1, -1n);
  m.cpu.setRegister(2, 0n);
  m.cpu.setSegment(4, { ...m.cpu.getSegment(4), base: BigInt(DATA) });
  const states: string[] = [];
  for (let left = MOST; left > 0; left -= budget) {
    const stop = m.cpu.run(Math.min(budget, left));
    states.push(stateOf(m, stop));
    if (stop !== STOP.budget) break;
  }
  return { states, executed: m.statistics().executed };
}

describe.each([...WHOLE, ...LEFT])("a repetition in a region: $name", (test) => {
  it.each(BUDGETS)("is what the interpreter makes of it, in budgets of %i", (budget) => {
    const [interpreted, compiled] = [run(test, budget, "interpreter"), run(test, budget, "jit")];
    expect(compiled.states.length).toBe(interpreted.states.length);
    expect(compiled.states.at(-1)).toBe(interpreted.states.at(-1));
    expect(compiled.states).toEqual(interpreted.states);
  });
});

describe("a repetition in a region", () => {
  it.each(WHOLE)("is executed there: $name", (test) => {
    const { executed } = run(test, MOST, "jit");
    // The first rounds are interpreted. Eight instructions of a round are beside the repetition.
    const rounds = Math.min(ROUNDS, MOST / (test.count + 8)) - 5;
    expect(executed).toBeGreaterThan(rounds * (8 + test.count));
  });
});
