/** Sine, cosine and tangent of x87. */
export const X87_ANGLES: string = `
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
`;
