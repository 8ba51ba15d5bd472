import { BIG, halves } from "./big-constants.ts";

/**
 * x87's transcendental instructions, with 128 bits inside, so that results are correctly rounded but for the rarest
 * cases. Fractions are pairs (hi, lo) scaled by 2^127 or 2^128. A wide number is (exponent, hi, lo) with bit 127 set: its
 * value is (hi, lo) * 2^(exponent - 127). Routines give the high half and leave the low one at LOW, an exponent at EXP.
 */
const factorial = (n: bigint): bigint => (n <= 1n ? 1n : n * factorial(n - 1n));

/** Horner's scheme, unrolled: c0 + x (c1 + x (c2 + ...)) with coefficients scaled by 2^127 and x by 2^128. */
function polynomial(name: string, coefficients: readonly bigint[], sign: "+" | "-"): string {
  const pair = (value: bigint): [string, string] => halves(value, 127n).split(", ") as [string, string];
  const last = pair(coefficients.at(-1) as bigint);
  const steps = coefficients
    .slice(0, -1)
    .reverse()
    .map((value) => {
      const [high, low] = pair(value);
      const combine =
        sign === "+"
          ? `sum = ${low} + lo; hi = ${high} + hi + u64(sum <u lo);`
          : `sum = ${low} - lo; hi = ${high} - hi - u64(${low} <u lo);`;
      return `hi = multiply_wide(ctx, hi, lo, xhi, xlo); lo = load64(ctx + LOW); ${combine} lo = sum;`;
    });
  return `
fn ${name}(ctx: i32, xhi: i64, xlo: i64) -> i64 {
  let hi = ${last[0]};
  let lo = ${last[1]};
  let sum = 0n;
  ${steps.join("\n  ")}
  store64(ctx + LOW, lo);
  return hi;
}`;
}

const terms = (count: number, value: (n: bigint) => bigint): bigint[] =>
  Array.from({ length: count }, (_, n) => BIG.over(value(BigInt(n))));

const POLYNOMIALS: string = [
  // (e^t - 1) / t
  polynomial(
    "series_exp",
    terms(25, (n) => factorial(n + 1n)),
    "+",
  ),
  polynomial(
    "series_exp_negative",
    terms(25, (n) => factorial(n + 1n)),
    "-",
  ),
  // artanh(z) / z and arctan(u) / u, in the square
  polynomial(
    "series_artanh",
    terms(18, (n) => 2n * n + 1n),
    "+",
  ),
  polynomial(
    "series_arctan",
    terms(12, (n) => 2n * n + 1n),
    "-",
  ),
  polynomial(
    "series_sin",
    terms(14, (n) => factorial(2n * n + 1n)),
    "-",
  ),
  polynomial(
    "series_cos",
    terms(14, (n) => factorial(2n * n)),
    "-",
  ),
].join("\n");

const STEPS = 16n;
const ARC_TANGENTS: string = `
// arctan(j / 16) scaled by 2^127
fn arctan_step(ctx: i32, j: i32) -> i64 {
  ${Array.from({ length: 17 }, (_, j) => {
    const value = j === 16 ? BIG.pi / 4n : BIG.arcTangent(BigInt(j), STEPS);
    const [high, low] = halves(value, 127n).split(", ");
    return `if (j == ${j}) { store64(ctx + LOW, ${low}); return ${high}; }`;
  }).join("\n  ")}
  return 0n;
}`;

const pair = (name: string, value: bigint, bits: bigint): string => {
  const [high, low] = halves(value, bits).split(", ");
  return `let ${name}Hi = ${high}; let ${name}Lo = ${low};`;
};

export const TRANSCENDENTAL: string = `
${POLYNOMIALS}
${ARC_TANGENTS}

// High 128 bits of a product of 128-bit numbers
fn multiply_wide(ctx: i32, ahi: i64, alo: i64, bhi: i64, blo: i64) -> i64 {
  let hi = multiply_high(ahi, bhi);
  let lo = ahi * bhi;
  let cross = multiply_high(ahi, blo);
  lo += cross;
  hi += u64(lo <u cross);
  cross = multiply_high(alo, bhi);
  lo += cross;
  hi += u64(lo <u cross);
  store64(ctx + LOW, lo);
  return hi;
}

// (nhi, nlo) / (dhi, dlo) scaled by 2^128, for nhi < dhi and dhi with bit 63 set; the error is about 2^-125
fn divide_fractions(ctx: i32, nhi: i64, nlo: i64, dhi: i64, dlo: i64) -> i64 {
  let high = divide_wide(ctx, nhi, nlo, dhi);
  let low = divide_wide(ctx, load64(ctx + SCRATCH), 0n, dhi);
  // The divisor's low half makes the quotient smaller by the factor 1 - dlo / dhi / 2^64.
  let ratio = divide_wide(ctx, dlo >>> 1, dlo << 63, dhi);
  let less = multiply_high(high, ratio);
  let twice = less << 1;
  high -= less >>> 63;
  let rest = low - twice;
  high -= u64(low <u twice);
  store64(ctx + LOW, rest);
  return high;
}

// A wide number with bit 127 set; exponent goes to EXP. Needs one that is not 0.
fn normalize(ctx: i32, exponent: i32, hi0: i64, lo0: i64) -> i64 {
  let hi = hi0;
  let lo = lo0;
  let exp = exponent;
  if (hi == 0n) { hi = lo; lo = 0n; exp -= 64; }
  let count = wrap(clz(hi));
  if (count != 0) {
    hi = (hi << count) | (lo >>> (64 - count));
    lo = lo << count;
  }
  store32(ctx + EXP, exp - count);
  store64(ctx + LOW, lo);
  return hi;
}

// A wide number as a fraction scaled by 2^128: it is below 1.
fn as_fraction(ctx: i32, exp: i32, hi: i64, lo: i64) -> i64 {
  let high = shift_right(ctx, hi, lo, -1 - exp);
  store64(ctx + LOW, load64(ctx + SCRATCH));
  return high;
}

// Product of wide numbers; exponents add.
fn product(ctx: i32, ea: i32, ahi: i64, alo: i64, eb: i32, bhi: i64, blo: i64) -> i64 {
  let hi = multiply_wide(ctx, ahi, alo, bhi, blo);
  return normalize(ctx, ea + eb + 1, hi, load64(ctx + LOW));
}

// Ends a routine: a wide number to a register's. The result of a transcendental function is never exact.
fn finish_wide(ctx: i32, sign: i32, exp: i32, hi: i64, lo: i64) -> i32 {
  return round(ctx, sign, exp + 16383, hi, lo | 1n, x87_extended(ctx));
}

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
  ${pair("ln2", BIG.ln2, 128n)}
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
  ${pair("factor", BIG.log2e, 127n)}
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

// An angle's distance to the nearest multiple of pi / 2, as a wide number; QUADRANT gets the multiple, with bit 8 set when
// the angle is below it. Processors take pi as 66 bits (SDM Vol 1, 8.3.8).
fn reduce_angle(ctx: i32, se: i32, sig0: i64) -> i64 {
  let exp = normal_exponent(se, sig0) - 16383;
  let sig = sig0 << clz(sig0);
  store32(ctx + QUADRANT, 0);
  if (exp < -1 || (exp == -1 && sig <u 0xc90fdaa22168c235n)) {
    store32(ctx + EXP, exp);
    store64(ctx + LOW, 0n);
    return sig;
  }
  // In units of 2^-65 the angle and pi / 2 are integers.
  let hi = 0n;
  let lo = 0n;
  let quadrant = 0;
  let i = 0;
  while (i < 66 + exp) {
    hi = (hi << 1) | (lo >>> 63);
    lo = lo << 1;
    if (i < 64) { lo = lo | ((sig >>> (63 - i)) & 1n); }
    quadrant = quadrant << 1;
    if (hi >u 3n || (hi == 3n && lo >=u 0x243f6a8885a308d3n)) {
      hi = hi - 3n - u64(lo <u 0x243f6a8885a308d3n);
      lo = lo - 0x243f6a8885a308d3n;
      quadrant |= 1;
    }
    i += 1;
  }
  quadrant = quadrant & 3;
  // Half of pi / 2 is 1.921fb54442d18469 * 2^64.
  if (hi >u 1n || (hi == 1n && lo >=u 0x921fb54442d1846an)) {
    hi = 3n - hi - u64(0x243f6a8885a308d3n <u lo);
    lo = 0x243f6a8885a308d3n - lo;
    quadrant = ((quadrant + 1) & 3) | 256;
  }
  store32(ctx + QUADRANT, quadrant);
  return normalize(ctx, 62, hi, lo);
}

fn sine_wide(ctx: i32, exp: i32, hi: i64, lo: i64) -> i64 {
  let fhi = as_fraction(ctx, exp, hi, lo);
  let flo = load64(ctx + LOW);
  let square = multiply_wide(ctx, fhi, flo, fhi, flo);
  let series = series_sin(ctx, square, load64(ctx + LOW));
  series = normalize(ctx, 0, series, load64(ctx + LOW));
  let es = load32(ctx + EXP);
  return product(ctx, exp, hi, lo, es, series, load64(ctx + LOW));
}

fn cosine_wide(ctx: i32, exp: i32, hi: i64, lo: i64) -> i64 {
  let fhi = as_fraction(ctx, exp, hi, lo);
  let flo = load64(ctx + LOW);
  let square = multiply_wide(ctx, fhi, flo, fhi, flo);
  let series = series_cos(ctx, square, load64(ctx + LOW));
  return normalize(ctx, 0, series, load64(ctx + LOW));
}

// turn 0: sine, 1: cosine, of a finite number that is not 0 and below 2^63
fn sine(ctx: i32, se: i32, sig: i64, turn: i32) -> i32 {
  let hi = reduce_angle(ctx, se, sig);
  let lo = load64(ctx + LOW);
  let exp = load32(ctx + EXP);
  let place = load32(ctx + QUADRANT);
  let quadrant = (place + turn) & 3;
  let sign = quadrant >>> 1;
  if (!turn) { sign = sign ^ (se >>> 15); }
  if ((quadrant & 1) == 0) {
    hi = sine_wide(ctx, exp, hi, lo);
    sign = sign ^ (place >>> 8);
  } else { hi = cosine_wide(ctx, exp, hi, lo); }
  return finish_wide(ctx, sign, load32(ctx + EXP), hi, load64(ctx + LOW));
}

fn tangent(ctx: i32, se: i32, sig: i64) -> i32 {
  let hi = reduce_angle(ctx, se, sig);
  let lo = load64(ctx + LOW);
  let exp = load32(ctx + EXP);
  let place = load32(ctx + QUADRANT);
  let sign = (se >>> 15) ^ (place >>> 8) ^ (place & 1);
  let shi = sine_wide(ctx, exp, hi, lo);
  let slo = load64(ctx + LOW);
  let es = load32(ctx + EXP);
  let chi = cosine_wide(ctx, exp, hi, lo);
  let clo = load64(ctx + LOW);
  let ec = load32(ctx + EXP);
  if ((place & 1) == 0) { hi = quotient(ctx, es, shi, slo, ec, chi, clo); }
  else { hi = quotient(ctx, ec, chi, clo, es, shi, slo); }
  return finish_wide(ctx, sign, load32(ctx + EXP), hi, load64(ctx + LOW));
}

// Quotient of wide numbers
fn quotient(ctx: i32, en: i32, nhi: i64, nlo: i64, ed: i32, dhi: i64, dlo: i64) -> i64 {
  let hi = divide_fractions(ctx, nhi >>> 1, (nhi << 63) | (nlo >>> 1), dhi, dlo);
  return normalize(ctx, en - ed, hi, load64(ctx + LOW));
}

// arctan of a wide number from 0 to 1, as a wide number
fn arctan_wide(ctx: i32, exp: i32, hi: i64, lo: i64) -> i64 {
  if (exp < -5) { return arctan_small(ctx, exp, hi, lo); }
  if (exp >= 0) {
    let quarter = arctan_step(ctx, 16);
    return normalize(ctx, 0, quarter, load64(ctx + LOW));
  }
  let fhi = as_fraction(ctx, exp, hi, lo);
  let flo = load64(ctx + LOW);
  let j = wrap(((fhi >>> 59) + 1n) >>> 1);
  let base = arctan_step(ctx, j);
  let baseLow = load64(ctx + LOW);
  // arctan r = arctan c + arctan((r - c) / (1 + r c)) with c = j / 16
  let nhi = fhi - (u64(j) << 60);
  let nlo = flo;
  let below = j == 16 || (fhi <u (u64(j) << 60));
  if (below) {
    nhi = ~nhi + u64(nlo == 0n);
    nlo = -nlo;
  }
  if ((nhi | nlo) == 0n) { return normalize(ctx, 0, base, baseLow); }
  let factor = u64(j);
  let dlo = ((fhi << 59) | (flo >>> 5)) * factor;
  let dhi = 0x8000000000000000n + (fhi >>> 5) * factor + multiply_high((fhi << 59) | (flo >>> 5), factor);
  nhi = normalize(ctx, -1, nhi, nlo);
  let en = load32(ctx + EXP);
  let uhi = quotient(ctx, en, nhi, load64(ctx + LOW), 0, dhi, dlo);
  let eu = load32(ctx + EXP);
  uhi = arctan_small(ctx, eu, uhi, load64(ctx + LOW));
  eu = load32(ctx + EXP);
  uhi = shift_right(ctx, uhi, load64(ctx + LOW), -eu);
  let ulo = load64(ctx + SCRATCH);
  if (below) {
    let rest = baseLow - ulo;
    uhi = base - uhi - u64(baseLow <u ulo);
    return normalize(ctx, 0, uhi, rest);
  }
  let sum = baseLow + ulo;
  return normalize(ctx, 0, base + uhi + u64(sum <u ulo), sum);
}

fn arctan_small(ctx: i32, exp: i32, hi: i64, lo: i64) -> i64 {
  let fhi = as_fraction(ctx, exp, hi, lo);
  let flo = load64(ctx + LOW);
  let square = multiply_wide(ctx, fhi, flo, fhi, flo);
  let series = series_arctan(ctx, square, load64(ctx + LOW));
  series = normalize(ctx, 0, series, load64(ctx + LOW));
  let es = load32(ctx + EXP);
  return product(ctx, exp, hi, lo, es, series, load64(ctx + LOW));
}

// quarters * pi / 4, rounded
fn pi_quarters(ctx: i32, sign: i32, quarters: i32) -> i32 {
  ${pair("pi", BIG.pi, 125n)}
  let factor = u64(quarters);
  let low = (piHi << 62) | (piLo >>> 2);
  let hi = (piHi >>> 2) * factor + multiply_high(low, factor);
  let lo = low * factor;
  hi = normalize(ctx, 2, hi, lo);
  return finish_wide(ctx, sign, load32(ctx + EXP), hi, load64(ctx + LOW));
}

// arctan(y / x) in the quadrant of (x, y) (SDM Vol 2, table 3-30)
fn arctan_quotient(ctx: i32, xse: i32, xsig: i64, yse: i32, ysig: i64) -> i32 {
  let cx = classify(xse, xsig);
  let cy = classify(yse, ysig);
  let sign = yse >>> 15;
  let left = xse >>> 15;
  store32(ctx + ROUNDED_UP, 0);
  if ((cx | cy) >= 8) { return nan_result(ctx, xse, xsig, yse, ysig, X87); }
  if (is_denormal(xse, xsig) || is_denormal(yse, ysig)) { raise(ctx, DE); }
  if (cy == 4) { return pi_quarters(ctx, sign, cx == 4 ? (left ? 3 : 1) : 2); }
  if (cy == 1 || cx == 4) {
    if (left) { return pi_quarters(ctx, sign, 4); }
    return result(ctx, sign << 15, 0n);
  }
  if (cx == 1) { return pi_quarters(ctx, sign, 2); }
  let ex = normal_exponent(xse, xsig);
  let ey = normal_exponent(yse, ysig);
  let x = xsig << clz(xsig);
  let y = ysig << clz(ysig);
  let steep = ey > ex || (ey == ex && y >u x);
  let hi = 0n;
  if (steep) { hi = quotient(ctx, ex, x, 0n, ey, y, 0n); }
  else { hi = quotient(ctx, ey, y, 0n, ex, x, 0n); }
  let exp = load32(ctx + EXP);
  hi = arctan_wide(ctx, exp, hi, load64(ctx + LOW));
  let lo = load64(ctx + LOW);
  exp = load32(ctx + EXP);
  if (steep || left) {
    // pi / 2 or pi, plus or minus the angle, scaled by 2^125
    ${pair("pi", BIG.pi, 125n)}
    hi = shift_right(ctx, hi, lo, 2 - exp);
    lo = load64(ctx + SCRATCH);
    if (steep) {
      piLo = (piHi << 63) | (piLo >>> 1);
      piHi = piHi >>> 1;
    }
    if (steep && left) {
      lo += piLo;
      hi = hi + piHi + u64(lo <u piLo);
    } else {
      hi = piHi - hi - u64(piLo <u lo);
      lo = piLo - lo;
    }
    hi = normalize(ctx, 2, hi, lo);
    lo = load64(ctx + LOW);
    exp = load32(ctx + EXP);
  }
  return finish_wide(ctx, sign, exp, hi, lo);
}

fn x87_f2xm1(ctx: i32) {
  if (x87_underflows(ctx)) { return; }
  let at = st(ctx, 0);
  let r = two_to_x_minus_1(ctx, load16(at + 8), load64(at));
  x87_replace(ctx, r, load64(ctx + SIG));
}

// kind 0 FYL2X, 1 FYL2XP1, 2 FPATAN: of ST(0) and ST(1), to ST(1), with a pop
fn x87_two_operands(ctx: i32, kind: i32) {
  if (is_empty(ctx, 0) || is_empty(ctx, 1)) {
    if (stack_fault(ctx, 0)) {
      set_indefinite(ctx, 1);
      x87_pop(ctx);
    }
    return;
  }
  let a = st(ctx, 0);
  let b = st(ctx, 1);
  let r = 0;
  if (kind == 0) { r = y_log2_x(ctx, load16(a + 8), load64(a), load16(b + 8), load64(b)); }
  else if (kind == 1) { r = y_log2_x_plus_1(ctx, load16(a + 8), load64(a), load16(b + 8), load64(b)); }
  else { r = arctan_quotient(ctx, load16(a + 8), load64(a), load16(b + 8), load64(b)); }
  let sig = load64(ctx + SIG);
  if ((x87_finish_rounded(ctx) & 7) != 0) { return; }
  set_st(ctx, 1, stored_exponent(r, sig), sig);
  x87_pop(ctx);
}

// Of ST(0). kind 0 FSIN, 1 FCOS, 2 FSINCOS, 3 FPTAN; the last two push a second result.
fn x87_trigonometric(ctx: i32, kind: i32) {
  let pushes = kind >= 2;
  let empty = is_empty(ctx, 0);
  if (empty || (pushes && !is_empty(ctx, 7))) {
    let masked = stack_fault(ctx, !empty);
    set_codes(ctx, load32(ctx + STATUS) & 0x4300);
    if (masked) {
      set_indefinite(ctx, 0);
      if (pushes) { x87_push(ctx, 0xffff, 0xc000000000000000n); }
    }
    return;
  }
  let at = st(ctx, 0);
  let se = load16(at + 8);
  let sig = load64(at);
  let class = classify(se, sig);
  let r = se;
  let rsig = sig;
  let second = 0x3fff;
  let secondSig = 0x8000000000000000n;
  store32(ctx + ROUNDED_UP, 0);
  if (class == 2 && (se & 0x7fff) >= 0x3fff + 63) {
    // Out of range: C2 says that nothing was done.
    set_codes(ctx, (load32(ctx + STATUS) & 0x4100) | 0x400);
    return;
  }
  set_codes(ctx, load32(ctx + STATUS) & 0x4100);
  if (class >= 4) {
    if (class == 4) { r = invalid(ctx); }
    else { r = nan_result(ctx, se, sig, se, sig, X87); }
    rsig = load64(ctx + SIG);
    second = r;
    secondSig = rsig;
  } else if (class == 1) {
    if (kind == 1) { r = 0x3fff; rsig = 0x8000000000000000n; }
  } else {
    if (is_denormal(se, sig)) { raise(ctx, DE); }
    if (kind == 2) {
      second = sine(ctx, se, sig, 1);
      secondSig = load64(ctx + SIG);
    }
    if (kind == 3) { r = tangent(ctx, se, sig); }
    else { r = sine(ctx, se, sig, kind == 1); }
    rsig = load64(ctx + SIG);
  }
  if ((x87_finish_rounded(ctx) & 7) != 0) { return; }
  set_st(ctx, 0, stored_exponent(r, rsig), rsig);
  if (pushes) { x87_push(ctx, second, secondSig); }
}
`;
