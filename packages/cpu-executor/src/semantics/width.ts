import { type Expression, type I32, type I64, i32, i64, load, type StoreKind } from "@likex/wasm-emitter";

/** An operand's value: 8, 16 and 32 bits as a zero-extended i32, 64 bits as an i64. */
export type Value = Expression<"i32" | "i64">;

export type Bits = 8 | 16 | 32 | 64;

/**
 * Arithmetic at one operand width. Values go in and come out zero-extended, so semantics are written once for all
 * widths and the constant folding of the expressions removes what a width does not need.
 */
export interface Width {
  readonly bits: Bits;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly type: "i32" | "i64";
  readonly store: StoreKind;
  readonly const: (value: number | bigint) => Value;
  readonly load: (address: I32, offset?: number) => Value;
  readonly add: (a: Value, b: Value) => Value;
  readonly sub: (a: Value, b: Value) => Value;
  readonly mul: (a: Value, b: Value) => Value;
  readonly and: (a: Value, b: Value) => Value;
  readonly or: (a: Value, b: Value) => Value;
  readonly xor: (a: Value, b: Value) => Value;
  readonly not: (a: Value) => Value;
  /** Shifts by a count below the width. */
  readonly shl: (a: Value, count: Value) => Value;
  readonly shrU: (a: Value, count: Value) => Value;
  readonly shrS: (a: Value, count: Value) => Value;
  readonly rotl: (a: Value, count: Value) => Value;
  readonly rotr: (a: Value, count: Value) => Value;
  readonly eqz: (a: Value) => I32;
  readonly eq: (a: Value, b: Value) => I32;
  readonly ltU: (a: Value, b: Value) => I32;
  readonly leU: (a: Value, b: Value) => I32;
  readonly ltS: (a: Value, b: Value) => I32;
  readonly leS: (a: Value, b: Value) => I32;
  /** The sign bit as 0 or 1. */
  readonly sign: (a: Value) => I32;
  readonly signExtend64: (a: Value) => I64;
  readonly zeroExtend64: (a: Value) => I64;
  readonly from64: (a: I64) => Value;
  readonly low32: (a: Value) => I32;
  readonly from32: (a: I32) => Value;
}

const as32 = (v: Value): I32 => v as I32;
const as64 = (v: Value): I64 => v as I64;

function narrow(bits: 8 | 16 | 32): Width {
  const mask = bits === 32 ? -1 : (1 << bits) - 1;
  const cut = (v: I32): I32 => i32.and(v, i32.const(mask));
  const signed = (v: Value): I32 =>
    bits === 32 ? as32(v) : bits === 16 ? i32.extend16S(as32(v)) : i32.extend8S(as32(v));
  const rotate = (a: Value, left: I32): Value =>
    cut(
      i32.or(i32.shl(as32(a), left), i32.shrU(as32(a), i32.and(i32.sub(i32.const(bits), left), i32.const(bits - 1)))),
    );
  return {
    bits,
    bytes: (bits / 8) as 1 | 2 | 4,
    type: "i32",
    store: bits === 32 ? "i32" : bits === 16 ? "i32to16" : "i32to8",
    const: (v) => i32.const(Number(BigInt.asIntN(32, BigInt.asUintN(bits, BigInt(v))))),
    load: bits === 32 ? load.i32 : bits === 16 ? load.u16 : load.u8,
    add: (a, b) => cut(i32.add(as32(a), as32(b))),
    sub: (a, b) => cut(i32.sub(as32(a), as32(b))),
    mul: (a, b) => cut(i32.mul(as32(a), as32(b))),
    and: (a, b) => i32.and(as32(a), as32(b)),
    or: (a, b) => i32.or(as32(a), as32(b)),
    xor: (a, b) => i32.xor(as32(a), as32(b)),
    not: (a) => i32.xor(as32(a), i32.const(mask)),
    shl: (a, c) => cut(i32.shl(as32(a), as32(c))),
    shrU: (a, c) => i32.shrU(as32(a), as32(c)),
    shrS: (a, c) => cut(i32.shrS(signed(a), as32(c))),
    rotl: bits === 32 ? (a, c) => i32.rotl(as32(a), as32(c)) : (a, c) => rotate(a, as32(c)),
    rotr:
      bits === 32
        ? (a, c) => i32.rotr(as32(a), as32(c))
        : (a, c) => rotate(a, i32.and(i32.sub(i32.const(bits), as32(c)), i32.const(bits - 1))),
    eqz: (a) => i32.eqz(as32(a)),
    eq: (a, b) => i32.eq(as32(a), as32(b)),
    ltU: (a, b) => i32.ltU(as32(a), as32(b)),
    leU: (a, b) => i32.leU(as32(a), as32(b)),
    ltS: (a, b) => i32.ltS(signed(a), signed(b)),
    leS: (a, b) => i32.leS(signed(a), signed(b)),
    sign: (a) => i32.shrU(as32(a), i32.const(bits - 1)),
    signExtend64: (a) => i64.extendS(signed(a)),
    zeroExtend64: (a) => i64.extendU(as32(a)),
    from64: (a) => cut(i32.wrap(a)),
    low32: (a) => as32(a),
    from32: (a) => cut(a),
  };
}

const WIDE: Width = {
  bits: 64,
  bytes: 8,
  type: "i64",
  store: "i64",
  const: (v) => i64.const(v),
  load: load.i64,
  add: (a, b) => i64.add(as64(a), as64(b)),
  sub: (a, b) => i64.sub(as64(a), as64(b)),
  mul: (a, b) => i64.mul(as64(a), as64(b)),
  and: (a, b) => i64.and(as64(a), as64(b)),
  or: (a, b) => i64.or(as64(a), as64(b)),
  xor: (a, b) => i64.xor(as64(a), as64(b)),
  not: (a) => i64.xor(as64(a), i64.const(-1)),
  shl: (a, c) => i64.shl(as64(a), as64(c)),
  shrU: (a, c) => i64.shrU(as64(a), as64(c)),
  shrS: (a, c) => i64.shrS(as64(a), as64(c)),
  rotl: (a, c) => i64.rotl(as64(a), as64(c)),
  rotr: (a, c) => i64.rotr(as64(a), as64(c)),
  eqz: (a) => i64.eqz(as64(a)),
  eq: (a, b) => i64.eq(as64(a), as64(b)),
  ltU: (a, b) => i64.ltU(as64(a), as64(b)),
  leU: (a, b) => i64.leU(as64(a), as64(b)),
  ltS: (a, b) => i64.ltS(as64(a), as64(b)),
  leS: (a, b) => i64.leS(as64(a), as64(b)),
  sign: (a) => i32.wrap(i64.shrU(as64(a), i64.const(63))),
  signExtend64: (a) => as64(a),
  zeroExtend64: (a) => as64(a),
  from64: (a) => a,
  low32: (a) => i32.wrap(as64(a)),
  from32: (a) => i64.extendU(a),
};

const WIDTHS: Readonly<Record<Bits, Width>> = { 8: narrow(8), 16: narrow(16), 32: narrow(32), 64: WIDE };

export function widthOf(bits: Bits): Width {
  return WIDTHS[bits];
}
