import { BIG, letPair } from "./big-constants.ts";

/** F2XM1, FYL2X and FYL2XP1. */
export const X87_LOGARITHMS: string = `
fn two_to_x_minus_1(ctx: i32, se: i32, sig: i64) -> i32 {
  let class = classify(se, sig);
  store32(ctx + ROUNDED_UP, 0);
  if (class >= 8) { return nan_result(ctx, se, sig, se, sig, X87); }
  if (class == 1) { return result(ctx, se, sig); }
  if (class == 4) {
    if (se == 0x7fff) { return result(ctx, se, sig); }
    return result(ctx, 0xbfff, 0x8000000000000000n);
  }
  if (is_denormal(se, sig)) { raise(ctx, DE); }
  let exp = normal_exponent(se, sig) - 16383;
  let x = sig << clz(sig);
  // Outside of -1 to 1 the result is undefined; processors leave the operand.
  if (exp > 0 || (exp == 0 && x != 0x8000000000000000n)) { return result(ctx, se, sig); }
  ${letPair("ln2", BIG.ln2, 128n)}
  let hi = product(ctx, exp, x, 0n, -1, ln2Hi, ln2Lo);
  let lo = load64(ctx + LOW);
  exp = load32(ctx + EXP);
  let thi = as_fraction(ctx, exp, hi, lo);
  let tlo = load64(ctx + LOW);
  let shi = 0n;
  if (se >= 0x8000) { shi = series_exp_negative(ctx, thi, tlo); }
  else { shi = series_exp(ctx, thi, tlo); }
  shi = normalize(ctx, 0, shi, load64(ctx + LOW));
  let es = load32(ctx + EXP);
  hi = product(ctx, exp, hi, lo, es, shi, load64(ctx + LOW));
  return finish_wide(ctx, se >>> 15, load32(ctx + EXP), hi, load64(ctx + LOW));
}

// log2 of (1 + z) / (1 - z) for a wide z below 0.18, as a wide number
fn log2_of_quotient(ctx: i32, ez: i32, zhi: i64, zlo: i64) -> i64 {
  let fhi = as_fraction(ctx, ez, zhi, zlo);
  let flo = load64(ctx + LOW);
  let square = multiply_wide(ctx, fhi, flo, fhi, flo);
  let shi = series_artanh(ctx, square, load64(ctx + LOW));
  shi = normalize(ctx, 0, shi, load64(ctx + LOW));
  let es = load32(ctx + EXP);
  let hi = product(ctx, ez, zhi, zlo, es, shi, load64(ctx + LOW));
  let lo = load64(ctx + LOW);
  let exp = load32(ctx + EXP);
  ${letPair("factor", BIG.log2e, 127n)}
  return product(ctx, exp + 1, hi, lo, 0, factorHi, factorLo);
}

// z = numerator / (m + 1), or for m / 2 instead of m: (2 - m) / (2 + m); everything scaled by 2^63.
fn log_quotient(ctx: i32, numerator: i64, halved: i32, m: i64) -> i64 {
  let count = wrap(clz(numerator));
  let n = numerator << count;
  let denominator = (halved ? 0x8000000000000000n : 0x4000000000000000n) + (m >>> 1);
  let hi = divide_fractions(ctx, n >>> 1, n << 63, denominator, m << 63);
  return normalize(ctx, -1 - count, hi, load64(ctx + LOW));
}

// y * log2(x) for a finite x above 0 and a finite y, neither 0
fn y_times_log2(ctx: i32, xse: i32, xsig: i64, yse: i32, ysig: i64) -> i32 {
  let k = normal_exponent(xse, xsig) - 16383;
  let m = xsig << clz(xsig);
  let ey = normal_exponent(yse, ysig) - 16383;
  let y = ysig << clz(ysig);
  let sign = yse >>> 15;
  // Above the root of 2, m / 2 is nearer to 1: its logarithm is negative.
  let negative = m >u 0xb504f333f9de6484n;
  let numerator = m - 0x8000000000000000n;
  if (negative) { k += 1; numerator = -m; }
  let hi = 0n;
  let lo = 0n;
  let exp = 0;
  if (numerator != 0n) {
    hi = log_quotient(ctx, numerator, negative, m);
    hi = log2_of_quotient(ctx, load32(ctx + EXP), hi, load64(ctx + LOW));
    lo = load64(ctx + LOW);
    exp = load32(ctx + EXP);
  } else if (k == 0) { return result(ctx, sign << 15, 0n); }
  if (k != 0) {
    // Integer part and fraction in one number scaled by 2^112.
    if (numerator != 0n) {
      hi = shift_right(ctx, hi, lo, 15 - exp);
      lo = load64(ctx + SCRATCH);
    }
    let integer = s64(k) << 48;
    if (negative) {
      hi = integer - hi - u64(lo != 0n);
      lo = -lo;
    } else { hi = integer + hi; }
    negative = hi < 0n;
    if (negative) {
      hi = ~hi + u64(lo == 0n);
      lo = -lo;
    }
    hi = normalize(ctx, 15, hi, lo);
    lo = load64(ctx + LOW);
    exp = load32(ctx + EXP);
  }
  sign = sign ^ negative;
  if (numerator == 0n) {
    // Of a power of two: an integer times y. Processors report it as inexact, and so a tiny one as an underflow.
    raise(ctx, PE);
    hi = normalize(ctx, exp + ey + 1, multiply_high(hi, y), hi * y);
    exp = load32(ctx + EXP) + 16383;
    return round(ctx, sign, exp, hi, load64(ctx + LOW) | u64(exp < 1), x87_extended(ctx));
  }
  hi = product(ctx, exp, hi, lo, ey, y, 0n);
  return finish_wide(ctx, sign, load32(ctx + EXP), hi, load64(ctx + LOW));
}

// FYL2X's special operands (SDM Vol 2, table 3-47)
fn y_log2_x(ctx: i32, xse: i32, xsig: i64, yse: i32, ysig: i64) -> i32 {
  let cx = classify(xse, xsig);
  let cy = classify(yse, ysig);
  let sign = yse & 0x8000;
  store32(ctx + ROUNDED_UP, 0);
  if ((cx | cy) >= 8) { return nan_result(ctx, xse, xsig, yse, ysig, X87); }
  if (cx == 1) {
    if (cy == 1) { return invalid(ctx); }
    if (cy == 2) { raise(ctx, ZE); }
    return result(ctx, (sign ^ 0x8000) | 0x7fff, 0x8000000000000000n);
  }
  if (xse >= 0x8000) { return invalid(ctx); }
  if (cx == 4) {
    if (cy == 1) { return invalid(ctx); }
    if (is_denormal(yse, ysig)) { raise(ctx, DE); }
    return result(ctx, sign | 0x7fff, 0x8000000000000000n);
  }
  let isOne = xse == 0x3fff && xsig == 0x8000000000000000n;
  let below = (xse & 0x7fff) < 0x3fff ? 0x8000 : 0;
  if (cy == 4) {
    if (isOne) { return invalid(ctx); }
    if (is_denormal(xse, xsig)) { raise(ctx, DE); }
    return result(ctx, (sign ^ below) | 0x7fff, 0x8000000000000000n);
  }
  if (is_denormal(xse, xsig) || is_denormal(yse, ysig)) { raise(ctx, DE); }
  if (cy == 1) { return result(ctx, sign ^ below, 0n); }
  return y_times_log2(ctx, xse, xsig, yse, ysig);
}

// y * log2(x + 1); beyond 1 - sqrt(1/2) in magnitude the result is undefined, and x is taken as it is.
fn y_log2_x_plus_1(ctx: i32, xse: i32, xsig: i64, yse: i32, ysig: i64) -> i32 {
  let cx = classify(xse, xsig);
  let cy = classify(yse, ysig);
  let sign = (xse ^ yse) & 0x8000;
  store32(ctx + ROUNDED_UP, 0);
  if ((cx | cy) >= 8) { return nan_result(ctx, xse, xsig, yse, ysig, X87); }
  if (cx == 4) {
    if (xse >= 0x8000 || cy == 1) { return invalid(ctx); }
    if (is_denormal(yse, ysig)) { raise(ctx, DE); }
    return result(ctx, sign | 0x7fff, 0x8000000000000000n);
  }
  if (cy == 4) {
    if (cx == 1) { return invalid(ctx); }
    if (is_denormal(xse, xsig)) { raise(ctx, DE); }
    return result(ctx, sign | 0x7fff, 0x8000000000000000n);
  }
  if (is_denormal(xse, xsig) || is_denormal(yse, ysig)) { raise(ctx, DE); }
  if (cx == 1 || cy == 1) { return result(ctx, sign, 0n); }
  let exp = normal_exponent(xse, xsig) - 16383;
  if (exp > -2) { return result(ctx, xse, xsig); }
  let x = xsig << clz(xsig);
  let fhi = as_fraction(ctx, exp, x, 0n);
  let flo = load64(ctx + LOW);
  let dhi = 0x8000000000000000n + (fhi >>> 2);
  let dlo = (fhi << 62) | (flo >>> 2);
  let ez = exp - 1;
  if (xse >= 0x8000) {
    // 2 - |x| scaled by 2^127
    dlo = (fhi << 63) | (flo >>> 1);
    dhi = -(fhi >>> 1) - u64(dlo != 0n);
    dlo = -dlo;
    ez = exp;
  }
  let hi = 0n;
  if ((dhi | dlo) == 0n) { hi = normalize(ctx, exp - 1, x, 0n); }
  else {
    hi = divide_fractions(ctx, x >>> 1, x << 63, dhi, dlo);
    hi = normalize(ctx, ez, hi, load64(ctx + LOW));
  }
  hi = log2_of_quotient(ctx, load32(ctx + EXP), hi, load64(ctx + LOW));
  let e = load32(ctx + EXP);
  let ey = normal_exponent(yse, ysig) - 16383;
  hi = product(ctx, e, hi, load64(ctx + LOW), ey, ysig << clz(ysig), 0n);
  return finish_wide(ctx, sign >>> 15, load32(ctx + EXP), hi, load64(ctx + LOW));
}
`;
