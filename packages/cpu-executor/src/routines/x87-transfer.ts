/**
 * x87 loads and stores. A store converts to the bytes at `to` and says whether they are to be committed; only then does
 * `x87_stored` change the stack, because device memory may refuse.
 */
export const X87_TRANSFER: string = `
fn x87_load_single(ctx: i32, from: i32) {
  let a = load32(from);
  if (is_signalling_s(a)) { raise(ctx, IE); a = a | 0x400000; }
  if (denormal_s(a)) { raise(ctx, DE); }
  let se = from_single(ctx, a);
  x87_load(ctx, se, load64(ctx + SIG));
}

fn x87_load_double(ctx: i32, from: i32) {
  let a = load64(from);
  if (is_signalling_d(a)) { raise(ctx, IE); a = a | 0x8000000000000n; }
  if (denormal_d(a)) { raise(ctx, DE); }
  let se = from_double(ctx, a);
  x87_load(ctx, se, load64(ctx + SIG));
}

fn x87_load_extended(ctx: i32, from: i32) {
  x87_load(ctx, load16(from + 8), load64(from));
}

fn x87_load_integer(ctx: i32, value: i64) {
  let se = from_integer(ctx, value, 64 | 0x200);
  x87_load(ctx, se, load64(ctx + SIG));
}

fn x87_load_st(ctx: i32, i: i32) {
  if (is_empty(ctx, i)) {
    if (stack_fault(ctx, 0)) { x87_push(ctx, 0xffff, 0xc000000000000000n); }
    return;
  }
  let at = st(ctx, i);
  x87_load(ctx, load16(at + 8), load64(at));
}

// A constant whose last place depends on the rounding control: sig is rounded down, up bit n says that rc n adds one.
fn x87_load_constant(ctx: i32, se: i32, sig: i64, up: i32) {
  x87_load(ctx, se, sig + u64((up >>> x87_rounding(ctx)) & 1));
}

fn x87_load_decimal(ctx: i32, from: i32) {
  let value = 0n;
  let i = 8;
  while (i >= 0) {
    let b = load8(from + i);
    value = value * 100n + u64((b >>> 4) * 10 + (b & 15));
    i -= 1;
  }
  let se = from_integer(ctx, value, 64 | 0x200);
  x87_load(ctx, se | ((load8(from + 9) & 0x80) << 8), load64(ctx + SIG));
}

// Whether ST(0) can be stored: 1 yes, 2 the indefinite value is, 0 not at all. FOUND is left for x87_stored.
fn x87_store_begin(ctx: i32) -> i32 {
  if (!is_empty(ctx, 0)) { return 1; }
  raise(ctx, IE | 0x40);
  return (load32(ctx + CONTROL) & 1) != 0 ? 2 : 0;
}

// Whether the value may be written after what was found: an unmasked exception other than PE forbids it.
fn x87_may_store(ctx: i32) -> i32 {
  return (load32(ctx + FOUND) & ~load32(ctx + CONTROL) & 0x1f) == 0;
}

// After the bytes were written, or when they must not be.
fn x87_stored(ctx: i32, pop: i32) {
  let may = x87_may_store(ctx);
  // A number that is not stored is not inexact either.
  let found = load32(ctx + FOUND) & (may ? -1 : ~PE);
  store32(ctx + FOUND, found);
  set_c1(ctx, (found & 0x40) == 0 && (found & PE) != 0 ? load32(ctx + ROUNDED_UP) : 0);
  x87_finish(ctx);
  if (may && pop) { x87_pop(ctx); }
}

fn x87_store_single(ctx: i32, to: i32) -> i32 {
  let how = x87_store_begin(ctx);
  if (how != 1) {
    if (how) { store32(to, 0xffc00000); }
    return how;
  }
  let se = x87_narrow(ctx, 24);
  if (!x87_may_store(ctx)) { return 0; }
  store32(to, to_single(se, load64(ctx + SIG)));
  return 1;
}

fn x87_store_double(ctx: i32, to: i32) -> i32 {
  let how = x87_store_begin(ctx);
  if (how != 1) {
    if (how) { store64(to, 0xfff8000000000000n); }
    return how;
  }
  let se = x87_narrow(ctx, 53 | 0x100);
  if (!x87_may_store(ctx)) { return 0; }
  store64(to, to_double(se, load64(ctx + SIG)));
  return 1;
}

// ST(0) rounded to a shorter format
fn x87_narrow(ctx: i32, format: i32) -> i32 {
  let at = st(ctx, 0);
  let se = load16(at + 8);
  let sig = load64(at);
  let class = classify(se, sig);
  store32(ctx + ROUNDED_UP, 0);
  if (class >= 8) { return nan_result(ctx, se, sig, se, sig, X87); }
  if (class != 2) { return result(ctx, se, sig); }
  let control = load32(ctx + CONTROL);
  return round_number(ctx, se, sig, format | ((control & 0xc00) << 2) | x87_unmasked(control));
}

fn x87_store_extended(ctx: i32, to: i32) -> i32 {
  let how = x87_store_begin(ctx);
  if (how == 2) {
    store64(to, 0xc000000000000000n);
    store16(to + 8, 0xffff);
  }
  if (how == 1) {
    let at = st(ctx, 0);
    store64(to, load64(at));
    store16(to + 8, load16(at + 8));
  }
  return how;
}

// rc 4: the rounding control's; bits 16, 32 or 64
fn x87_store_integer(ctx: i32, to: i32, bits: i32, rc: i32) -> i32 {
  let how = x87_store_begin(ctx);
  if (how == 0) { return 0; }
  let value = 0x8000000000000000n >> (64 - bits);
  store32(ctx + ROUNDED_UP, 0);
  if (how == 1) {
    let at = st(ctx, 0);
    value = to_integer(ctx, load16(at + 8), load64(at), rc == 4 ? x87_rounding(ctx) : rc, bits);
    if (!x87_may_store(ctx)) { return 0; }
  }
  if (bits == 64) { store64(to, value); }
  else if (bits == 32) { store32(to, wrap(value)); }
  else { store16(to, wrap(value)); }
  return 1;
}

fn x87_store_decimal(ctx: i32, to: i32) -> i32 {
  let how = x87_store_begin(ctx);
  if (how == 0) { return 0; }
  let valid = how == 1;
  let value = 0n;
  let sign = 0;
  store32(ctx + ROUNDED_UP, 0);
  if (valid) {
    let at = st(ctx, 0);
    let found = load32(ctx + FOUND);
    sign = load16(at + 8) >>> 15;
    value = to_integer(ctx, load16(at + 8), load64(at), x87_rounding(ctx), 64);
    if (value < 0n) { value = -value; }
    if (value >u 999999999999999999n) {
      // Beyond 18 digits: invalid, and nothing was rounded.
      store32(ctx + FOUND, found | IE);
      store32(ctx + ROUNDED_UP, 0);
    }
    valid = (load32(ctx + FOUND) & IE) == 0;
    if (!x87_may_store(ctx)) { return 0; }
  }
  if (!valid) {
    store64(to, 0xc000000000000000n);
    store16(to + 8, 0xffff);
    return 1;
  }
  let i = 0;
  while (i < 9) {
    let pair = wrap(value %u 100n);
    value = value /u 100n;
    store8(to + i, ((pair /u 10) << 4) | pair %u 10);
    i += 1;
  }
  store8(to + 9, sign << 7);
  return 1;
}

fn x87_store_st(ctx: i32, i: i32, pop: i32) {
  if (is_empty(ctx, 0)) {
    if (stack_fault(ctx, 0)) {
      set_indefinite(ctx, i);
      if (pop) { x87_pop(ctx); }
    }
    return;
  }
  set_c1(ctx, 0);
  let at = st(ctx, 0);
  set_st(ctx, i, load16(at + 8), load64(at));
  if (pop) { x87_pop(ctx); }
}

fn x87_exchange(ctx: i32, i: i32) {
  if (is_empty(ctx, 0) || is_empty(ctx, i)) {
    if (!stack_fault(ctx, 0)) { return; }
    if (is_empty(ctx, 0)) { set_indefinite(ctx, 0); }
    if (is_empty(ctx, i)) { set_indefinite(ctx, i); }
  } else { set_c1(ctx, 0); }
  let a = st(ctx, 0);
  let b = st(ctx, i);
  let se = load16(a + 8);
  let sig = load64(a);
  set_st(ctx, 0, load16(b + 8), load64(b));
  set_st(ctx, i, se, sig);
}

fn x87_move_if(ctx: i32, i: i32, condition: i32) {
  if (is_empty(ctx, 0) || is_empty(ctx, i)) {
    if (stack_fault(ctx, 0)) { set_indefinite(ctx, 0); }
    return;
  }
  let at = st(ctx, i);
  if (condition) { set_st(ctx, 0, load16(at + 8), load64(at)); }
}

fn x87_free(ctx: i32, i: i32) {
  set_c1(ctx, 0);
  store32(ctx + TAGS, load32(ctx + TAGS) & ~(1 << ((load32(ctx + TOP) + i) & 7)));
}

fn x87_rotate(ctx: i32, by: i32) {
  store32(ctx + TOP, (load32(ctx + TOP) + by) & 7);
  set_c1(ctx, 0);
}
`;
