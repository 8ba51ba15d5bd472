/**
 * Software floating point. Numbers of every format are computed with in the form of an x87 register: sign and biased
 * exponent `se` (bit 15 and 14:0) and a significand of 64 bits with an explicit integer bit. A routine that yields such a
 * number returns `se` and leaves the significand at SIG. Results are exact in 128 bits (hi, lo; the lowest bit is
 * sticky) and rounded once, by `round`.
 */
export const FLOAT_CORE: string = `
fn raise(ctx: i32, exceptions: i32) {
  store32(ctx + FOUND, load32(ctx + FOUND) | exceptions);
}

fn result(ctx: i32, se: i32, sig: i64) -> i32 {
  store64(ctx + SIG, sig);
  return se;
}

// The QNaN floating-point indefinite, masked response to an invalid operation.
fn invalid(ctx: i32) -> i32 {
  raise(ctx, IE);
  return result(ctx, 0xffff, 0xc000000000000000n);
}

// 1 zero, 2 finite, 4 infinity, 8 QNaN, 16 SNaN, 32 unsupported encoding (SDM Vol 1, 8.2.2)
fn classify(se: i32, sig: i64) -> i32 {
  let exp = se & 0x7fff;
  if (exp == 0) { return sig == 0n ? 1 : 2; }
  if (sig >= 0n) { return 32; }
  if (exp != 0x7fff) { return 2; }
  let fraction = sig << 1;
  if (fraction == 0n) { return 4; }
  return fraction < 0n ? 8 : 16;
}

// (hi, lo) >> count with sticky; leaves the low half at SCRATCH
fn shift_right(ctx: i32, hi: i64, lo: i64, count: i32) -> i64 {
  if (count == 0) { store64(ctx + SCRATCH, lo); return hi; }
  if (count < 64) {
    let lost = lo << (64 - count);
    store64(ctx + SCRATCH, (hi << (64 - count)) | (lo >>> count) | u64(lost != 0n));
    return hi >>> count;
  }
  if (count == 64) { store64(ctx + SCRATCH, hi | u64(lo != 0n)); return 0n; }
  if (count < 128) {
    let lost = (hi << (128 - count)) | lo;
    store64(ctx + SCRATCH, (hi >>> (count - 64)) | u64(lost != 0n));
    return 0n;
  }
  store64(ctx + SCRATCH, u64((hi | lo) != 0n));
  return 0n;
}

// Whether discarded bits (left-aligned in rest, sticky) make the kept integer larger.
fn rounds_up(sign: i32, kept: i64, rest: i64, rc: i32) -> i32 {
  if (rest == 0n) { return 0; }
  if (rc == 0) { return (rest >u 0x8000000000000000n) || ((rest == 0x8000000000000000n) && (wrap(kept) & 1)); }
  if (rc == 1) { return sign; }
  if (rc == 2) { return sign ^ 1; }
  return 0;
}

// Rounds (hi, lo) * 2^(exp - 16383 - 63), hi with bit 63 set. An exponent that the format's least one equals with bit 63
// of the significand clear is a denormal.
fn round(ctx: i32, sign: i32, exponent: i32, high: i64, low: i64, fmt: i32) -> i32 {
  let exp = exponent;
  let hi = high;
  let lo = low;
  let shift = 64 - (fmt & 0xff);
  let range = (fmt >>> 8) & 3;
  let least = range == 0 ? 16257 : range == 1 ? 15361 : 1;
  let greatest = range == 0 ? 16510 : range == 1 ? 17406 : 32766;
  let rc = (fmt >>> 12) & 3;
  let tiny = 0;
  if (exp < least) {
    tiny = 1;
    if (exp == least - 1) {
      // Tininess is detected after rounding with an unbounded exponent.
      let keptWide = hi >>> shift;
      let restWide = shift == 0 ? lo : (hi << (64 - shift)) | (lo >>> shift) | u64(lo != 0n);
      let up = rounds_up(sign, keptWide, restWide, rc);
      if (up && (keptWide == (0xffffffffffffffffn >>> shift))) { tiny = 0; }
    }
    if (tiny && (fmt & UNMASKED_UE) != 0) {
      // A register of x87 gets a result with a wrapped exponent, everything else gets none.
      raise(ctx, UE);
      exp = range == 2 ? exp + 24576 : least;
      if (exp < 1) {
        raise(ctx, PE);
        return result(ctx, sign << 15, 0n);
      }
    } else if (tiny && (fmt & FLUSH) != 0) {
      raise(ctx, UE | PE);
      return result(ctx, sign << 15, 0n);
    } else {
      hi = shift_right(ctx, hi, lo, least - exp);
      lo = load64(ctx + SCRATCH);
      exp = least;
    }
  }
  let kept = hi >>> shift;
  let rest = shift == 0 ? lo : (hi << (64 - shift)) | (lo >>> shift) | u64(lo != 0n);
  let up = rounds_up(sign, kept, rest, rc);
  store32(ctx + ROUNDED_UP, up);
  if (up) {
    kept += 1n;
    if (shift == 0) {
      if (kept == 0n) { kept = 0x8000000000000000n; exp += 1; }
    } else if (kept == (1n << (fmt & 0xff))) {
      kept = kept >>> 1;
      exp += 1;
    }
  }
  if (rest != 0n) {
    raise(ctx, PE);
    if (tiny && (fmt & UNMASKED_UE) == 0) { raise(ctx, UE); }
  }
  if (exp > greatest) {
    raise(ctx, OE);
    if ((fmt & UNMASKED_OE) != 0) {
      exp = range == 2 ? exp - 24576 : greatest;
      if (exp > 32766) {
        raise(ctx, PE);
        store32(ctx + ROUNDED_UP, 1);
        return result(ctx, (sign << 15) | 0x7fff, 0x8000000000000000n);
      }
    } else {
      raise(ctx, PE);
      return overflow(ctx, sign, greatest, shift, rc);
    }
  }
  return result(ctx, (sign << 15) | exp, kept << shift);
}

// Infinity, or the largest number when rounding is not away from zero (SDM Vol 1, table 4-10).
fn overflow(ctx: i32, sign: i32, greatest: i32, shift: i32, rc: i32) -> i32 {
  let infinite = (rc == 0) || (rc == 1 && sign == 1) || (rc == 2 && sign == 0);
  store32(ctx + ROUNDED_UP, infinite);
  if (infinite) { return result(ctx, (sign << 15) | 0x7fff, 0x8000000000000000n); }
  return result(ctx, (sign << 15) | greatest, (0xffffffffffffffffn >>> shift) << shift);
}

// Of a register's number to one with bit 63 set; the exponent of a denormal becomes 0 or negative. Needs sig != 0.
fn normal_exponent(se: i32, sig: i64) -> i32 {
  let exp = se & 0x7fff;
  if (exp == 0) { exp = 1; }
  return exp - wrap(clz(sig));
}

// High half of a 128-bit product; the low one is a * b.
fn multiply_high(a: i64, b: i64) -> i64 {
  let a0 = a & 0xffffffffn;
  let a1 = a >>> 32;
  let b0 = b & 0xffffffffn;
  let b1 = b >>> 32;
  let mid = a1 * b0 + ((a0 * b0) >>> 32);
  let mid2 = a0 * b1 + (mid & 0xffffffffn);
  return a1 * b1 + (mid >>> 32) + (mid2 >>> 32);
}

// (hi, lo) / d for hi < d and d with bit 63 set: Knuth's algorithm D with digits of 32 bits. Leaves the remainder at SCRATCH.
fn divide_wide(ctx: i32, hi: i64, lo: i64, d: i64) -> i64 {
  let q1 = divide_digit(hi, lo >>> 32, d);
  let mid = (hi << 32) + (lo >>> 32) - q1 * d;
  let q0 = divide_digit(mid, lo & 0xffffffffn, d);
  store64(ctx + SCRATCH, (mid << 32) + (lo & 0xffffffffn) - q0 * d);
  return (q1 << 32) + q0;
}

// A digit of 32 bits of (hi * 2^32 + next) / d: the first guess is at most two too large.
fn divide_digit(hi: i64, next: i64, d: i64) -> i64 {
  let d1 = d >>> 32;
  let d0 = d & 0xffffffffn;
  let q = hi /u d1;
  let r = hi - q * d1;
  if (q >=u 0x100000000n || q * d0 >u ((r << 32) | next)) {
    q -= 1n;
    r += d1;
    if (r <u 0x100000000n && (q >=u 0x100000000n || q * d0 >u ((r << 32) | next))) { q -= 1n; }
  }
  return q;
}

// The result when an operand is a NaN or unsupported (SDM Vol 1, table 4-7).
fn nan_result(ctx: i32, ase: i32, asig: i64, bse: i32, bsig: i64, fmt: i32) -> i32 {
  let ca = classify(ase, asig);
  let cb = classify(bse, bsig);
  if (((ca | cb) & 32) != 0) { return invalid(ctx); }
  if (((ca | cb) & 16) != 0) { raise(ctx, IE); }
  let first = 1;
  if ((fmt & X87) != 0) {
    if (ca < 8) { first = 0; }
    else if (cb >= 8) {
      // A QNaN goes before an SNaN; then the larger significand, then the positive one.
      if (ca != cb) { first = ca == 8; }
      else if (asig == bsig) { first = ase < bse; }
      else { first = (asig << 1) >u (bsig << 1); }
    }
  } else { first = ca >= 8; }
  if (first) { return result(ctx, ase, asig | 0x4000000000000000n); }
  return result(ctx, bse, bsig | 0x4000000000000000n);
}

fn round_number(ctx: i32, se: i32, sig: i64, fmt: i32) -> i32 {
  return round(ctx, se >>> 15, normal_exponent(se, sig), sig << clz(sig), 0n, fmt);
}

// op: 0 add, 1 subtract, 2 multiply, 3 divide
fn arithmetic(ctx: i32, op: i32, ase: i32, asig: i64, bse0: i32, bsig: i64, fmt: i32) -> i32 {
  let ca = classify(ase, asig);
  let cb = classify(bse0, bsig);
  store32(ctx + ROUNDED_UP, 0);
  if ((ca | cb) >= 8) { return nan_result(ctx, ase, asig, bse0, bsig, fmt); }
  let bse = op == 1 ? bse0 ^ 0x8000 : bse0;
  let denormal = (fmt & DENORMAL) != 0 ? DE : 0;
  if (op < 2) {
    if (((ca | cb) & 4) != 0) {
      if ((ca & cb) == 4 && ase != bse) { return invalid(ctx); }
      raise(ctx, denormal);
      if (ca == 4) { return result(ctx, ase, asig); }
      return result(ctx, bse, bsig);
    }
    raise(ctx, denormal);
    if (ca == 1) {
      if (cb != 1) { return round_number(ctx, bse, bsig, fmt); }
      let zero = ase == bse ? ase : ((fmt >>> 12) & 3) == 1 ? 0x8000 : 0;
      return result(ctx, zero & 0x8000, 0n);
    }
    if (cb == 1) { return round_number(ctx, ase, asig, fmt); }
    return add_numbers(ctx, ase, asig, bse, bsig, fmt);
  }
  let sign = (ase ^ bse) >>> 15;
  if (op == 2) {
    if (((ca | cb) & 4) != 0) {
      if (((ca | cb) & 1) != 0) { return invalid(ctx); }
      raise(ctx, denormal);
      return result(ctx, (sign << 15) | 0x7fff, 0x8000000000000000n);
    }
    raise(ctx, denormal);
    if (((ca | cb) & 1) != 0) { return result(ctx, sign << 15, 0n); }
    let a = asig << clz(asig);
    let b = bsig << clz(bsig);
    let hi = multiply_high(a, b);
    let lo = a * b;
    let exp = normal_exponent(ase, asig) + normal_exponent(bse, bsig) - 16382;
    if (hi >= 0n) {
      hi = (hi << 1) | (lo >>> 63);
      lo = lo << 1;
      exp -= 1;
    }
    return round(ctx, sign, exp, hi, lo, fmt);
  }
  if (ca == 4) {
    if (cb == 4) { return invalid(ctx); }
    raise(ctx, denormal);
    return result(ctx, (sign << 15) | 0x7fff, 0x8000000000000000n);
  }
  if (cb == 4) { raise(ctx, denormal); return result(ctx, sign << 15, 0n); }
  if (cb == 1) {
    if (ca == 1) { return invalid(ctx); }
    raise(ctx, ZE);
    return result(ctx, (sign << 15) | 0x7fff, 0x8000000000000000n);
  }
  raise(ctx, denormal);
  if (ca == 1) { return result(ctx, sign << 15, 0n); }
  return divide_numbers(ctx, sign, ase, asig, bse, bsig, fmt);
}

fn divide_numbers(ctx: i32, sign: i32, ase: i32, asig: i64, bse: i32, bsig: i64, fmt: i32) -> i32 {
  let a = asig << clz(asig);
  let b = bsig << clz(bsig);
  let exp = normal_exponent(ase, asig) - normal_exponent(bse, bsig) + 16383;
  let top = a;
  let next = 0n;
  if (a >=u b) {
    top = a >>> 1;
    next = a << 63;
  } else { exp -= 1; }
  let hi = divide_wide(ctx, top, next, b);
  let lo = divide_wide(ctx, load64(ctx + SCRATCH), 0n, b);
  return round(ctx, sign, exp, hi, lo | u64(load64(ctx + SCRATCH) != 0n), fmt);
}

fn add_numbers(ctx: i32, ase0: i32, asig0: i64, bse0: i32, bsig0: i64, fmt: i32) -> i32 {
  let ase = ase0;
  let bse = bse0;
  let a = asig0 << clz(asig0);
  let b = bsig0 << clz(bsig0);
  let ea = normal_exponent(ase, asig0);
  let eb = normal_exponent(bse, bsig0);
  if (ea < eb || (ea == eb && a <u b)) {
    let swap = a; a = b; b = swap;
    let swapExponent = ea; ea = eb; eb = swapExponent;
    let swapSign = ase; ase = bse; bse = swapSign;
  }
  let sign = ase >>> 15;
  let bhi = shift_right(ctx, b, 0n, ea - eb);
  let blo = load64(ctx + SCRATCH);
  if (((ase ^ bse) & 0x8000) == 0) {
    let hi = a + bhi;
    if (hi <u a) {
      let sticky = blo & 1n;
      return round(ctx, sign, ea + 1, (hi >>> 1) | 0x8000000000000000n, (hi << 63) | (blo >>> 1) | sticky, fmt);
    }
    return round(ctx, sign, ea, hi, blo, fmt);
  }
  let lo = -blo;
  let hi = a - bhi - u64(blo != 0n);
  if ((hi | lo) == 0n) { return result(ctx, ((fmt >>> 12) & 3) == 1 ? 0x8000 : 0, 0n); }
  if (hi == 0n) {
    hi = lo;
    lo = 0n;
    ea -= 64;
  }
  let count = wrap(clz(hi));
  if (count != 0) {
    hi = (hi << count) | (lo >>> (64 - count));
    lo = lo << count;
  }
  return round(ctx, sign, ea - count, hi, lo, fmt);
}

fn square_root(ctx: i32, se: i32, sig: i64, fmt: i32) -> i32 {
  let class = classify(se, sig);
  store32(ctx + ROUNDED_UP, 0);
  if (class >= 8) { return nan_result(ctx, se, sig, se, sig, fmt); }
  if (class == 1) { return result(ctx, se, sig); }
  if (se >= 0x8000) { return invalid(ctx); }
  if ((fmt & DENORMAL) != 0) { raise(ctx, DE); }
  if (class == 4) { return result(ctx, se, sig); }
  let exp = normal_exponent(se, sig) - 16383;
  let a = sig << clz(sig);
  // The radicand in [1, 4) as an integer of 128 bits below 2^128, its root an integer of 64 bits with bit 63 set:
  // two bits of the radicand for one of the root.
  let hi = (exp & 1) != 0 ? a : a >>> 1;
  let lo = (exp & 1) != 0 ? 0n : a << 63;
  let root = 0n;
  let restHi = 0n;
  let rest = 0n;
  let i = 0;
  while (i < 64) {
    restHi = (restHi << 2) | (rest >>> 62);
    rest = (rest << 2) | (hi >>> 62);
    hi = (hi << 2) | (lo >>> 62);
    lo = lo << 2;
    let trialHi = root >>> 62;
    let trial = (root << 2) | 1n;
    root = root << 1;
    if (restHi >u trialHi || (restHi == trialHi && rest >=u trial)) {
      restHi = restHi - trialHi - u64(rest <u trial);
      rest = rest - trial;
      root = root | 1n;
    }
    i += 1;
  }
  // The next bit of the root decides between below and above half: rest > root.
  let lower = 0n;
  if ((restHi | rest) != 0n) { lower = (restHi != 0n || rest >u root) ? 0xc000000000000000n : 0x4000000000000000n; }
  return round(ctx, 0, (exp >> 1) + 16383, root, lower, fmt);
}

// To an integer of 64 bits, 1 when it does not fit. rc is the rounding control. Leaves the integer at SIG.
fn to_integer(ctx: i32, se: i32, sig: i64, rc: i32, bits: i32) -> i64 {
  let indefinite = 0x8000000000000000n >> (64 - bits);
  let class = classify(se, sig);
  if (class == 1) { return 0n; }
  store32(ctx + ROUNDED_UP, 0);
  let sign = se >>> 15;
  let exp = (se & 0x7fff) - 16383;
  if (class >= 4 || exp > bits - 1) { raise(ctx, IE); return indefinite; }
  let kept = 0n;
  let rest = 1n;
  if (exp >= -1) {
    kept = exp < 0 ? 0n : sig >>> (63 - exp);
    rest = exp == 63 ? 0n : sig << (exp + 1);
  }
  let up = rounds_up(sign, kept, rest, rc);
  kept += u64(up);
  let limit = 1n << (bits - 1);
  // 2^64 - 1 + 1 would wrap: exp is below bits, so that kept is at most 2^bits.
  if (up && kept == 0n || kept >u limit || (kept == limit && !sign)) { raise(ctx, IE); return indefinite; }
  store32(ctx + ROUNDED_UP, up);
  if (rest != 0n) { raise(ctx, PE); }
  return sign ? -kept : kept;
}

// To a number with an integral value, in the same format. fmt gives the rounding control only.
fn round_integral(ctx: i32, se: i32, sig: i64, rc: i32) -> i32 {
  let exp = (se & 0x7fff) - 16383;
  store32(ctx + ROUNDED_UP, 0);
  if (exp >= 63 || sig == 0n) { return result(ctx, se, sig); }
  let kept = 0n;
  let rest = 1n;
  if (exp >= -1) {
    kept = exp < 0 ? 0n : sig >>> (63 - exp);
    rest = sig << (exp + 1);
  }
  let up = rounds_up(se >>> 15, kept, rest, rc);
  if (rest != 0n) { raise(ctx, PE); }
  store32(ctx + ROUNDED_UP, up);
  kept += u64(up);
  if (kept == 0n) { return result(ctx, se & 0x8000, 0n); }
  let count = wrap(clz(kept));
  return result(ctx, (se & 0x8000) | (16383 + 63 - count), kept << count);
}

fn from_integer(ctx: i32, value: i64, fmt: i32) -> i32 {
  if (value == 0n) { return result(ctx, 0, 0n); }
  let sign = value < 0n;
  let size = sign ? -value : value;
  let count = wrap(clz(size));
  return round(ctx, sign, 16383 + 63 - count, size << count, 0n, fmt);
}

fn from_single(ctx: i32, a: i32) -> i32 {
  let sign = (a >>> 16) & 0x8000;
  let exp = (a >>> 23) & 0xff;
  let fraction = u64(a & 0x7fffff) << 40;
  if (exp == 0xff) { return result(ctx, sign | 0x7fff, fraction | 0x8000000000000000n); }
  if (exp != 0) { return result(ctx, sign | (exp + 16256), fraction | 0x8000000000000000n); }
  if (fraction == 0n) { return result(ctx, sign, 0n); }
  let count = wrap(clz(fraction));
  return result(ctx, sign | (16257 - count), fraction << count);
}

fn from_double(ctx: i32, a: i64) -> i32 {
  let sign = wrap(a >>> 48) & 0x8000;
  let exp = wrap(a >>> 52) & 0x7ff;
  let fraction = (a << 12) >>> 1;
  if (exp == 0x7ff) { return result(ctx, sign | 0x7fff, fraction | 0x8000000000000000n); }
  if (exp != 0) { return result(ctx, sign | (exp + 15360), fraction | 0x8000000000000000n); }
  if (fraction == 0n) { return result(ctx, sign, 0n); }
  let count = wrap(clz(fraction));
  return result(ctx, sign | (15361 - count), fraction << count);
}

// Of a number that was rounded to single precision.
fn to_single(se: i32, sig: i64) -> i32 {
  let sign = (se & 0x8000) << 16;
  let exp = se & 0x7fff;
  let fraction = wrap((sig << 1) >>> 41);
  if (exp == 0x7fff) { return sign | 0x7f800000 | fraction; }
  if (sig >= 0n) { return sign | wrap(sig >>> 40); }
  return sign | ((exp - 16256) << 23) | fraction;
}

fn to_double(se: i32, sig: i64) -> i64 {
  let sign = u64(se & 0x8000) << 48;
  let exp = se & 0x7fff;
  let fraction = (sig << 1) >>> 12;
  if (exp == 0x7fff) { return sign | 0x7ff0000000000000n | fraction; }
  if (sig >= 0n) { return sign | (sig >>> 11); }
  return sign | (u64(exp - 15360) << 52) | fraction;
}

// 1 below, 2 equal, 4 above, 8 unordered. Operands are not NaN.
fn compare_numbers(ase: i32, asig: i64, bse: i32, bsig: i64) -> i32 {
  if ((asig | bsig) == 0n) { return 2; }
  let sa = ase >>> 15;
  let sb = bse >>> 15;
  if (asig == 0n) { return sb ? 4 : 1; }
  if (bsig == 0n) { return sa ? 1 : 4; }
  if (sa != sb) { return sa ? 1 : 4; }
  let ea = normal_exponent(ase, asig);
  let eb = normal_exponent(bse, bsig);
  let a = asig << clz(asig);
  let b = bsig << clz(bsig);
  if (ea == eb && a == b) { return 2; }
  let below = ea < eb || (ea == eb && a <u b);
  return (below ^ sa) ? 1 : 4;
}
`;
