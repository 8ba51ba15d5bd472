import { BIG, letPair } from "./big-constants.ts";

/** FPATAN. */
export const X87_ARC_TANGENT: string = `
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
  ${letPair("pi", BIG.pi, 125n)}
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
    ${letPair("pi", BIG.pi, 125n)}
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
`;
