import { type Expression, expression, type F32, type F64, type I32, type I64 } from "./expression.ts";

/** Opcodes of the operations that f32 and f64 share (core specification 5.4.7). */
const OP32 = {
  eq: 0x5b,
  ne: 0x5c,
  lt: 0x5d,
  gt: 0x5e,
  le: 0x5f,
  ge: 0x60,
  abs: 0x8b,
  neg: 0x8c,
  ceil: 0x8d,
  floor: 0x8e,
  trunc: 0x8f,
  nearest: 0x90,
  sqrt: 0x91,
  add: 0x92,
  sub: 0x93,
  mul: 0x94,
  div: 0x95,
} as const;

export interface FloatOperations<E extends Expression> {
  readonly eq: (a: E, b: E) => I32;
  readonly ne: (a: E, b: E) => I32;
  readonly lt: (a: E, b: E) => I32;
  readonly gt: (a: E, b: E) => I32;
  readonly le: (a: E, b: E) => I32;
  readonly ge: (a: E, b: E) => I32;
  readonly abs: (a: E) => E;
  readonly neg: (a: E) => E;
  readonly ceil: (a: E) => E;
  readonly floor: (a: E) => E;
  readonly trunc: (a: E) => E;
  readonly nearest: (a: E) => E;
  readonly sqrt: (a: E) => E;
  readonly add: (a: E, b: E) => E;
  readonly sub: (a: E, b: E) => E;
  readonly mul: (a: E, b: E) => E;
  readonly div: (a: E, b: E) => E;
}

function operations<T extends "f32" | "f64">(type: T): FloatOperations<Expression<T>> {
  const compares = type === "f32" ? 0 : 6;
  const arithmetic = type === "f32" ? 0 : 14;
  const entries = Object.entries(OP32).map(([name, opcode]): [string, unknown] => [
    name,
    opcode < 0x8b
      ? (a: Expression, b: Expression) => expression("i32", opcode + compares, [a, b])
      : (...operands: Expression[]) => expression(type, opcode + arithmetic, operands),
  ]);
  return Object.fromEntries(entries) as unknown as FloatOperations<Expression<T>>;
}

/** 32-bit floating point (core specification 4.3.3). The payload of a NaN result is not defined by WebAssembly. */
export const f32: FloatOperations<F32> & {
  readonly reinterpret: (bits: I32) => F32;
  readonly bits: (a: F32) => I32;
  readonly demote: (a: F64) => F32;
  /** Rounds to nearest. */
  readonly convert64S: (a: I64) => F32;
} = {
  ...operations("f32"),
  reinterpret: (bits) => expression("f32", 0xbe, [bits]),
  bits: (a) => expression("i32", 0xbc, [a]),
  demote: (a) => expression("f32", 0xb6, [a]),
  convert64S: (a) => expression("f32", 0xb4, [a]),
};

/** 64-bit floating point. */
export const f64: FloatOperations<F64> & {
  readonly reinterpret: (bits: I64) => F64;
  readonly bits: (a: F64) => I64;
  readonly promote: (a: F32) => F64;
  readonly convertS: (a: I32) => F64;
  /** Rounds to nearest; the others are exact. */
  readonly convert64S: (a: I64) => F64;
  /** Towards zero, with saturation; NaN becomes 0. */
  readonly truncate32S: (a: F64) => I32;
  readonly truncate64S: (a: F64) => I64;
} = {
  ...operations("f64"),
  reinterpret: (bits) => expression("f64", 0xbf, [bits]),
  bits: (a) => expression("i64", 0xbd, [a]),
  promote: (a) => expression("f64", 0xbb, [a]),
  convertS: (a) => expression("f64", 0xb7, [a]),
  convert64S: (a) => expression("f64", 0xb9, [a]),
  truncate32S: (a) => expression("i32", 0xfc02, [a]),
  truncate64S: (a) => expression("i64", 0xfc06, [a]),
};
