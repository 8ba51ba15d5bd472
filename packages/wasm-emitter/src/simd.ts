import { type Expression, expression, type F32, type F64, type I32, type I64, type V128 } from "./expression.ts";
import { memarg } from "./memory.ts";

/** Binary operations of two vectors: names and opcodes of the core specification (5.4.8). */
export const BINARY = {
  i8x16_swizzle: 14,
  i8x16_eq: 35,
  i8x16_gt_s: 39,
  i16x8_eq: 45,
  i16x8_gt_s: 49,
  i32x4_eq: 55,
  i32x4_gt_s: 59,
  i64x2_eq: 214,
  i64x2_gt_s: 217,
  and: 78,
  andnot: 79,
  or: 80,
  xor: 81,
  i8x16_narrow_i16x8_s: 101,
  i8x16_narrow_i16x8_u: 102,
  i8x16_add: 110,
  i8x16_add_sat_s: 111,
  i8x16_add_sat_u: 112,
  i8x16_sub: 113,
  i8x16_sub_sat_s: 114,
  i8x16_sub_sat_u: 115,
  i8x16_min_s: 118,
  i8x16_min_u: 119,
  i8x16_max_s: 120,
  i8x16_max_u: 121,
  i8x16_avgr_u: 123,
  i16x8_narrow_i32x4_s: 133,
  i16x8_narrow_i32x4_u: 134,
  i16x8_add: 142,
  i16x8_add_sat_s: 143,
  i16x8_add_sat_u: 144,
  i16x8_sub: 145,
  i16x8_sub_sat_s: 146,
  i16x8_sub_sat_u: 147,
  i16x8_mul: 149,
  i16x8_min_s: 150,
  i16x8_min_u: 151,
  i16x8_max_s: 152,
  i16x8_max_u: 153,
  i16x8_avgr_u: 155,
  i32x4_add: 174,
  i32x4_sub: 177,
  i32x4_mul: 181,
  i32x4_min_s: 182,
  i32x4_min_u: 183,
  i32x4_max_s: 184,
  i32x4_max_u: 185,
  i32x4_dot_i16x8_s: 186,
  i32x4_extmul_low_i16x8_s: 188,
  i32x4_extmul_high_i16x8_s: 189,
  i32x4_extmul_low_i16x8_u: 190,
  i32x4_extmul_high_i16x8_u: 191,
  i16x8_extmul_low_i8x16_s: 156,
  i64x2_add: 206,
  i64x2_sub: 209,
  i64x2_extmul_low_i32x4_s: 220,
  i64x2_extmul_low_i32x4_u: 222,
  f32x4_add: 228,
  f32x4_sub: 229,
  f32x4_mul: 230,
  f32x4_div: 231,
  f64x2_add: 240,
  f64x2_sub: 241,
  f64x2_mul: 242,
  f64x2_div: 243,
} as const;

export const UNARY = {
  not: 77,
  i8x16_abs: 96,
  i8x16_neg: 97,
  i16x8_abs: 128,
  i16x8_neg: 129,
  i32x4_abs: 160,
  i32x4_neg: 161,
  i16x8_extend_low_i8x16_s: 135,
  i16x8_extend_high_i8x16_s: 136,
  i16x8_extend_low_i8x16_u: 137,
  i16x8_extend_high_i8x16_u: 138,
  i32x4_extend_low_i16x8_s: 167,
  i32x4_extend_high_i16x8_s: 168,
  i32x4_extend_low_i16x8_u: 169,
  i32x4_extend_high_i16x8_u: 170,
  i64x2_extend_low_i32x4_s: 199,
  i64x2_extend_low_i32x4_u: 201,
  i16x8_extadd_pairwise_i8x16_u: 125,
  i32x4_extadd_pairwise_i16x8_s: 126,
  i32x4_extadd_pairwise_i16x8_u: 127,
  f32x4_sqrt: 227,
  f64x2_sqrt: 239,
} as const;

/** Shifts of every lane by one count, which is taken modulo the lane's width. */
export const SHIFT = {
  i16x8_shl: 139,
  i16x8_shr_s: 140,
  i16x8_shr_u: 141,
  i32x4_shl: 171,
  i32x4_shr_s: 172,
  i32x4_shr_u: 173,
  i64x2_shl: 203,
  i64x2_shr_s: 204,
  i64x2_shr_u: 205,
} as const;

export const TEST = {
  any_true: 83,
  i8x16_all_true: 99,
  i8x16_bitmask: 100,
  i32x4_bitmask: 164,
  i64x2_bitmask: 196,
} as const;

export const SPLAT32 = { i8x16_splat: 15, i16x8_splat: 16, i32x4_splat: 17 } as const;

export type VectorBinary = keyof typeof BINARY;
export type VectorUnary = keyof typeof UNARY;
export type VectorShift = keyof typeof SHIFT;

export interface VectorOperations {
  readonly binary: (name: VectorBinary, a: V128, b: V128) => V128;
  readonly unary: (name: VectorUnary, a: V128) => V128;
  readonly shift: (name: VectorShift, a: V128, count: I32) => V128;
  readonly test: (name: keyof typeof TEST, a: V128) => I32;
  readonly splat: (name: keyof typeof SPLAT32, value: I32) => V128;
  readonly splat64: (value: I64) => V128;
  /** Bytes of `a` (0..15) and `b` (16..31) by position; sixteen positions. */
  readonly shuffle: (a: V128, b: V128, positions: readonly number[]) => V128;
  readonly constant: (low: bigint, high: bigint) => V128;
  readonly load: (address: I32, offset?: number) => V128;
  /** Eight bytes into the low half; the high half becomes 0. */
  readonly load64: (address: I32, offset?: number) => V128;
  /** Bits of `a` where `mask` has ones, else of `b`. */
  readonly bitselect: (a: V128, b: V128, mask: V128) => V128;
  readonly low64: (a: V128) => I64;
  readonly high64: (a: V128) => I64;
  /** Four bytes into the first lane; the others become 0. */
  readonly load32: (address: I32, offset?: number) => V128;
  /** A lane by its number, and the vector with another value in it. */
  readonly lane32: (a: V128, lane: number) => I32;
  readonly withLane32: (a: V128, lane: number, value: I32) => V128;
  readonly withLane64: (a: V128, lane: number, value: I64) => V128;
  readonly lowF32: (a: V128) => F32;
  readonly lowF64: (a: V128) => F64;
  readonly withLowF32: (a: V128, value: F32) => V128;
  readonly withLowF64: (a: V128, value: F64) => V128;
}

const LOW_LANE = { kind: "bytes", value: [0] } as const;

const op = (number: number): number => 0xfd00 + number;

const vector = (opcode: number, operands: readonly Expression[]): V128 => expression("v128", op(opcode), operands);

/** 128-bit vectors (core specification 4.3.5): integer operations only. */
export const v128: VectorOperations = {
  binary: (name, a, b) => vector(BINARY[name], [a, b]),
  unary: (name, a) => vector(UNARY[name], [a]),
  shift: (name, a, count) => vector(SHIFT[name], [a, count]),
  test: (name, a) => expression("i32", op(TEST[name]), [a]),
  splat: (name, value) => vector(SPLAT32[name], [value]),
  splat64: (value) => vector(18, [value]),
  shuffle: (a, b, positions) => expression("v128", op(13), [a, b], { kind: "bytes", value: positions }),
  constant: (low, high) => {
    const bytes = Array.from({ length: 16 }, (_, i) => Number(((i < 8 ? low : high) >> BigInt(8 * (i & 7))) & 0xffn));
    return expression("v128", op(12), [], { kind: "bytes", value: bytes });
  },
  load: (address, offset = 0) => expression("v128", op(0), [address], memarg(offset)),
  load64: (address, offset = 0) => expression("v128", op(93), [address], memarg(offset)),
  bitselect: (a, b, mask) => vector(82, [a, b, mask]),
  low64: (a) => expression("i64", op(29), [a], { kind: "bytes", value: [0] }),
  high64: (a) => expression("i64", op(29), [a], { kind: "bytes", value: [1] }),
  load32: (address, offset = 0) => expression("v128", op(92), [address], memarg(offset)),
  lane32: (a, lane) => expression("i32", op(27), [a], { kind: "bytes", value: [lane] }),
  withLane32: (a, lane, value) => expression("v128", op(28), [a, value], { kind: "bytes", value: [lane] }),
  withLane64: (a, lane, value) => expression("v128", op(30), [a, value], { kind: "bytes", value: [lane] }),
  lowF32: (a) => expression("f32", op(31), [a], LOW_LANE),
  lowF64: (a) => expression("f64", op(33), [a], LOW_LANE),
  withLowF32: (a, value) => expression("v128", op(32), [a, value], LOW_LANE),
  withLowF64: (a, value) => expression("v128", op(34), [a, value], LOW_LANE),
};
