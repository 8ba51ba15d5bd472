/** Both sizes of scalar number as the SSE routines see them. */
interface Size {
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

/**
 * The engine's own operation gives the right result and the right flags when all exceptions are masked, rounding is to
 * nearest, nothing is flushed, PE is set already, and neither an operand nor the result is denormal, infinite or a NaN:
 * then nothing but PE can happen. MXCSR bits: masks 0x1f80, PE 0x20, DAZ 0x40, RC 0x6000, FTZ 0x8000.
 */
const fast = (z: Size, operation: string, operands: 1 | 2, exactZero: string): string => `
  if ((load32(ctx + MXCSR) & 0xffe0) == 0x1fa0) {
    let quick = ${z.bits}(${operation});
    let top = ((quick << 1) >>> ${z.fractionBits + 1}) - ${z.fractionBits === 23 ? "2" : "2n"};
    let normal = top <u ${z.fractionBits === 23 ? "0xfc" : "0x7fcn"};
    normal = normal || ((quick << 1) == 0${z.n} && (${exactZero}));
    if (normal && !denormal_${z.suffix}(a)${operands === 2 ? ` && !denormal_${z.suffix}(b)` : ""}) { return quick; }
  }`;

/** Name, operator, and when a result of zero is exact: a product or quotient may have underflowed. */
const operations: readonly (readonly [string, string, (n: string) => string])[] = [
  ["add", "+", () => "1"],
  ["sub", "-", () => "1"],
  ["mul", "*", (n) => `(a << 1) == 0${n} || (b << 1) == 0${n}`],
  ["div", "/", (n) => `(a << 1) == 0${n}`],
];

const arithmetic = (z: Size): string =>
  operations
    .map(
      ([name, symbol, exactZero], number) => `
fn ${name}_${z.suffix}(ctx: i32, a: ${z.type}, b: ${z.type}) -> ${z.type} {
  ${fast(z, `as${z.float}(a) ${symbol} as${z.float}(b)`, 2, exactZero(z.n))}
  return slow_${z.suffix}(ctx, ${number}, a, b);
}`,
    )
    .join("");

const sized = (z: Size): string => `
fn denormal_${z.suffix}(a: ${z.type}) -> i32 {
  return ((a << 1) - 1${z.n}) <u ((1${z.n} << ${z.fractionBits + 1}) - 1${z.n});
}

fn is_nan_${z.suffix}(a: ${z.type}) -> i32 {
  return (a & ${z.signless}) >u ${z.fractionBits === 23 ? "0x7f800000" : "0x7ff0000000000000n"};
}

fn is_signalling_${z.suffix}(a: ${z.type}) -> i32 {
  return is_nan_${z.suffix}(a) && (a & ${z.fractionBits === 23 ? "0x400000" : "0x8000000000000n"}) == 0${z.n};
}

// Denormals-are-zeros: the operand as instructions see it.
fn input_${z.suffix}(ctx: i32, a: ${z.type}) -> ${z.type} {
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

fn sqrt_${z.suffix}(ctx: i32, a: ${z.type}) -> ${z.type} {
  ${fast(z, `sqrt${z.float.slice(1)}(as${z.float}(a))`, 1, "1")}
  let b = input_${z.suffix}(ctx, a);
  let fmt = sse_format(ctx, ${z.format});
  if (denormal_${z.suffix}(b)) { fmt |= DENORMAL; }
  let se = ${z.from}(ctx, b);
  se = square_root(ctx, se, load64(ctx + SIG), fmt);
  return ${z.to}(se, load64(ctx + SIG));
}

// Relation 1 below, 2 equal, 4 above, 8 unordered. A QNaN is an invalid operation unless quiet.
fn relation_${z.suffix}(ctx: i32, a0: ${z.type}, b0: ${z.type}, quiet: i32) -> i32 {
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
  let rc = rc0 == 4 ? (load32(ctx + MXCSR) >>> 13) & 3 : rc0;
  let a = input_${z.suffix}(ctx, a0);
  let se = ${z.from}(ctx, a);
  return to_integer(ctx, se, load64(ctx + SIG), rc, size);
}

fn from_integer_${z.suffix}(ctx: i32, value: i64) -> ${z.type} {
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
  let a = input_s(ctx, a0);
  if (is_signalling_s(a)) { raise(ctx, IE); a = a | 0x400000; }
  if (denormal_s(a)) { raise(ctx, DE); }
  let se = from_single(ctx, a);
  return to_double(se, load64(ctx + SIG));
}

fn double_to_single(ctx: i32, a0: i64) -> i32 {
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
${sized(SINGLE)}${sized(DOUBLE)}`;
