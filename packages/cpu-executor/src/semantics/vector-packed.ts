import { i32, type V128, type VectorBinary, type VectorUnary, v128 } from "@likex/wasm-emitter";
import type { SemanticsBuilder } from "./builder.ts";
import type { Place } from "./place.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkVector, enterMmx, isMmx, markMmx, register, source } from "./vector-access.ts";

/** Bytes of the registers that an operation is written for: MMX ones are the low half of a vector. */
type Bytes = 8 | 16;
type Packed = (a: V128, b: V128, bytes: Bytes) => V128;

/** Destination and source are vectors, and so is the result. */
export function packed(operation: Packed): SemanticsEntry {
  return {
    extension: true,
    write: (b) => {
      checkVector(b);
      const from = source(b, 1, "aligned");
      const to = register(b, 0);
      enterMmx(b);
      setVector(b, to, operation(vectorOf(b, to), sourceVector(b, from), isMmx(b) ? 8 : 16));
    },
  };
}

/** PUNPCKL of MMX registers reads four bytes of memory only. */
function sourceVector(b: SemanticsBuilder, place: Place): V128 {
  const operand = b.operand(1);
  const isShort = operand.kind === "memory" && operand.bits === 32;
  return isShort ? v128.splat("i32x4_splat", place.i32()) : vectorOf(b, place);
}

export const vectorOf = (b: SemanticsBuilder, place: Place): V128 => (isMmx(b) ? place.low() : place.vector());

export function setVector(b: SemanticsBuilder, place: Place, value: V128): void {
  if (isMmx(b)) {
    place.setI64(v128.low64(value));
    markMmx(b, place);
  } else place.setVector(value);
}

const direct = (name: VectorBinary): SemanticsEntry => packed((a, b) => v128.binary(name, a, b));

/** The operation has its operands the other way round. */
const swapped = (name: VectorBinary): SemanticsEntry => packed((a, b) => v128.binary(name, b, a));

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** Lanes of `size` bytes of a and b in turn, from the low or high half. */
function interleave(size: number, half: "low" | "high"): SemanticsEntry {
  return packed((a, b, bytes) => {
    const first = half === "low" ? 0 : bytes / 2;
    const positions: number[] = [];
    for (let lane = 0; lane < bytes / 2; lane += size)
      positions.push(...range(first + lane, size), ...range(16 + first + lane, size));
    return v128.shuffle(a, b, [...positions, ...range(positions.length, 16 - positions.length)]);
  });
}

/** The registers' bytes in a row in one vector: of two MMX registers, or just `a` when b follows by itself. */
const joined = (a: V128, b: V128): V128 => v128.shuffle(a, b, [...range(0, 8), ...range(16, 8)]);

/** Saturates the lanes of a, then those of b, to half their size. */
const narrowing = (name: VectorBinary): SemanticsEntry =>
  packed((a, b, bytes) => (bytes === 16 ? v128.binary(name, a, b) : v128.binary(name, joined(a, b), joined(a, b))));

const evenLanes = (size: number): number[] => range(0, 16 / size / 2).flatMap((i) => range(i * 2 * size, size));
const oddLanes = (size: number): number[] => evenLanes(size).map((at) => at + size);

/** Combines neighbouring lanes of a, then of b. */
const horizontal = (name: VectorBinary, size: 2 | 4): SemanticsEntry =>
  packed((a, b, bytes) => {
    const [x, y] = bytes === 16 ? [a, b] : [joined(a, b), joined(a, b)];
    const both = (lanes: number[]): V128 => v128.shuffle(x, y, [...lanes, ...lanes.map((at) => at + 16)]);
    return v128.binary(name, both(evenLanes(size)), both(oddLanes(size)));
  });

const HIGH_WORDS = oddLanes(2);

/** High halves of 16-bit products. */
const multiplyHigh = (sign: "s" | "u"): SemanticsEntry =>
  packed((a, b) => {
    const part = (half: "low" | "high"): V128 => v128.binary(`i32x4_extmul_${half}_i16x8_${sign}`, a, b);
    return v128.shuffle(part("low"), part("high"), [...HIGH_WORDS, ...HIGH_WORDS.map((at) => at + 16)]);
  });

const DOUBLE_EVEN = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
const evenDoublewords = (v: V128): V128 => v128.shuffle(v, v, DOUBLE_EVEN);

/** PMULHRSW: (a * b + 2^14) >> 15, the one overflow included. */
const multiplyRounded = packed((a, b) => {
  const rounded = (half: "low" | "high"): V128 =>
    v128.shift(
      "i32x4_shr_s",
      v128.binary(
        "i32x4_add",
        v128.binary(`i32x4_extmul_${half}_i16x8_s`, a, b),
        v128.splat("i32x4_splat", i32.const(0x4000)),
      ),
      i32.const(15),
    );
  const even = evenLanes(2);
  return v128.shuffle(rounded("low"), rounded("high"), [...even, ...even.map((at) => at + 16)]);
});

/** PMADDUBSW: unsigned bytes of a times signed bytes of b, neighbours added with saturation. */
const multiplyAddBytes = packed((a, b) => {
  const products = (which: "even" | "odd"): V128 => {
    // A product of an unsigned and a signed byte fits 16 bits.
    const unsigned =
      which === "even"
        ? v128.binary("and", a, v128.splat("i16x8_splat", i32.const(0xff)))
        : v128.shift("i16x8_shr_u", a, i32.const(8));
    const left = which === "even" ? v128.shift("i16x8_shl", b, i32.const(8)) : b;
    return v128.binary("i16x8_mul", unsigned, v128.shift("i16x8_shr_s", left, i32.const(8)));
  };
  return v128.binary("i16x8_add_sat_s", products("even"), products("odd"));
});

/** PSADBW: sums of absolute differences of eight bytes each. */
const sumDifferences = packed((a, b) => {
  const difference = v128.binary("or", v128.binary("i8x16_sub_sat_u", a, b), v128.binary("i8x16_sub_sat_u", b, a));
  const words = v128.unary("i16x8_extadd_pairwise_i8x16_u", difference);
  const doubles = v128.unary("i32x4_extadd_pairwise_i16x8_u", words);
  const low = v128.binary("and", doubles, v128.constant(0xffffffffn, 0xffffffffn));
  return v128.binary("i64x2_add", low, v128.shift("i64x2_shr_u", doubles, i32.const(32)));
});

type LaneBits = 8 | 16 | 32;
const LANES: Readonly<Record<LaneBits, string>> = { 8: "i8x16", 16: "i16x8", 32: "i32x4" };

/** PSIGN: a negated where b is negative, 0 where b is 0. */
const sign = (bits: LaneBits): SemanticsEntry =>
  packed((a, b) => {
    const lanes = LANES[bits];
    const zero = v128.constant(0n, 0n);
    const negative = v128.binary(`${lanes}_gt_s` as VectorBinary, zero, b);
    const chosen = v128.bitselect(v128.unary(`${lanes}_neg` as VectorUnary, a), a, negative);
    return v128.binary("andnot", chosen, v128.binary(`${lanes}_eq` as VectorBinary, b, zero));
  });

const unary = (name: VectorUnary): SemanticsEntry => packed((_a, b) => v128.unary(name, b));

const shuffleBytes = packed((a, b, bytes) =>
  v128.binary(
    "i8x16_swizzle",
    a,
    v128.binary("and", b, v128.splat("i8x16_splat", i32.const(bytes === 16 ? 0x8f : 0x87))),
  ),
);

const moved = (positions: readonly number[]): SemanticsEntry => packed((a, b) => v128.shuffle(a, b, positions));

/** PBLENDVB and its like: lanes of the source where those of XMM0 are negative. */
const variableBlend = (greater: VectorBinary): SemanticsEntry => ({
  extension: true,
  write: (b) => {
    checkVector(b);
    const from = source(b, 1, "aligned");
    const to = register(b, 0);
    const mask = v128.binary(greater, v128.constant(0n, 0n), b.vectorRegister(0).vector());
    to.setVector(v128.bitselect(from.vector(), to.vector(), mask));
  },
});

const BITWISE: SemanticsTable = Object.fromEntries(
  [
    ["pand", direct("and")],
    ["pandn", swapped("andnot")],
    ["por", direct("or")],
    ["pxor", direct("xor")],
  ].flatMap(([name, entry]): [string, SemanticsEntry][] => {
    const floating = (name as string).slice(1);
    return [name as string, `${floating}ps`, `${floating}pd`].map((n) => [n, entry as SemanticsEntry]);
  }),
);

/** Packed integer instructions that are a few WebAssembly vector operations; MMX and SSE have the same meaning. */
export const packedIntegers: SemanticsTable = {
  ...BITWISE,
  paddb: direct("i8x16_add"),
  paddw: direct("i16x8_add"),
  paddd: direct("i32x4_add"),
  paddq: direct("i64x2_add"),
  paddsb: direct("i8x16_add_sat_s"),
  paddsw: direct("i16x8_add_sat_s"),
  paddusb: direct("i8x16_add_sat_u"),
  paddusw: direct("i16x8_add_sat_u"),
  psubb: direct("i8x16_sub"),
  psubw: direct("i16x8_sub"),
  psubd: direct("i32x4_sub"),
  psubq: direct("i64x2_sub"),
  psubsb: direct("i8x16_sub_sat_s"),
  psubsw: direct("i16x8_sub_sat_s"),
  psubusb: direct("i8x16_sub_sat_u"),
  psubusw: direct("i16x8_sub_sat_u"),
  pcmpeqb: direct("i8x16_eq"),
  pcmpeqw: direct("i16x8_eq"),
  pcmpeqd: direct("i32x4_eq"),
  pcmpeqq: direct("i64x2_eq"),
  pcmpgtb: direct("i8x16_gt_s"),
  pcmpgtw: direct("i16x8_gt_s"),
  pcmpgtd: direct("i32x4_gt_s"),
  pcmpgtq: direct("i64x2_gt_s"),
  pavgb: direct("i8x16_avgr_u"),
  pavgw: direct("i16x8_avgr_u"),
  pmaxub: direct("i8x16_max_u"),
  pmaxuw: direct("i16x8_max_u"),
  pmaxud: direct("i32x4_max_u"),
  pmaxsb: direct("i8x16_max_s"),
  pmaxsw: direct("i16x8_max_s"),
  pmaxsd: direct("i32x4_max_s"),
  pminub: direct("i8x16_min_u"),
  pminuw: direct("i16x8_min_u"),
  pminud: direct("i32x4_min_u"),
  pminsb: direct("i8x16_min_s"),
  pminsw: direct("i16x8_min_s"),
  pminsd: direct("i32x4_min_s"),
  pmullw: direct("i16x8_mul"),
  pmulld: direct("i32x4_mul"),
  pmaddwd: direct("i32x4_dot_i16x8_s"),
  pmulhw: multiplyHigh("s"),
  pmulhuw: multiplyHigh("u"),
  pmuludq: packed((a, b) => v128.binary("i64x2_extmul_low_i32x4_u", evenDoublewords(a), evenDoublewords(b))),
  pmuldq: packed((a, b) => v128.binary("i64x2_extmul_low_i32x4_s", evenDoublewords(a), evenDoublewords(b))),
  pmulhrsw: multiplyRounded,
  pmaddubsw: multiplyAddBytes,
  psadbw: sumDifferences,
  packsswb: narrowing("i8x16_narrow_i16x8_s"),
  packuswb: narrowing("i8x16_narrow_i16x8_u"),
  packssdw: narrowing("i16x8_narrow_i32x4_s"),
  packusdw: narrowing("i16x8_narrow_i32x4_u"),
  punpcklbw: interleave(1, "low"),
  punpcklwd: interleave(2, "low"),
  punpckldq: interleave(4, "low"),
  punpcklqdq: interleave(8, "low"),
  punpckhbw: interleave(1, "high"),
  punpckhwd: interleave(2, "high"),
  punpckhdq: interleave(4, "high"),
  punpckhqdq: interleave(8, "high"),
  unpcklps: interleave(4, "low"),
  unpcklpd: interleave(8, "low"),
  unpckhps: interleave(4, "high"),
  unpckhpd: interleave(8, "high"),
  phaddw: horizontal("i16x8_add", 2),
  phaddd: horizontal("i32x4_add", 4),
  phaddsw: horizontal("i16x8_add_sat_s", 2),
  phsubw: horizontal("i16x8_sub", 2),
  phsubd: horizontal("i32x4_sub", 4),
  phsubsw: horizontal("i16x8_sub_sat_s", 2),
  pblendvb: variableBlend("i8x16_gt_s"),
  blendvps: variableBlend("i32x4_gt_s"),
  blendvpd: variableBlend("i64x2_gt_s"),
  pshufb: shuffleBytes,
  psignb: sign(8),
  psignw: sign(16),
  psignd: sign(32),
  pabsb: unary("i8x16_abs"),
  pabsw: unary("i16x8_abs"),
  pabsd: unary("i32x4_abs"),
  movsldup: moved([...range(16, 4), ...range(16, 4), ...range(24, 4), ...range(24, 4)]),
  movshdup: moved([...range(20, 4), ...range(20, 4), ...range(28, 4), ...range(28, 4)]),
};
