import { type Expression, type F32, type F64, f32, f64, type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { type Lane, MemoryPlace, type Place } from "./place.ts";

/**
 * What the quick ways of SSE share. They take what programs meet: exceptions are masked, rounding is to nearest, operands and
 * result are normal or zero, and PE is set or the result exact (docs/decisions/0004). Everything else is the routines'.
 */
export type Float = Expression<"f32" | "f64">;
export type Bits = Expression<"i32" | "i64">;

/** A format with the engine's operations on it. */
export interface Format {
  readonly lane: Lane;
  readonly type: "f32" | "f64";
  readonly float: typeof f64;
  readonly integer: typeof i64;
  readonly fractionBits: number;
  /** Exponents up to that of infinity. */
  readonly exponents: number;
}

export const FORMATS: Readonly<Record<Lane, Format>> = {
  s: {
    lane: "s",
    type: "f32",
    float: f32 as unknown as typeof f64,
    integer: i32 as unknown as typeof i64,
    fractionBits: 23,
    exponents: 0xff,
  },
  d: { lane: "d", type: "f64", float: f64, integer: i64, fractionBits: 52, exponents: 0x7ff },
};

export type GiveUp = (condition: I32) => void;

/** MXCSR: all masked, to nearest, no FTZ and DAZ. */
const PLAIN_BITS = 0xffc0;
const PLAIN = 0x1f80;
const PE = 0x20;

const mxcsrIsNot = (b: SemanticsBuilder, bits: number, value: number): I32 =>
  i32.ne(i32.and(b.contextLoad(FPU.mxcsr, 32) as I32, i32.const(bits)), i32.const(value));

export const needPlain = (b: SemanticsBuilder, giveUpIf: GiveUp): void =>
  b.once("mxcsr", () => giveUpIf(mxcsrIsNot(b, PLAIN_BITS, PLAIN)));

export const isNotQuick = (b: SemanticsBuilder): I32 => mxcsrIsNot(b, PLAIN_BITS | PE, PLAIN | PE);

/** Nothing can be told by an inexact result that PE does not tell already. */
export const needSticky = (b: SemanticsBuilder, giveUpIf: GiveUp): void =>
  b.once("sticky", () => giveUpIf(isNotQuick(b)));

/** Gives up where the result is inexact, or may be, and PE is not set: as long as it is not, each result is looked at. */
export function needExact(b: SemanticsBuilder, giveUpIf: GiveUp, isInexact: () => I32): void {
  if (b.isKnown("sticky")) return;
  b.code.block((done) => {
    b.code.brIf(done, i32.and(b.contextLoad(FPU.mxcsr, 32) as I32, i32.const(PE)));
    giveUpIf(isInexact());
  });
}

export const numberOf = (place: Place, { lane }: Format): Float => (lane === "d" ? place.f64() : place.f32());
export const bitsOf = (place: Place, { lane }: Format): Bits => (lane === "d" ? place.i64() : place.i32());

export function setNumber(place: Place, { lane }: Format, value: Float): void {
  if (lane === "d") place.setF64(value as F64);
  else place.setF32(value as F32);
}

/** Twice the encoding: without the sign. */
const magnitude = ({ integer }: Format, bits: Bits): I64 => integer.shl(bits as I64, integer.const(1));

const constant = (f: Format, value: bigint): I64 =>
  f.lane === "d" ? i64.const(value) : (i32.const(Number(BigInt.asIntN(32, value))) as unknown as I64);

/** Exponent `e` where `magnitude` has it. */
const exponent = (f: Format, e: number): bigint => BigInt(e) << BigInt(f.fractionBits + 1);

const isDenormal = (f: Format, bits: Bits): I32 =>
  f.integer.ltU(f.integer.sub(magnitude(f, bits), constant(f, 1n)), constant(f, exponent(f, 1) - 1n));

/** The low lane as a number, which is no denormal. */
export function usual(b: SemanticsBuilder, place: Place, f: Format, giveUpIf: GiveUp): Float {
  if (place instanceof MemoryPlace) {
    // Read once: another processor may write meanwhile.
    const bits = b.let(bitsOf(place, f));
    giveUpIf(isDenormal(f, bits));
    return b.let(f.float.reinterpret(bits as I64));
  }
  if (!place.isUsual(f.lane)) {
    giveUpIf(isDenormal(f, bitsOf(place, f)));
    place.setUsual(f.lane);
  }
  return b.let(numberOf(place, f));
}

/** The result, normal or a zero that is exact unless `isInexact`. The least normal numbers may have been rounded from a denormal. */
export function usualResult(
  b: SemanticsBuilder,
  f: Format,
  value: Float,
  giveUpIf: GiveUp,
  isInexact: I32 = i32.const(0),
): Float {
  const result = b.let(value);
  const size = b.let(magnitude(f, f.float.bits(result as F64)));
  b.code.block((normal) => {
    const above = f.integer.sub(size, constant(f, exponent(f, 2)));
    b.code.brIf(normal, f.integer.ltU(above, constant(f, exponent(f, f.exponents - 2))));
    giveUpIf(i32.or(f.integer.ne(size, constant(f, 0n)), isInexact));
  });
  return result;
}

const zeroOf = (f: Format): F64 => f.float.reinterpret(constant(f, 0n));
export const isNotZero = (f: Format, value: F64): I32 => f.float.ne(value, zeroOf(f));
