import fc from "fast-check";
import {
  expression,
  type FunctionBuilder,
  type I32,
  type I64,
  i32,
  i64,
  load,
  select,
  type V128,
  v128,
} from "../src/index.ts";
import { BINARY, SHIFT } from "../src/simd.ts";
import { keysOf } from "./emitted-operators.ts";

const BINARY_NAMES = ["add", "sub", "mul", "and", "or", "xor", "shl", "shrS", "shrU", "rotl", "divU", "remS"] as const;
const COMPARE_NAMES = ["eq", "ne", "ltS", "ltU", "gtS", "gtU", "leS", "geU"] as const;

/** Of a function with the parameters i32 and i64. */
const FIRST: I32 = expression("i32", 0x20, [], { kind: "index", value: 0 });
const SECOND: I64 = expression("i64", 0x20, [], { kind: "index", value: 1 });

const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const offset = fc.nat({ max: 0xffff_ffff });
const lanes = fc.array(fc.nat({ max: 31 }), { minLength: 16, maxLength: 16 });
const binary = fc.constantFrom(...BINARY_NAMES);
const vectorBinary = fc.constantFrom(...keysOf(BINARY));

/** Trees of typed operations over the parameters, memory and constants. */
const trees = fc.letrec<{ i32: I32; i64: I64; v128: V128 }>((tie) => ({
  i32: fc.oneof(
    { maxDepth: 5 },
    fc.integer().map((value) => i32.const(value)),
    fc.constant(FIRST),
    fc.tuple(binary, tie("i32"), tie("i32")).map(([name, a, b]) => i32[name](a, b)),
    fc.tuple(fc.constantFrom(...COMPARE_NAMES), tie("i64"), tie("i64")).map(([name, a, b]) => i64[name](a, b)),
    fc.tuple(fc.constantFrom("i32", "u8", "s16"), tie("i32"), offset).map(([name, a, at]) => load[name](a, at)),
    tie("i64").map((a) => i32.wrap(a)),
    fc.tuple(tie("i32"), tie("i32"), tie("i32")).map(([a, b, c]) => select(a, b, c)),
    tie("v128").map((a) => v128.test("i8x16_bitmask", a)),
  ),
  i64: fc.oneof(
    { maxDepth: 5 },
    int64.map((value) => i64.const(value)),
    fc.constant(SECOND),
    fc.tuple(binary, tie("i64"), tie("i64")).map(([name, a, b]) => i64[name](a, b)),
    fc.tuple(tie("i32"), offset).map(([a, at]) => load.u32to64(a, at)),
    tie("i32").map((a) => i64.extendU(a)),
    tie("v128").map((a) => v128.high64(a)),
  ),
  v128: fc.oneof(
    { maxDepth: 5 },
    fc.tuple(int64, int64).map(([low, high]) => v128.constant(low, high)),
    fc.tuple(vectorBinary, tie("v128"), tie("v128")).map(([name, a, b]) => v128.binary(name, a, b)),
    fc.tuple(fc.constantFrom(...keysOf(SHIFT)), tie("v128"), tie("i32")).map(([name, a, b]) => v128.shift(name, a, b)),
    tie("i64").map((a) => v128.splat64(a)),
    fc.tuple(tie("v128"), lanes).map(([a, positions]) => v128.shuffle(a, a, positions)),
  ),
}));

/** Writes something into a function. */
export type Statement = (f: FunctionBuilder) => void;

const write = (statement: Statement): Statement => statement;

const { body } = fc.letrec<{ statement: Statement; body: Statement }>((tie) => ({
  statement: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(trees.i32, trees.i32, offset).map(([a, b, at]) => write((f) => f.store("i32to16", a, b, at))),
    fc.tuple(trees.i32, trees.v128).map(([a, b]) => write((f) => f.store("v128", a, b))),
    trees.i64.map((a) => write((f) => f.set(f.local("i64"), a))),
    fc.tuple(tie("body"), trees.i32).map(([inner, condition]) =>
      write((f) =>
        f.loop((again) => {
          inner(f);
          f.brIf(again, condition);
        }),
      ),
    ),
    fc.tuple(trees.i32, tie("body"), tie("body")).map(([condition, yes, no]) =>
      write((f) =>
        f.if(
          condition,
          () => yes(f),
          () => no(f),
        ),
      ),
    ),
    fc.tuple(trees.i32, tie("body")).map(([selector, inner]) =>
      write((f) =>
        f.block((outer) =>
          f.block((end) => {
            inner(f);
            f.brTable([end, outer], end, selector);
          }),
        ),
      ),
    ),
  ),
  body: fc.array(tie("statement"), { maxLength: 3 }).map((list) =>
    write((f) => {
      for (const statement of list) statement(f);
    }),
  ),
}));

/** Functions of the parameters i32 and i64: stores, locals and nested blocks with branches. */
export const randomFunction: fc.Arbitrary<Statement> = body;
