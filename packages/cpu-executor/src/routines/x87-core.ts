/**
 * The x87 register stack and its exceptions. An instruction collects what it finds at FOUND (bit 6 is SF), and
 * `x87_finish` makes it sticky. Status bits: ES 0x80, C0 0x100, C1 0x200, C2 0x400, C3 0x4000, B 0x8000.
 */
export const X87_CORE: string = `
// Exception vector that a waiting x87 instruction raises before it does anything, or 0. CR0: MP 2, EM 4, TS 8.
fn x87_check(ctx: i32) -> i32 {
  store32(ctx + FOUND, 0);
  if ((load32(ctx + CR0) & 12) != 0) { return 7; }
  return (load32(ctx + STATUS) & 0x80) != 0 ? 16 : 0;
}

fn x87_check_control(ctx: i32) -> i32 {
  store32(ctx + FOUND, 0);
  return (load32(ctx + CR0) & 12) != 0 ? 7 : 0;
}

fn wait_check(ctx: i32) -> i32 {
  if ((load32(ctx + CR0) & 10) == 10) { return 7; }
  return (load32(ctx + STATUS) & 0x80) != 0 ? 16 : 0;
}

fn mmx_check(ctx: i32) -> i32 {
  let cr0 = load32(ctx + CR0);
  if ((cr0 & 4) != 0) { return 6; }
  if ((cr0 & 8) != 0) { return 7; }
  return (load32(ctx + STATUS) & 0x80) != 0 ? 16 : 0;
}

// XSAVE and its like need CR4.OSXSAVE (0x40000).
fn xsave_check(ctx: i32) -> i32 {
  if ((load32(ctx + CR4) & 0x40000) == 0) { return 6; }
  return (load32(ctx + CR0) & 8) != 0 ? 7 : 0;
}

fn xgetbv_check(ctx: i32) -> i32 {
  return (load32(ctx + CR4) & 0x40000) == 0 ? 6 : 0;
}

// In 64-bit mode stack addresses have 64 bits.
fn is_long_mode(ctx: i32) -> i32 {
  return load32(ctx + STACK_SHIFT) == 0;
}

// Every MMX instruction but EMMS: TOP is 0 and no register is empty.
fn mmx_enter(ctx: i32) {
  store32(ctx + TOP, 0);
  store32(ctx + TAGS, 0xff);
}

// #XM, or #UD without CR4.OSXMMEXCPT (0x400)
fn simd_exception(ctx: i32) -> i32 {
  return (load32(ctx + CR4) & 0x400) != 0 ? 19 : 6;
}

fn st(ctx: i32, i: i32) -> i32 {
  return ctx + REGISTERS + (((load32(ctx + TOP) + i) & 7) << 4);
}

fn is_empty(ctx: i32, i: i32) -> i32 {
  return ((load32(ctx + TAGS) >>> ((load32(ctx + TOP) + i) & 7)) & 1) == 0;
}

fn set_st(ctx: i32, i: i32, se: i32, sig: i64) {
  let number = (load32(ctx + TOP) + i) & 7;
  store64(ctx + REGISTERS + (number << 4), sig);
  store16(ctx + REGISTERS + 8 + (number << 4), se);
  store32(ctx + TAGS, load32(ctx + TAGS) | (1 << number));
}

fn x87_pop(ctx: i32) {
  let top = load32(ctx + TOP);
  store32(ctx + TAGS, load32(ctx + TAGS) & ~(1 << top));
  store32(ctx + TOP, (top + 1) & 7);
}

fn set_c1(ctx: i32, value: i32) {
  store32(ctx + STATUS, (load32(ctx + STATUS) & 0xfdff) | (value << 9));
}

fn set_codes(ctx: i32, codes: i32) {
  store32(ctx + STATUS, (load32(ctx + STATUS) & 0xb8ff) | codes);
}

// ES and B follow from the exceptions and their masks.
fn x87_summary(ctx: i32) {
  let status = load32(ctx + STATUS) & 0x7f7f;
  if ((status & ~load32(ctx + CONTROL) & 0x3f) != 0) { status |= 0x8080; }
  store32(ctx + STATUS, status);
}

// Makes what was found sticky and gives its unmasked exceptions. Opcode and data pointer are kept when there are some.
fn x87_finish(ctx: i32) -> i32 {
  let found = load32(ctx + FOUND);
  if (found == 0) { return 0; }
  let unmasked = found & ~load32(ctx + CONTROL) & 0x3f;
  if ((unmasked & 7) != 0) {
    found = found & 0x47;
    unmasked = unmasked & 7;
  }
  store32(ctx + STATUS, load32(ctx + STATUS) | found);
  if (unmasked) {
    store32(ctx + STATUS, load32(ctx + STATUS) | 0x8080);
    store32(ctx + OPCODE, load32(ctx + CURRENT_OPCODE));
    store64(ctx + DATA, load64(ctx + CURRENT_DATA));
  }
  return unmasked;
}

// C1 after an instruction that rounds, unless the stack's exception has set it.
fn x87_finish_rounded(ctx: i32) -> i32 {
  let inexact = (load32(ctx + FOUND) & PE) != 0;
  let unmasked = x87_finish(ctx);
  // What an unmasked exception forbids was not rounded either.
  set_c1(ctx, inexact && (unmasked & 7) == 0 ? load32(ctx + ROUNDED_UP) : 0);
  return unmasked;
}

// Stack overflow (c1 = 1) or underflow; 1 when it is masked.
fn stack_fault(ctx: i32, c1: i32) -> i32 {
  raise(ctx, IE | 0x40);
  set_c1(ctx, c1);
  x87_finish(ctx);
  return load32(ctx + CONTROL) & 1;
}

fn set_indefinite(ctx: i32, i: i32) {
  set_st(ctx, i, 0xffff, 0xc000000000000000n);
}

fn x87_push(ctx: i32, se: i32, sig: i64) {
  store32(ctx + TOP, (load32(ctx + TOP) + 7) & 7);
  set_st(ctx, 0, se, sig);
}

// Ends a load: what was found, room on the stack, the value. A denormal is loaded even if its exception is unmasked.
fn x87_load(ctx: i32, se: i32, sig: i64) {
  if (!is_empty(ctx, 7)) {
    store32(ctx + FOUND, 0);
    if (stack_fault(ctx, 1)) { x87_push(ctx, 0xffff, 0xc000000000000000n); }
    return;
  }
  set_c1(ctx, 0);
  if ((x87_finish(ctx) & IE) == 0) { x87_push(ctx, se, sig); }
}

fn x87_format(ctx: i32) -> i32 {
  let control = load32(ctx + CONTROL);
  let pc = (control >>> 8) & 3;
  return (pc == 0 ? 24 : pc == 2 ? 53 : 64) | 0x200 | ((control & 0xc00) << 2) | x87_unmasked(control);
}

fn x87_unmasked(control: i32) -> i32 {
  let fmt = X87;
  if ((control & 0x10) == 0) { fmt |= UNMASKED_UE; }
  if ((control & 8) == 0) { fmt |= UNMASKED_OE; }
  return fmt;
}

// The same with the full precision, whatever precision control says.
fn x87_extended(ctx: i32) -> i32 {
  return (x87_format(ctx) & ~0xff) | 64;
}

fn x87_rounding(ctx: i32) -> i32 {
  return (load32(ctx + CONTROL) >>> 10) & 3;
}

fn is_denormal(se: i32, sig: i64) -> i32 {
  return (se & 0x7fff) == 0 && sig != 0n;
}
`;
