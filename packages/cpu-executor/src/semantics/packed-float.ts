import { type V128, type VectorBinary, type VectorUnary, v128 } from "@likex/wasm-emitter";
import type { SemanticsBuilder } from "./builder.ts";
import { needSticky } from "./quick-float.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkSse, register, source } from "./vector-access.ts";
import { generally } from "./vector-routines.ts";

type Lanes = "i32x4" | "i64x2";

/** ADDPS and its like under the conditions of quick-float.ts, looked at in all lanes at once. */
interface Packed {
  readonly suffix: "s" | "d";
  readonly lanes: Lanes;
  readonly float: "f32x4" | "f64x2";
  readonly bits: 32 | 64;
  readonly fractionBits: number;
  readonly infinity: bigint;
}

const SINGLES: Packed = {
  suffix: "s",
  lanes: "i32x4",
  float: "f32x4",
  bits: 32,
  fractionBits: 23,
  infinity: 0x7f800000n,
};
const DOUBLES: Packed = {
  suffix: "d",
  lanes: "i64x2",
  float: "f64x2",
  bits: 64,
  fractionBits: 52,
  infinity: 0x7ff0000000000000n,
};

/** A vector with the same value in every lane. */
function all({ bits }: Packed, lane: bigint): V128 {
  const half = bits === 32 ? lane * 0x1_0000_0001n : lane;
  return v128.constant(half, half);
}

const or = (a: V128, b: V128): V128 => v128.binary("or", a, b);
const and = (a: V128, b: V128): V128 => v128.binary("and", a, b);

const isGreater = ({ lanes }: Packed, a: V128, b: V128): V128 => v128.binary(`${lanes}_gt_s`, a, b);
const isZero = (p: Packed, magnitude: V128): V128 => v128.binary(`${p.lanes}_eq`, magnitude, all(p, 0n));

/** Magnitudes are compared as signed integers: lanes that are denormal are all ones. */
const isDenormal = (p: Packed, magnitude: V128): V128 =>
  and(isGreater(p, magnitude, all(p, 0n)), isGreater(p, all(p, 1n << BigInt(p.fractionBits)), magnitude));

interface Operation {
  readonly name: "add" | "sub" | "mul" | "div" | "sqrt";
  /** Operands whose zeros alone make a zero that is exact. */
  readonly zeros: "any" | "first" | "both";
}

const OPERATIONS: readonly Operation[] = [
  { name: "add", zeros: "any" },
  { name: "sub", zeros: "any" },
  { name: "mul", zeros: "both" },
  { name: "div", zeros: "first" },
  { name: "sqrt", zeros: "any" },
];

function compute(b: SemanticsBuilder, p: Packed, { name }: Operation, x: V128, y: V128): V128 {
  const result = b.temporary("v128");
  const operation = `${p.float}_${name}`;
  const value =
    name === "sqrt" ? v128.unary(operation as VectorUnary, y) : v128.binary(operation as VectorBinary, x, y);
  b.code.set(result, value);
  return b.code.get(result);
}

const arithmetic = (p: Packed, operation: Operation): SemanticsEntry => ({
  extension: true,
  write: (b) => {
    checkSse(b);
    const from = source(b, 1, "aligned");
    const to = register(b, 0);
    b.usually(
      (giveUpIf) => {
        needSticky(b, giveUpIf);
        const kept = (value: V128): V128 => b.let(value);
        const magnitude = (value: V128): V128 => kept(and(value, all(p, (1n << BigInt(p.bits - 1)) - 1n)));
        const second = kept(from.vector());
        const first = operation.name === "sqrt" ? second : kept(to.vector());
        const [x, y] = [magnitude(first), magnitude(second)];
        const result = compute(b, p, operation, first, second);
        const size = magnitude(result);
        const zero = kept(isZero(p, size));
        const tooSmall = v128.binary("andnot", isGreater(p, all(p, 2n << BigInt(p.fractionBits)), size), zero);
        let bad = or(or(isDenormal(p, x), isDenormal(p, y)), or(isGreater(p, size, all(p, p.infinity - 1n)), tooSmall));
        if (operation.zeros !== "any") {
          const exact = operation.zeros === "first" ? isZero(p, x) : or(isZero(p, x), isZero(p, y));
          bad = or(bad, v128.binary("andnot", zero, exact));
        }
        giveUpIf(v128.test("any_true", bad));
        to.setVector(result);
      },
      () => generally(b, `${operation.name}p${p.suffix}`, to, from),
    );
  },
});

export const packedFloats: SemanticsTable = Object.fromEntries(
  [SINGLES, DOUBLES].flatMap((p) =>
    OPERATIONS.map((operation) => [`${operation.name}p${p.suffix}`, arithmetic(p, operation)] as const),
  ),
);
