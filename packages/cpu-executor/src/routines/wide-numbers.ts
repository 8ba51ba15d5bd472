/**
 * Arithmetic with 128 bits inside, so that the results of x87's transcendental instructions are correctly rounded but for the
 * rarest cases. A wide number is (exponent, hi, lo) with bit 127 set: its value is (hi, lo) * 2^(exponent - 127). Routines give the
 * high half and leave the low one at LOW, an exponent at EXP.
 */
export const WIDE_NUMBERS: string = `
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
`;
