import { asValue, toValue } from "./x87-quick.ts";

/**
 * The quick ways of x87 loads, stores, exchanges and sign changes, under the conditions of x87-quick.ts: a routine gives 0
 * when it has done nothing.
 */

/** A value that is pushed: `se` and `sig` are declared before. */
const PUSH: string = `
  let tags = load32(ctx + TAGS);
  let number = (load32(ctx + TOP) + 7) & 7;
  if (((tags >>> number) & 1) != 0) { return 0; }
  let at = ctx + (number << 4);
  store64(at + REGISTERS, sig);
  store16(at + REGISTERS + 8, se);
  store32(ctx + TAGS, tags | (1 << number));
  store32(ctx + TOP, number);
  x87_quick_status(ctx, 0);
  return 1;`;

const LOADS: string = `
inline fn x87_quick_load_st(ctx: i32, i: i32) -> i32 {
  let other = (load32(ctx + TOP) + i) & 7;
  if (((load32(ctx + TAGS) >>> other) & 1) == 0) { return 0; }
  let from = ctx + (other << 4);
  let sig = load64(from + REGISTERS);
  let se = load16(from + REGISTERS + 8);
  ${PUSH}
}

fn x87_quick_load_single(ctx: i32, from: i32) -> i32 {
  let a = load32(from);
  let exp = (a >>> 23) & 0xff;
  let se = (a >>> 16) & 0x8000;
  let sig = 0n;
  if ((a << 1) != 0) {
    if ((exp - 1) >=u 254) { return 0; }
    se |= exp + 16256;
    sig = (u64(a & 0x7fffff) << 40) | 0x8000000000000000n;
  }
  ${PUSH}
}

fn x87_quick_load_double(ctx: i32, from: i32) -> i32 {
  let a = load64(from);
  let exp = wrap(a >>> 52) & 0x7ff;
  let se = wrap(a >>> 48) & 0x8000;
  let sig = 0n;
  if ((a << 1) != 0n) {
    if ((exp - 1) >=u 2046) { return 0; }
    se |= exp + 15360;
    sig = (a << 11) | 0x8000000000000000n;
  }
  ${PUSH}
}

fn x87_quick_load_extended(ctx: i32, from: i32) -> i32 {
  let sig = load64(from);
  let se = load16(from + 8);
  ${PUSH}
}

fn x87_quick_load_integer(ctx: i32, value: i64) -> i32 {
  let se = 0;
  let sig = 0n;
  if (value != 0n) {
    let size = value < 0n ? -value : value;
    let count = wrap(clz(size));
    sig = size << count;
    se = (wrap(value >>> 48) & 0x8000) | (16383 + 63 - count);
  }
  ${PUSH}
}

fn x87_quick_load_constant(ctx: i32, se: i32, sig0: i64, up: i32) -> i32 {
  let sig = sig0 + u64((up >>> ((load32(ctx + CONTROL) >>> 10) & 3)) & 1);
  ${PUSH}
}`;

/** ST(0), which must be a number that is normal. */
const TAKE: string = `
  if ((load32(ctx + CONTROL) & 0x3f) != 0x3f) { return 0; }
  let rc = (load32(ctx + CONTROL) >>> 10) & 3;
  let tags = load32(ctx + TAGS);
  let top = load32(ctx + TOP);
  if (((tags >>> top) & 1) == 0) { return 0; }
  let at = ctx + (top << 4);
  let sig = load64(at + REGISTERS);
  let se = load16(at + REGISTERS + 8);`;

const DROP: string = `
  store32(ctx + TAGS, tags & ~(pop << top));
  store32(ctx + TOP, (top + pop) & 7);
  return 1;`;

/** Of a shorter format: bits of the fraction and what is subtracted from the exponent. */
const roundNumber = (fraction: number, bias: number, greatest: number): string => `
  let exp = (se & 0x7fff) - ${bias};
  let kept = sig >>> ${63 - fraction};
  let rest = sig << ${fraction + 1};
  let up = 0;
  if (((se & 0x7fff) | (sig != 0n)) == 0) { exp = 0; }
  else {
    if (rc != 0 || sig >= 0n || (exp - 1) >=u ${greatest}) { return 0; }
    up = wrap(rest >>> 63) & ((rest << 1 != 0n) | wrap(kept));
    // The bit before the fraction is one more in the exponent's place.
    kept += u64(up);
    exp -= 1;
  }`;

const ROUND_INTEGER = `
  let value = 0n;
  let up = 0;
  let rest = 0n;
  if (((se & 0x7fff) | (sig != 0n)) != 0) {
    let exp = (se & 0x7fff) - 16383;
    if ((how != 0 && how != 3) || sig >= 0n || exp < 0 || exp > bits - 3) { return 0; }
    value = sig >>> (63 - exp);
    rest = sig << (exp + 1);
    up = how ? 0 : wrap(rest >>> 63) & ((rest << 1 != 0n) | wrap(value));
    value += u64(up);
    if ((se & 0x8000) != 0) { value = -value; }
  }`;

const STORED_STATUS = "(up << 9) | ((rest != 0n) << 5)";

/** What is stored, for those who keep the registers elsewhere: \`rc\` is the rounding control. */
const VALUES: string = `
fn x87_value_to_single(ctx: i32, sig: i64, se: i32, rc: i32) -> i64 {
  ${asValue(roundNumber(23, 16256, 253))}
  ${toValue("u64(((se & 0x8000) << 16) | ((exp << 23) + wrap(kept)))", "0", STORED_STATUS)}
}

fn x87_value_to_double(ctx: i32, sig: i64, se: i32, rc: i32) -> i64 {
  ${asValue(roundNumber(52, 15360, 2045))}
  ${toValue("(u64(se & 0x8000) << 48) | ((u64(exp) << 52) + kept)", "0", STORED_STATUS)}
}

fn x87_value_to_integer(ctx: i32, sig: i64, se: i32, how: i32, bits: i32) -> i64 {
  ${asValue(ROUND_INTEGER)}
  ${toValue("value", "0", STORED_STATUS)}
}`;

const storeNumber = (name: string, rounding: string, write: string): string => `
fn x87_quick_store_${name}(ctx: i32, to: i32, pop: i32) -> i32 {
  ${TAKE}
  ${rounding}
  ${write}
  x87_quick_status(ctx, ${STORED_STATUS});
  ${DROP}
}`;

/** Stores to memory of the guest, after which nothing can fail: the address is no buffer that is written later. */
const STORES: string = `
${storeNumber("single", roundNumber(23, 16256, 253), "store32(to, ((se & 0x8000) << 16) | ((exp << 23) + wrap(kept)));")}
${storeNumber("double", roundNumber(52, 15360, 2045), "store64(to, (u64(se & 0x8000) << 48) | ((u64(exp) << 52) + kept));")}

fn x87_quick_store_extended(ctx: i32, to: i32, pop: i32) -> i32 {
  ${TAKE}
  store64(to, sig);
  store16(to + 8, se);
  x87_quick_status(ctx, 0);
  ${DROP}
}

// rounding: 4 is the rounding control's
fn x87_quick_store_integer(ctx: i32, to: i32, bits: i32, rounding: i32, pop: i32) -> i32 {
  ${TAKE}
  let how = rounding == 4 ? rc : rounding;
  ${ROUND_INTEGER}
  if (bits == 64) { store64(to, value); }
  else if (bits == 32) { store32(to, wrap(value)); }
  else { store16(to, wrap(value)); }
  x87_quick_status(ctx, ${STORED_STATUS});
  ${DROP}
}

inline fn x87_quick_store_st(ctx: i32, i: i32, pop: i32) -> i32 {
  ${TAKE}
  let number = (top + i) & 7;
  let to = ctx + (number << 4);
  store64(to + REGISTERS, sig);
  store16(to + REGISTERS + 8, se);
  tags = tags | (1 << number);
  x87_quick_status(ctx, 0);
  ${DROP}
}`;

const EXCHANGES: string = `
inline fn x87_quick_exchange(ctx: i32, i: i32) -> i32 {
  let top = load32(ctx + TOP);
  let tags = load32(ctx + TAGS);
  let other = (top + i) & 7;
  if (((tags >>> top) & (tags >>> other) & 1) == 0) { return 0; }
  let a = ctx + (top << 4);
  let b = ctx + (other << 4);
  let sig = load64(a + REGISTERS);
  let se = load16(a + REGISTERS + 8);
  store64(a + REGISTERS, load64(b + REGISTERS));
  store16(a + REGISTERS + 8, load16(b + REGISTERS + 8));
  store64(b + REGISTERS, sig);
  store16(b + REGISTERS + 8, se);
  x87_quick_status(ctx, 0);
  return 1;
}

inline fn x87_quick_sign(ctx: i32, keep: i32, flip: i32) -> i32 {
  let top = load32(ctx + TOP);
  if (((load32(ctx + TAGS) >>> top) & 1) == 0) { return 0; }
  let at = ctx + (top << 4);
  store16(at + REGISTERS + 8, (load16(at + REGISTERS + 8) & keep) ^ flip);
  x87_quick_status(ctx, 0);
  return 1;
}`;

export const X87_QUICK_MOVES: string = [LOADS, VALUES, STORES, EXCHANGES].join("\n");
