import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { disassemble } from "../src/disassembler/index.ts";
import { type ImmediateKind, OPERATORS } from "../src/disassembler/operators.ts";
import { ByteWriter, ModuleBuilder } from "../src/index.ts";
import { emitterOperators } from "./emitted-operators.ts";
import { randomFunction } from "./random-function.ts";
import { wabtLines } from "./wabt-text.ts";

const timeout = 60_000;

/** Bytes of an immediate that every module of `moduleWith` makes sense of. */
const IMMEDIATES: Readonly<Record<ImmediateKind, readonly number[]>> = {
  none: [],
  block: [0x40],
  label: [0],
  labels: [2, 0, 0, 0],
  index: [0],
  function: [0],
  indirect: [0, 0],
  types: [1, 0x7e],
  heap: [0x70],
  memory: [0, 0x88, 0x02],
  memoryLane: [0, 0x88, 0x02, 1],
  lane: [1],
  shuffle: [31, 30, 29, 28, 27, 26, 25, 24, 7, 6, 5, 4, 3, 2, 1, 0],
  zeroIndex: [0],
  segment: [0, 0],
  twoIndices: [0, 0],
  i32: [0x80, 0x7f],
  i64: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
  f32: [0, 0, 0x80, 0x3f],
  f64: [0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
  v128: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
};

/** wabt writes floating point in hexadecimal, and no `else` without anything behind it. */
const comparable = (lines: readonly string[]): string[] =>
  lines
    .filter((line, i) => line !== "else" || lines[i + 1] !== "end")
    .map((line) => line.replace(/^(f\d\d.const).*/, "$1"));

/** A module with one of everything that an index can name, and a function of this code and an `end`. */
function moduleWith(code: readonly number[]): Uint8Array {
  const out = new ByteWriter();
  out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const section = (id: number, ...content: number[]): void => {
    out.byte(id);
    out.unsigned(content.length);
    out.bytes(content);
  };
  section(1, 1, 0x60, 0, 0);
  section(3, 1, 0);
  section(4, 1, 0x70, 0, 1);
  section(5, 1, 0, 1);
  section(6, 1, 0x7f, 1, 0x41, 0, 0x0b);
  section(9, 1, 1, 0, 0);
  section(12, 1);
  // One local, which is local 0.
  const body = [1, 1, 0x7f, ...code, 0x0b];
  section(10, 1, body.length, ...body);
  section(11, 1, 1, 0);
  return out.toBytes();
}

/** The opcode, its immediate, and whatever makes it stand where it may. */
function codeOf(opcode: number, immediate: ImmediateKind): readonly number[] {
  const number = opcode & 0xff;
  const bytes = opcode <= 0xff ? [opcode] : [opcode >> 8, ...(number < 0x80 ? [number] : [number, 1])];
  const operator = [...bytes, ...IMMEDIATES[immediate]];
  if (opcode === 0x05) return [0x04, 0x40, ...operator, 0x0b];
  if (opcode === 0x0b) return [0x02, 0x40, ...operator];
  return immediate === "block" ? [...operator, 0x0b] : operator;
}

describe("the table of operators", () => {
  it("has every opcode of the core specification's second version, and no name twice but select's", () => {
    // The first version, sign extension, saturating truncation, bulk memory, references, vectors; and tail calls.
    expect(OPERATORS.size).toBe(172 + 5 + 8 + 7 + 9 + 236 + 2);
    const names = [...OPERATORS.values()].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length - 1);
  });

  it.each([...OPERATORS].map(([opcode, { name, immediate }]) => [name, opcode, immediate] as const))(
    "prints %s as wabt does",
    { timeout },
    async (_, opcode, immediate) => {
      const bytes = moduleWith(codeOf(opcode, immediate));
      const own = disassemble(bytes, { functionIndex: 0 })
        .lines.slice(0, -1)
        .map(({ text }) => text);
      const theirs = await wabtLines(bytes);
      expect(comparable(own)).toEqual(comparable(theirs));
    },
  );
});

describe("what the emitter writes", () => {
  it.each(emitterOperators())("%s has a name here: %s", (_, expected, write) => {
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", { minimum: 1 });
    const f = module.function("f", [], []);
    write(f);
    const names = disassemble(module.finish(), { functionIndex: 0 }).lines.map(({ text }) => text.split(" ")[0]);
    expect(names).toContain(expected);
  });

  it("is printed as wabt prints it, with a line for each instruction that the builder has counted", {
    timeout,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(randomFunction, async (write) => {
        const module = new ModuleBuilder();
        module.importMemory("host", "memory", { minimum: 1 });
        const f = module.function("f", ["i32", "i64"], []);
        write(f);
        const bytes = module.finish();
        expect(WebAssembly.validate(bytes)).toBe(true);
        const { lines } = disassemble(bytes, { functionIndex: f.index });
        expect(lines.length).toBe(f.instructions + 1);
        expect(comparable(lines.slice(0, -1).map(({ text }) => text))).toEqual(await wabtLines(bytes));
      }),
      { numRuns: 100 },
    );
  });
});
