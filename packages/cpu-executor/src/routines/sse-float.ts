/** Both sizes of scalar number as the SSE routines see them. */
export interface Size {
  readonly suffix: "s" | "d";
  readonly type: "i32" | "i64";
  readonly n: "" | "n";
  readonly float: "F32" | "F64";
  readonly bits: "bits32" | "bits64";
  readonly from: "from_single" | "from_double";
  readonly to: "to_single" | "to_double";
  readonly sign: string;
  readonly signless: string;
  readonly fractionBits: number;
  /** FORMAT's precision and exponent range. */
  readonly format: number;
}

const SINGLE: Size = {
  suffix: "s",
  type: "i32",
  n: "",
  float: "F32",
  bits: "bits32",
  from: "from_single",
  to: "to_single",
  sign: "0x80000000",
  signless: "0x7fffffff",
  fractionBits: 23,
  format: 24,
};

const DOUBLE: Size = {
  suffix: "d",
  type: "i64",
  n: "n",
  float: "F64",
  bits: "bits64",
  from: "from_double",
  to: "to_double",
  sign: "0x8000000000000000n",
  signless: "0x7fffffffffffffffn",
  fractionBits: 52,
  format: 53 | (1 << 8),
};

export const SIZES: { readonly s: Size; readonly d: Size } = { s: SINGLE, d: DOUBLE };

/** An operation that the engine has too. */
export interface Operation {
  readonly name: "add" | "sub" | "mul" | "div" | "sqrt";
  /** Of the numbers a and b as the engine computes it. */
  readonly engine: (z: Size) => string;
  readonly operands: 1 | 2;
  /** When a result of zero is exact: a product or quotient may have underflowed. */
  readonly exactZero: (n: string) => string;
  /** The software's, with everything. */
  readonly slow: (z: Size) => string;
}

const binary = (
  name: Operation["name"],
  symbol: string,
  number: number,
  exactZero: Operation["exactZero"],
): Operation => ({
  name,
  engine: (z) => `as${z.float}(a) ${symbol} as${z.float}(b)`,
  operands: 2,
  exactZero,
  slow: (z) => `slow_${z.suffix}(ctx, ${number}, a, b)`,
});

export const OPERATIONS: readonly Operation[] = [
  binary("add", "+", 0, () => "1"),
  binary("sub", "-", 1, () => "1"),
  binary("mul", "*", 2, (n) => `(a << 1) == 0${n} || (b << 1) == 0${n}`),
  binary("div", "/", 3, (n) => `(a << 1) == 0${n}`),
  {
    name: "sqrt",
    engine: (z) => `sqrt${z.float.slice(1)}(as${z.float}(a))`,
    operands: 1,
    exactZero: () => "1",
    slow: (z) => `slow_sqrt_${z.suffix}(ctx, a)`,
  },
];

/** All exceptions are masked, rounding is to nearest, nothing is flushed: masks 0x1f80, RC 0x6000, FTZ 0x8000, DAZ 0x40. */
const IS_PLAIN = "(load32(ctx + MXCSR) & 0xffc0) == 0x1f80";

/**
 * The engine's own operation gives the right result and the right flags when MXCSR is such that IS_PLAIN, neither an operand
 * nor the result is denormal, infinite or a NaN, and the result is exact or PE is set: then nothing but PE can happen.
 * The least normal numbers may have been rounded from a denormal. `done` uses the value `quick`.
 */
export const quickly = (z: Size, { name, engine, operands, exactZero }: Operation, done: string): string => `
  if (${IS_PLAIN}) {
    let quick = ${z.bits}(${engine(z)});
    let top = ((quick << 1) >>> ${z.fractionBits + 1}) - ${z.fractionBits === 23 ? "2" : "2n"};
    let normal = top <u ${z.fractionBits === 23 ? "0xfc" : "0x7fcn"};
    normal = normal || ((quick << 1) == 0${z.n} && (${exactZero(z.n)}));
    if (normal && !denormal_${z.suffix}(a)${operands === 2 ? ` && !denormal_${z.suffix}(b)` : ""}) {
      if ((load32(ctx + MXCSR) & 0x20) != 0) { ${done} }
      if (exact_${name}_${z.suffix}(a, ${operands === 2 ? "b" : "a"}, quick)) { ${done} }
    }
  }`;

/**
 * Whether a result that met the conditions of `quickly` is exact; some products that are so are not found. A sum is when the
 * rounding error, which is a number itself, is zero; a product when its factors' significands have few enough bits.
 */
const EXACT: string = `
fn exact_add_s(a: i32, b: i32, s: i32) -> i32 {
  let v = asF32(s) - asF32(a);
  return bits32((asF32(a) - (asF32(s) - v)) + (asF32(b) - v)) << 1 == 0;
}
fn exact_add_d(a: i64, b: i64, s: i64) -> i32 {
  let v = asF64(s) - asF64(a);
  return bits64((asF64(a) - (asF64(s) - v)) + (asF64(b) - v)) << 1 == 0n;
}
inline fn exact_sub_s(a: i32, b: i32, s: i32) -> i32 { return exact_add_s(a, b ^ 0x80000000, s); }
inline fn exact_sub_d(a: i64, b: i64, s: i64) -> i32 { return exact_add_d(a, b ^ 0x8000000000000000n, s); }

fn exact_mul_s(a: i32, b: i32, p: i32) -> i32 { return promote(asF32(a)) * promote(asF32(b)) == promote(asF32(p)); }
fn exact_mul_d(a: i64, b: i64, p: i64) -> i32 {
  let zeros = ctz(a | 0x10000000000000n) + ctz(b | 0x10000000000000n);
  return zeros >=u 53n || p << 1 == 0n;
}
inline fn exact_div_s(a: i32, b: i32, q: i32) -> i32 { return exact_mul_s(q, b, a); }
fn exact_div_d(a: i64, b: i64, q: i64) -> i32 {
  return exact_mul_d(q, b, a) && asF64(q) * asF64(b) == asF64(a);
}
inline fn exact_sqrt_s(a: i32, same: i32, r: i32) -> i32 { return exact_mul_s(r, r, a); }
inline fn exact_sqrt_d(a: i64, same: i64, r: i64) -> i32 { return exact_div_d(a, r, r); }
`;

const arithmetic = (z: Size): string =>
  OPERATIONS.map(
    (operation) => `
fn ${operation.name}_${z.suffix}(ctx: i32, a: ${z.type}${operation.operands === 2 ? `, b: ${z.type}` : ""}) -> ${z.type} {
  ${quickly(z, operation, "return quick;")}
  return ${operation.slow(z)};
}`,
  ).join("");

const sized = (z: Size): string => `
inline fn denormal_${z.suffix}(a: ${z.type}) -> i32 {
  return ((a << 1) - 1${z.n}) <u ((1${z.n} << ${z.fractionBits + 1}) - 1${z.n});
}

inline fn is_nan_${z.suffix}(a: ${z.type}) -> i32 {
  return (a & ${z.signless}) >u ${z.fractionBits === 23 ? "0x7f800000" : "0x7ff0000000000000n"};
}

inline fn is_signalling_${z.suffix}(a: ${z.type}) -> i32 {
  return is_nan_${z.suffix}(a) && (a & ${z.fractionBits === 23 ? "0x400000" : "0x8000000000000n"}) == 0${z.n};
}

// Denormals-are-zeros: the operand as instructions see it.
inline fn input_${z.suffix}(ctx: i32, a: ${z.type}) -> ${z.type} {
  if (denormal_${z.suffix}(a) && (load32(ctx + MXCSR) & 0x40) != 0) { return a & ${z.sign}; }
  return a;
}

fn slow_${z.suffix}(ctx: i32, op: i32, a0: ${z.type}, b0: ${z.type}) -> ${z.type} {
  let a = input_${z.suffix}(ctx, a0);
  let b = input_${z.suffix}(ctx, b0);
  let fmt = sse_format(ctx, ${z.format});
  if (denormal_${z.suffix}(a) || denormal_${z.suffix}(b)) { fmt |= DENORMAL; }
  let ase = ${z.from}(ctx, a);
  let asig = load64(ctx + SIG);
  let bse = ${z.from}(ctx, b);
  let bsig = load64(ctx + SIG);
  let se = arithmetic(ctx, op, ase, asig, bse, bsig, fmt);
  return ${z.to}(se, load64(ctx + SIG));
}
${arithmetic(z)}

fn slow_sqrt_${z.suffix}(ctx: i32, a: ${z.type}) -> ${z.type} {
  let b = input_${z.suffix}(ctx, a);
  let fmt = sse_format(ctx, ${z.format});
  if (denormal_${z.suffix}(b)) { fmt |= DENORMAL; }
  let se = ${z.from}(ctx, b);
  se = square_root(ctx, se, load64(ctx + SIG), fmt);
  return ${z.to}(se, load64(ctx + SIG));
}

// Relation 1 below, 2 equal, 4 above, 8 unordered. A QNaN is an invalid operation unless quiet.
fn relation_${z.suffix}(ctx: i32, a0: ${z.type}, b0: ${z.type}, quiet: i32) -> i32 {
  if (!denormal_${z.suffix}(a0) && !denormal_${z.suffix}(b0)) {
    // Numbers, however MXCSR is: no exception can happen.
    let x = as${z.float}(a0);
    let y = as${z.float}(b0);
    let quick = (x < y) | ((x == y) << 1) | ((x > y) << 2);
    if (quick) { return quick; }
  }
  let a = input_${z.suffix}(ctx, a0);
  let b = input_${z.suffix}(ctx, b0);
  if (is_nan_${z.suffix}(a) || is_nan_${z.suffix}(b)) {
    if (!quiet || is_signalling_${z.suffix}(a) || is_signalling_${z.suffix}(b)) { raise(ctx, IE); }
    return 8;
  }
  if (denormal_${z.suffix}(a) || denormal_${z.suffix}(b)) { raise(ctx, DE); }
  if (((a | b) << 1) == 0${z.n}) { return 2; }
  let below = a < b;
  if (a == b) { return 2; }
  // Two negative numbers are in the opposite order of their encodings.
  if ((a & b) < 0${z.n}) { below = !below; }
  return below ? 1 : 4;
}

// CMPxx's predicates (SDM Vol 2, CMPPD, table 3-1), as masks of relations
fn compare_${z.suffix}(ctx: i32, a: ${z.type}, b: ${z.type}, predicate: i32) -> ${z.type} {
  let quiet = (0x99 >>> predicate) & 1;
  let relation = relation_${z.suffix}(ctx, a, b, quiet);
  let base = predicate & 3;
  let accepted = base == 0 ? 2 : base == 1 ? 1 : base == 2 ? 3 : 8;
  let holds = (relation & accepted) != 0;
  if (predicate >= 4) { holds = !holds; }
  return holds ? -1${z.n} : 0${z.n};
}

// MIN and MAX give the second operand unless the first is strictly less or greater.
fn min_${z.suffix}(ctx: i32, a: ${z.type}, b: ${z.type}) -> ${z.type} {
  if (relation_${z.suffix}(ctx, a, b, 0) == 1) { return input_${z.suffix}(ctx, a); }
  return input_${z.suffix}(ctx, b);
}

fn max_${z.suffix}(ctx: i32, a: ${z.type}, b: ${z.type}) -> ${z.type} {
  if (relation_${z.suffix}(ctx, a, b, 0) == 4) { return input_${z.suffix}(ctx, a); }
  return input_${z.suffix}(ctx, b);
}

// ROUNDxx: control bits 1:0 rounding, 2 take it from MXCSR, 3 suppress PE
fn integral_${z.suffix}(ctx: i32, a0: ${z.type}, control: i32) -> ${z.type} {
  let a = input_${z.suffix}(ctx, a0);
  if (is_nan_${z.suffix}(a)) {
    if (is_signalling_${z.suffix}(a)) { raise(ctx, IE); }
    return a | ${z.fractionBits === 23 ? "0x400000" : "0x8000000000000n"};
  }
  let rc = (control & 4) != 0 ? (load32(ctx + MXCSR) >>> 13) & 3 : control & 3;
  let before = load32(ctx + FOUND);
  let se = ${z.from}(ctx, a);
  se = round_integral(ctx, se, load64(ctx + SIG), rc);
  if ((control & 8) != 0) { store32(ctx + FOUND, before); }
  return ${z.to}(se, load64(ctx + SIG));
}

// To a signed integer of 32 or 64 bits; rc 4 is MXCSR's rounding.
fn integer_${z.suffix}(ctx: i32, a0: ${z.type}, rc0: i32, size: i32) -> i64 {
  let mxcsr = load32(ctx + MXCSR);
  if (rc0 == 3 || (mxcsr & 0x6000) == 0) {
    let x = ${z.suffix === "d" ? "asF64(a0)" : "promote(asF32(a0))"};
    // Below 2^31 or 2^63, less what rounding may add; a comparison with a NaN is false.
    if (abs64(x) < asF64(size == 64 ? 0x43d0000000000000n : 0x41dfffffff800000n)) {
      let rounded = rc0 == 3 ? x : nearest64(x);
      let quick = truncate64(rounded);
      // Exact, or PE is set and masked.
      if (convert64(quick) == x || (mxcsr & 0x1020) == 0x1020) { return quick; }
    }
  }
  let rc = rc0 == 4 ? (load32(ctx + MXCSR) >>> 13) & 3 : rc0;
  let a = input_${z.suffix}(ctx, a0);
  let se = ${z.from}(ctx, a);
  return to_integer(ctx, se, load64(ctx + SIG), rc, size);
}

fn from_integer_${z.suffix}(ctx: i32, value: i64) -> ${z.type} {
  // What the fraction has room for is exact.
  if (value + ${z.fractionBits === 23 ? "0x1000000n" : "0x20000000000000n"} <=u ${z.fractionBits === 23 ? "0x2000000n" : "0x40000000000000n"}) { return ${z.fractionBits === 23 ? "bits32(demote(convert64(value)))" : "bits64(convert64(value))"}; }
  let se = from_integer(ctx, value, sse_format(ctx, ${z.format}));
  return ${z.to}(se, load64(ctx + SIG));
}
`;

/** Scalar arithmetic of SSE with MXCSR's rounding, DAZ, FTZ; exceptions are collected at FOUND. */
export const SSE_FLOAT: string = `
fn sse_format(ctx: i32, base: i32) -> i32 {
  let mxcsr = load32(ctx + MXCSR);
  let fmt = base | ((mxcsr >>> 1) & 0x3000);
  if ((mxcsr & 0x8000) != 0) { fmt |= FLUSH; }
  if ((mxcsr & 0x800) == 0) { fmt |= UNMASKED_UE; }
  if ((mxcsr & 0x400) == 0) { fmt |= UNMASKED_OE; }
  return fmt;
}

// What was found becomes sticky; 1 when an exception is unmasked. Exceptions of the operands go before those of the result.
fn sse_finish(ctx: i32) -> i32 {
  let found = load32(ctx + FOUND);
  if (found == 0) { return 0; }
  let mxcsr = load32(ctx + MXCSR);
  let unmasked = found & ~(mxcsr >>> 7);
  if ((unmasked & 7) != 0) { found = found & 7; }
  store32(ctx + MXCSR, mxcsr | found);
  store32(ctx + FOUND, 0);
  return (unmasked & 0x3f) != 0;
}

fn single_to_double(ctx: i32, a0: i32) -> i64 {
  if (((a0 >>> 23) & 0xff) - 1 <u 254 || (a0 << 1) == 0) { return bits64(promote(asF32(a0))); }
  let a = input_s(ctx, a0);
  if (is_signalling_s(a)) { raise(ctx, IE); a = a | 0x400000; }
  if (denormal_s(a)) { raise(ctx, DE); }
  let se = from_single(ctx, a);
  return to_double(se, load64(ctx + SIG));
}

fn double_to_single(ctx: i32, a0: i64) -> i32 {
  if (${IS_PLAIN} && !denormal_d(a0)) {
    let quick = bits32(demote(asF64(a0)));
    let exact = promote(asF32(quick)) == asF64(a0);
    let normal = ((quick << 1) >>> 24) - 2 <u 0xfc || (a0 << 1) == 0n;
    if (normal && (exact || (load32(ctx + MXCSR) & 0x20) != 0)) { return quick; }
  }
  let a = input_d(ctx, a0);
  if (is_nan_d(a)) {
    if (is_signalling_d(a)) { raise(ctx, IE); }
    let se = from_double(ctx, a | 0x8000000000000n);
    return to_single(se, load64(ctx + SIG));
  }
  if (denormal_d(a)) { raise(ctx, DE); }
  let se = from_double(ctx, a);
  let sig = load64(ctx + SIG);
  if (sig != 0n && (se & 0x7fff) != 0x7fff) {
    se = round_number(ctx, se, sig, sse_format(ctx, 24));
  }
  return to_single(se, load64(ctx + SIG));
}

// RCPSS and RSQRTSS give 12 bits of fraction, within the architecture's error bound of 1.5 * 2^-12, and raise nothing.
// The result is that of the middle of the operand's interval: the numbers with the same first 11 (RCPSS) or 10 bits of
// fraction. It is what Intel processors compute.
fn reciprocal_s(a: i32) -> i32 {
  if (is_nan_s(a)) { return a | 0x400000; }
  let sign = a & 0x80000000;
  let exp = (a >>> 23) & 255;
  if (exp == 0) { return sign | 0x7f800000; }
  if (exp == 255) { return sign; }
  let middle = convert32((a & 0x7ff000) | 0x800800);
  // 2^36 / middle is in (2^12, 2^13]: 13 bits with the leading one.
  let quotient = truncate32(asF64(0x4230000000000000n) / middle + asF64(0x3fe0000000000000n));
  let exponent = 253 - exp;
  if (exponent <= 0) { return sign; }
  return sign | ((exponent << 23) + ((quotient - 4096) << 11));
}

fn reciprocal_root_s(a: i32) -> i32 {
  if (is_nan_s(a)) { return a | 0x400000; }
  let exp = (a >>> 23) & 255;
  if (exp == 0) { return (a & 0x80000000) | 0x7f800000; }
  if (a < 0) { return 0xffc00000; }
  if (exp == 255) { return 0; }
  // The operand is m * 2^(2 k) with m in [1, 4).
  let k = (exp - 127) >> 1;
  let m = convert32((a & 0x7fe000) | 0x801000) * asF64(0x3e80000000000000n);
  if ((exp & 1) == 0) { m = m + m; }
  let root = truncate32(asF64(0x40c0000000000000n) / sqrt64(m) + asF64(0x3fe0000000000000n));
  return ((126 - k) << 23) + ((root - 4096) << 11);
}
${sized(SINGLE)}${sized(DOUBLE)}${EXACT}`;
