/** x87's transcendental instructions: operands, stack and exceptions around the functions. */
export const X87_TRANSCENDENTAL: string = `
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
