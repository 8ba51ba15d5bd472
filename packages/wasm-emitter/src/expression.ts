import type { ByteWriter } from "./bytes.ts";
import { WasmEmitterError } from "./errors.ts";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128" | "funcref";

/** The binary encoding of each value type (core specification 5.3). */
export const VALUE_TYPE_CODE: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
};

/** Bytes that follow an opcode: a memory argument, an index, or a constant. */
export type Immediate =
  | { readonly kind: "none" }
  | { readonly kind: "index"; readonly value: number }
  | { readonly kind: "i32"; readonly value: number }
  | { readonly kind: "i64"; readonly value: bigint }
  | { readonly kind: "bytes"; readonly value: readonly number[] }
  | { readonly kind: "memory"; readonly align: number; readonly offset: number }
  | { readonly kind: "indirect"; readonly type: number; readonly table: number };

/**
 * A value that an instruction sequence will leave on the stack: a tree that is written where it is used.
 * It has no identity at run time: using it twice computes it twice, so keep a value in a local to share it.
 */
export interface Expression<T extends ValueType = ValueType> {
  readonly type: T;
  /** One-byte opcode, or 0xfc00 + n and 0xfd00 + n for prefixed ones. */
  readonly opcode: number;
  readonly operands: readonly Expression[];
  readonly immediate: Immediate;
}

export type I32 = Expression<"i32">;
export type I64 = Expression<"i64">;
export type F32 = Expression<"f32">;
export type F64 = Expression<"f64">;
export type V128 = Expression<"v128">;

const NONE: Immediate = { kind: "none" };

/** An expression of any opcode: the escape hatch below the typed namespaces. */
export function expression<T extends ValueType>(
  type: T,
  opcode: number,
  operands: readonly Expression[],
  immediate: Immediate = NONE,
): Expression<T> {
  return { type, opcode, operands, immediate };
}

export function writeImmediate(out: ByteWriter, immediate: Immediate): void {
  switch (immediate.kind) {
    case "none":
      return;
    case "index":
      out.unsigned(immediate.value);
      return;
    case "i32":
      out.signed32(immediate.value);
      return;
    case "i64":
      out.signed64(immediate.value);
      return;
    case "bytes":
      out.bytes(immediate.value);
      return;
    case "memory":
      out.unsigned(immediate.align);
      out.unsigned(immediate.offset);
      return;
    case "indirect":
      out.unsigned(immediate.type);
      out.unsigned(immediate.table);
  }
}

export function writeOpcode(out: ByteWriter, opcode: number): void {
  if (opcode > 0xff) {
    out.byte(opcode >> 8);
    out.unsigned(opcode & 0xff);
  } else {
    out.byte(opcode);
  }
}

/** Writes operands first, as the stack machine wants them, then the opcode. Returns how many instructions it wrote. */
export function writeExpression(out: ByteWriter, e: Expression): number {
  let count = 1;
  for (const operand of e.operands) count += writeExpression(out, operand);
  writeOpcode(out, e.opcode);
  writeImmediate(out, e.immediate);
  return count;
}

/** The number of instructions that the expression becomes. */
export function instructionCount(e: Expression): number {
  let count = 1;
  for (const operand of e.operands) count += instructionCount(operand);
  return count;
}

/** The value of a constant expression, or undefined. */
export function constantOf(e: Expression): bigint | undefined {
  if (e.immediate.kind === "i32") return BigInt(e.immediate.value);
  if (e.immediate.kind === "i64") return e.immediate.value;
  return undefined;
}

export function requireType<T extends ValueType>(e: Expression, type: T, what: string): Expression<T> {
  if (e.type !== type) {
    throw new WasmEmitterError(`${what}: got a value of type ${e.type}, needs ${type}; convert it first`);
  }
  return e as Expression<T>;
}
