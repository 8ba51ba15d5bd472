/** x87 arithmetic and comparisons. Sources from memory come as a number in the format of a register. */
export const X87_ARITHMETIC: string = `
// ST(dst) op source, or source op ST(dst) when reversed. empty: the source is an empty register.
fn x87_operate(ctx: i32, op: i32, reversed: i32, dst: i32, se: i32, sig: i64, denormal: i32, empty: i32, pop: i32) {
  if (empty || is_empty(ctx, dst)) {
    store32(ctx + FOUND, 0);
    if (stack_fault(ctx, 0)) {
      set_indefinite(ctx, dst);
      if (pop) { x87_pop(ctx); }
    }
    return;
  }
  let at = st(ctx, dst);
  let dse = load16(at + 8);
  let dsig = load64(at);
  let fmt = x87_format(ctx);
  if (denormal || is_denormal(se, sig) || is_denormal(dse, dsig)) { fmt |= DENORMAL; }
  let r = 0;
  if (reversed) { r = arithmetic(ctx, op, se, sig, dse, dsig, fmt); }
  else { r = arithmetic(ctx, op, dse, dsig, se, sig, fmt); }
  let rsig = load64(ctx + SIG);
  if ((x87_finish_rounded(ctx) & 7) != 0) { return; }
  set_st(ctx, dst, stored_exponent(r, rsig), rsig);
  if (pop) { x87_pop(ctx); }
}

// A denormal's exponent is stored as 0.
fn stored_exponent(se: i32, sig: i64) -> i32 {
  return sig >= 0n ? se & 0x8000 : se;
}

fn x87_operate_st(ctx: i32, op: i32, reversed: i32, dst: i32, src: i32, pop: i32) {
  let at = st(ctx, src);
  x87_operate(ctx, op, reversed, dst, load16(at + 8), load64(at), 0, is_empty(ctx, src), pop);
}

fn x87_operate_single(ctx: i32, op: i32, reversed: i32, from: i32) {
  let a = load32(from);
  let se = from_single(ctx, a);
  x87_operate(ctx, op, reversed, 0, se, load64(ctx + SIG), denormal_s(a), 0, 0);
}

fn x87_operate_double(ctx: i32, op: i32, reversed: i32, from: i32) {
  let a = load64(from);
  let se = from_double(ctx, a);
  x87_operate(ctx, op, reversed, 0, se, load64(ctx + SIG), denormal_d(a), 0, 0);
}

fn x87_operate_integer(ctx: i32, op: i32, reversed: i32, value: i64) {
  let se = from_integer(ctx, value, 64 | 0x200);
  x87_operate(ctx, op, reversed, 0, se, load64(ctx + SIG), 0, 0, 0);
}

// Relation of ST(0) to a source: 1, 2, 4, 8 as compare_numbers; plus 16 when an unmasked exception forbids its use.
fn x87_relation(ctx: i32, se: i32, sig: i64, denormal: i32, empty: i32, quiet: i32) -> i32 {
  if (empty || is_empty(ctx, 0)) {
    store32(ctx + FOUND, 0);
    return stack_fault(ctx, 0) ? 8 : 24;
  }
  let at = st(ctx, 0);
  let ase = load16(at + 8);
  let asig = load64(at);
  let classes = classify(ase, asig) | classify(se, sig);
  let relation = 8;
  if (classes >= 8) {
    if (classes >= 16 || !quiet) { raise(ctx, IE); }
  } else {
    if (denormal || is_denormal(se, sig) || is_denormal(ase, asig)) { raise(ctx, DE); }
    relation = compare_numbers(ase, asig, se, sig);
  }
  return (x87_finish(ctx) & 7) != 0 ? relation | 16 : relation;
}

// C3, C2, C0 of a relation, which processors set even with an unmasked exception, then the pops.
fn x87_set_relation(ctx: i32, relation: i32, pops: i32) {
  let kind = relation & 15;
  set_codes(ctx, kind == 1 ? 0x100 : kind == 2 ? 0x4000 : kind == 8 ? 0x4500 : 0);
  if (relation >= 16) { return; }
  if (pops) { x87_pop(ctx); }
  if (pops == 2) { x87_pop(ctx); }
}

fn x87_compare_st(ctx: i32, src: i32, quiet: i32, pops: i32) {
  let at = st(ctx, src);
  x87_set_relation(ctx, x87_relation(ctx, load16(at + 8), load64(at), 0, is_empty(ctx, src), quiet), pops);
}

// FCOMI and its like: ZF 0x40, PF 4, CF 1 as a mask, which processors set even with an unmasked exception.
fn x87_compare_flags(ctx: i32, src: i32, quiet: i32, pop: i32) -> i32 {
  let at = st(ctx, src);
  let relation = x87_relation(ctx, load16(at + 8), load64(at), 0, is_empty(ctx, src), quiet);
  if (pop && relation < 16) { x87_pop(ctx); }
  return relation_flags(relation & 15);
}

inline fn relation_flags(relation: i32) -> i32 {
  return relation == 1 ? 1 : relation == 2 ? 0x40 : relation == 8 ? 0x45 : 0;
}

fn x87_compare_single(ctx: i32, from: i32, pops: i32) {
  let a = load32(from);
  let se = from_single(ctx, a);
  x87_set_relation(ctx, x87_relation(ctx, se, load64(ctx + SIG), denormal_s(a), 0, 0), pops);
}

fn x87_compare_double(ctx: i32, from: i32, pops: i32) {
  let a = load64(from);
  let se = from_double(ctx, a);
  x87_set_relation(ctx, x87_relation(ctx, se, load64(ctx + SIG), denormal_d(a), 0, 0), pops);
}

fn x87_compare_integer(ctx: i32, value: i64, pops: i32) {
  let se = from_integer(ctx, value, 64 | 0x200);
  x87_set_relation(ctx, x87_relation(ctx, se, load64(ctx + SIG), 0, 0, 0), pops);
}

fn x87_test(ctx: i32) {
  x87_set_relation(ctx, x87_relation(ctx, 0, 0n, 0, 0, 0), 0);
}

fn x87_examine(ctx: i32) {
  let at = st(ctx, 0);
  let se = load16(at + 8);
  let class = classify(se, load64(at));
  let codes = class == 1 ? 0x4000 : class == 4 ? 0x500 : class == 32 ? 0 : class >= 8 ? 0x100 : 0x400;
  if (class == 2 && (se & 0x7fff) == 0) { codes = 0x4400; }
  if (is_empty(ctx, 0)) { codes = 0x4100; }
  set_codes(ctx, codes | ((se >>> 6) & 0x200));
}

// An operation of ST(0) alone ends: the result replaces it.
fn x87_replace(ctx: i32, se: i32, sig: i64) {
  if ((x87_finish_rounded(ctx) & 7) == 0) { set_st(ctx, 0, stored_exponent(se, sig), sig); }
}

// 1 when ST(0) is empty; then its masked response has happened.
fn x87_underflows(ctx: i32) -> i32 {
  if (!is_empty(ctx, 0)) { set_c1(ctx, 0); return 0; }
  if (stack_fault(ctx, 0)) { set_indefinite(ctx, 0); }
  return 1;
}

fn x87_sign(ctx: i32, keep: i32, flip: i32) {
  if (x87_underflows(ctx)) { return; }
  let at = st(ctx, 0);
  store16(at + 8, (load16(at + 8) & keep) ^ flip);
}

fn x87_sqrt(ctx: i32) {
  if (x87_underflows(ctx)) { return; }
  let at = st(ctx, 0);
  let se = load16(at + 8);
  let sig = load64(at);
  let fmt = x87_format(ctx);
  if (is_denormal(se, sig)) { fmt |= DENORMAL; }
  let r = square_root(ctx, se, sig, fmt);
  x87_replace(ctx, r, load64(ctx + SIG));
}

fn x87_round(ctx: i32) {
  if (x87_underflows(ctx)) { return; }
  let at = st(ctx, 0);
  let se = load16(at + 8);
  let sig = load64(at);
  store32(ctx + ROUNDED_UP, 0);
  if (classify(se, sig) >= 8) {
    let n = nan_result(ctx, se, sig, se, sig, X87);
    x87_replace(ctx, n, load64(ctx + SIG));
    return;
  }
  if (is_denormal(se, sig)) { raise(ctx, DE); }
  let r = round_integral(ctx, se, sig, x87_rounding(ctx));
  x87_replace(ctx, r, load64(ctx + SIG));
}

fn x87_two_underflow(ctx: i32) -> i32 {
  if (!is_empty(ctx, 0) && !is_empty(ctx, 1)) { set_c1(ctx, 0); return 0; }
  if (stack_fault(ctx, 0)) { set_indefinite(ctx, 0); }
  return 1;
}

fn x87_scale(ctx: i32) {
  if (x87_two_underflow(ctx)) { return; }
  let a = st(ctx, 0);
  let b = st(ctx, 1);
  let ase = load16(a + 8);
  let asig = load64(a);
  let bse = load16(b + 8);
  let bsig = load64(b);
  let r = scale(ctx, ase, asig, bse, bsig);
  x87_replace(ctx, r, load64(ctx + SIG));
}

fn scale(ctx: i32, ase: i32, asig: i64, bse: i32, bsig: i64) -> i32 {
  let ca = classify(ase, asig);
  let cb = classify(bse, bsig);
  store32(ctx + ROUNDED_UP, 0);
  if ((ca | cb) >= 8) { return nan_result(ctx, ase, asig, bse, bsig, X87); }
  let down = bse >>> 15;
  if (cb == 4) {
    // 0 * 2^infinity and infinity * 2^-infinity are invalid.
    if ((ca == 1 && !down) || (ca == 4 && down)) { return invalid(ctx); }
    if (is_denormal(ase, asig)) { raise(ctx, DE); }
    if (down) { return result(ctx, ase & 0x8000, 0n); }
    return result(ctx, (ase & 0x8000) | 0x7fff, 0x8000000000000000n);
  }
  if (is_denormal(ase, asig) || is_denormal(bse, bsig)) { raise(ctx, DE); }
  if (ca != 2) { return result(ctx, ase, asig); }
  let exp = (bse & 0x7fff) - 16383;
  let n = 0;
  if (exp >= 16) { n = 65536; }
  else if (exp >= 0) { n = wrap(bsig >>> (63 - exp)); }
  if (down) { n = -n; }
  // By 2^0 where ST1 is zero, and only there, processors return a denormal as it is, without underflow where that is unmasked.
  if (cb == 1 && (ase & 0x7fff) == 0 && (asig >>> 63) == 0n) { return result(ctx, ase, asig); }
  return round(ctx, ase >>> 15, normal_exponent(ase, asig) + n, asig << clz(asig), 0n, x87_extended(ctx));
}

fn x87_extract(ctx: i32) {
  if (is_empty(ctx, 0)) {
    if (stack_fault(ctx, 0)) { set_indefinite(ctx, 0); x87_push(ctx, 0xffff, 0xc000000000000000n); }
    return;
  }
  if (!is_empty(ctx, 7)) {
    if (stack_fault(ctx, 1)) { set_indefinite(ctx, 0); x87_push(ctx, 0xffff, 0xc000000000000000n); }
    return;
  }
  set_c1(ctx, 0);
  let at = st(ctx, 0);
  let se = load16(at + 8);
  let sig = load64(at);
  let class = classify(se, sig);
  let exponentSe = 0;
  let exponentSig = 0n;
  let significandSe = se;
  let significand = sig;
  if (class >= 8) {
    significandSe = nan_result(ctx, se, sig, se, sig, X87);
    significand = load64(ctx + SIG);
    exponentSe = significandSe;
    exponentSig = significand;
  } else if (class == 4) {
    exponentSe = 0x7fff;
    exponentSig = sig;
  } else if (class == 1) {
    raise(ctx, ZE);
    exponentSe = 0xffff;
    exponentSig = 0x8000000000000000n;
  } else {
    if (is_denormal(se, sig)) { raise(ctx, DE); }
    exponentSe = from_integer(ctx, s64(normal_exponent(se, sig) - 16383), 64 | 0x200);
    exponentSig = load64(ctx + SIG);
    significandSe = (se & 0x8000) | 16383;
    significand = sig << clz(sig);
  }
  if ((x87_finish(ctx) & 7) != 0) { return; }
  set_st(ctx, 0, exponentSe, exponentSig);
  x87_push(ctx, significandSe, significand);
}

// FPREM (nearest = 0) and FPREM1
fn x87_remainder(ctx: i32, nearest: i32) {
  if (x87_two_underflow(ctx)) {
    set_codes(ctx, load32(ctx + STATUS) & 0x4100);
    return;
  }
  let at = st(ctx, 0);
  let by = st(ctx, 1);
  let ase = load16(at + 8);
  let asig = load64(at);
  let bse = load16(by + 8);
  let bsig = load64(by);
  let ca = classify(ase, asig);
  let cb = classify(bse, bsig);
  store32(ctx + ROUNDED_UP, 0);
  let r = ase;
  let codes = 0;
  if ((ca | cb) >= 8) { r = nan_result(ctx, ase, asig, bse, bsig, X87); codes = load32(ctx + STATUS) & 0x4100; }
  else if (ca == 4 || cb == 1) { r = invalid(ctx); codes = load32(ctx + STATUS) & 0x4100; }
  else {
    if (is_denormal(ase, asig) || is_denormal(bse, bsig)) { raise(ctx, DE); }
    if (ca == 1 || cb == 4) {
      // A pseudo-denormal becomes the normal number that it is.
      r = result(ctx, asig < 0n && (ase & 0x7fff) == 0 ? ase | 1 : ase, asig);
    }
    else {
      codes = remainder(ctx, ase, asig, bse, bsig, nearest);
      r = load32(ctx + SCRATCH);
    }
  }
  let rsig = load64(ctx + SIG);
  let unmasked = x87_finish(ctx) & 7;
  set_codes(ctx, unmasked ? load32(ctx + STATUS) & 0x4100 : codes);
  if (unmasked) { return; }
  set_st(ctx, 0, stored_exponent(r, rsig), rsig);
}

// Gives the condition codes and leaves the remainder's se at SCRATCH.
fn remainder(ctx: i32, ase: i32, asig: i64, bse: i32, bsig: i64, nearest: i32) -> i32 {
  let sign = ase >>> 15;
  let ea = normal_exponent(ase, asig);
  let eb = normal_exponent(bse, bsig);
  let rest = asig << clz(asig);
  let divisor = bsig << clz(bsig);
  let distance = ea - eb;
  let codes = 0;
  let quotient = 0n;
  let steps = distance;
  let exp = eb;
  if (distance >= 64) {
    // A partial remainder: the processor reduces the exponent by 32 to 63.
    codes = 0x400;
    steps = (distance & 31) | 32;
    exp = ea - steps;
  }
  if (distance < 0) {
    exp = ea;
    if (distance == -1 && nearest) {
      // rest / 2 against divisor / 2: above half when rest > divisor at equal scale
      if (rest >u divisor) {
        rest = (divisor << 1) - rest;
        sign = sign ^ 1;
        quotient = 1n;
      }
    }
  } else {
    let carry = 0n;
    let i = steps;
    while (i >= 0) {
      quotient = quotient << 1;
      if (carry != 0n || rest >=u divisor) {
        rest -= divisor;
        quotient |= 1n;
      }
      carry = 0n;
      if (i > 0) {
        carry = rest >>> 63;
        rest = rest << 1;
      }
      i -= 1;
    }
    if (nearest && codes == 0) {
      let above = rest >u divisor - rest || (rest == divisor - rest && (quotient & 1n) != 0n);
      if (above) {
        rest = divisor - rest;
        sign = sign ^ 1;
        quotient += 1n;
      }
    }
  }
  if (codes == 0) {
    let q = wrap(quotient);
    codes = ((q & 4) << 6) | ((q & 2) << 13) | ((q & 1) << 9);
  }
  let r = sign << 15;
  if (rest == 0n) { r = result(ctx, (ase & 0x8000), 0n); }
  else { r = round(ctx, sign, exp - wrap(clz(rest)), rest << clz(rest), 0n, x87_extended(ctx)); }
  store32(ctx + SCRATCH, r);
  return codes;
}
`;
