/**
 * The quick ways of x87: what nearly every instruction of a program meets. Registers are in use or free as the instruction
 * needs, numbers are normal or zero, the control word has all exceptions masked (and, where something is rounded, full
 * precision and rounding to nearest). PE and C1 are exact; no other exception can happen. A routine gives 0 when it
 * has done nothing, because something else holds: then the general routine carries the instruction out.
 *
 * They work on locals of one function: x87-core.ts's tokens in the context are for routines that call each other.
 */

/** Where the second operand comes from: parameters of the routine, then code that declares `bse` and `b`. */
interface Source {
  readonly name: string;
  readonly parameters: string;
  readonly load: string;
}

const NORMAL_ONLY = "if ((exp - 1) >=u MOST) { return 0; }";

const SOURCES: readonly Source[] = [
  {
    name: "st",
    parameters: "dst: i32, src: i32, pop: i32",
    load: `
  let top = load32(ctx + TOP);
  let number = (top + dst) & 7;
  let other = (top + src) & 7;
  if (((tags >>> number) & (tags >>> other) & 1) == 0) { return 0; }
  let at = ctx + (number << 4);
  let from = ctx + (other << 4);
  let b = load64(from + REGISTERS);
  let bse = load16(from + REGISTERS + 8);`,
  },
  {
    name: "single",
    parameters: "from: i32",
    load: `
  let a32 = load32(from);
  let exp = (a32 >>> 23) & 0xff;
  ${NORMAL_ONLY.replace("MOST", "254")}
  let b = (u64(a32 & 0x7fffff) << 40) | 0x8000000000000000n;
  let bse = ((a32 >>> 16) & 0x8000) | (exp + 16256);`,
  },
  {
    name: "double",
    parameters: "from: i32",
    load: `
  let a64 = load64(from);
  let exp = wrap(a64 >>> 52) & 0x7ff;
  ${NORMAL_ONLY.replace("MOST", "2046")}
  let b = (a64 << 11) | 0x8000000000000000n;
  let bse = (wrap(a64 >>> 48) & 0x8000) | (exp + 15360);`,
  },
  {
    name: "integer",
    parameters: "value: i64",
    load: `
  if (value == 0n) { return 0; }
  let size = value < 0n ? -value : value;
  let count = wrap(clz(size));
  let b = size << count;
  let bse = (wrap(value >>> 48) & 0x8000) | (16383 + 63 - count);`,
  },
];

/** `dst` is ST(0) unless the source is a stack register; both operands are normal afterwards. */
const operands = ({ name, load }: Source): string => `
  if ((load32(ctx + CONTROL) & 0xf3f) != 0x33f) { return 0; }
  let tags = load32(ctx + TAGS);
  ${
    name === "st"
      ? load
      : `let number = load32(ctx + TOP);
  if (((tags >>> number) & 1) == 0) { return 0; }
  let at = ctx + (number << 4);
  ${load}`
  }
  let a = load64(at + REGISTERS);
  let ase = load16(at + REGISTERS + 8);
  let aexp = ase & 0x7fff;
  let bexp = bse & 0x7fff;
  ${NORMAL_OPERANDS}`;

/** The pop of instructions on stack registers: `pop` is 0 or 1. */
const finish = ({ name }: Source): string =>
  name === "st"
    ? `
  store32(ctx + TAGS, tags & ~(pop << top));
  store32(ctx + TOP, (top + pop) & 7);
  return 1;`
    : "return 1;";

/** Where a result goes: significand, sign and exponent, and what it adds to the status word. */
type Write = (significand: string, se: string, status: string) => string;

const toRegister: Write = (significand, se, status) => `
  x87_quick_status(ctx, ${status});
  store64(at + REGISTERS, ${significand});
  store16(at + REGISTERS + 8, ${se});`;

/** As the result of a routine of values, for those who keep the registers elsewhere. */
export const toValue: Write = (significand, se, status) => `
  store32(ctx + VALUE_RESULT, (${se}) | ((${status}) << 16));
  return ${significand};`;

const FAIL = "store32(ctx + VALUE_RESULT, -1); return 0n;";

/** With a zero as an operand (bit 0 of `zero`: the first) and the other one a zero or normal: results that are exact. */
const ZEROS: Readonly<Record<string, string>> = {
  add: `
    if (zero == 3) { ${toValue("0n", "ase & bse & 0x8000", "0")} }
    if (zero == 1) { ${toValue("b", "bse", "0")} }
    ${toValue("a", "ase", "0")}`,
  mul: toValue("0n", "(ase ^ bse) & 0x8000", "0"),
  div: `if (zero == 1) { ${toValue("0n", "(ase ^ bse) & 0x8000", "0")} }`,
};

/** A body whose `return 0` means that it has done nothing, in a routine of values. */
export const asValue = (body: string): string => body.replaceAll("return 0;", FAIL);

const NORMAL_OPERANDS = "if ((a & b) >= 0n || (aexp - 1) >=u 0x7ffe || (bexp - 1) >=u 0x7ffe) { return 0; }";

const operation = (name: string, extra: string, start: string, body: (write: Write) => string): string => `
${SOURCES.map(
  (source) => `
fn x87_quick_${name}_${source.name}(ctx: i32, ${extra}${source.parameters}) -> i32 {
  ${operands(source)}
  ${start}
  ${body(toRegister)}
  ${finish(source)}
}`,
).join("")}

fn x87_value_${name}(ctx: i32, a0: i64, ase0: i32, b0: i64, bse0: i32) -> i64 {
  let a = a0;
  let b = b0;
  let ase = ase0;
  let bse = bse0;
  let aexp = ase & 0x7fff;
  let bexp = bse & 0x7fff;
  ${name === "div" ? "let reversed = 0;" : ""}
  if ((a & b) >= 0n || (aexp - 1) >=u 0x7ffe || (bexp - 1) >=u 0x7ffe) {
    let zero = ((u64(aexp) | a) == 0n) | (((u64(bexp) | b) == 0n) << 1);
    let usable = (zero & 1) | (a < 0n && (aexp - 1) <u 0x7ffe);
    usable = usable && (zero >>> 1 || (b < 0n && (bexp - 1) <u 0x7ffe));
    if (usable) { ${ZEROS[name]} }
    ${FAIL}
  }
  ${asValue(body(toValue))}
}`;

/** Significand `hi` with bit 63 set, the bits behind it left-aligned in `lo`, and `exp`, rounded to nearest into a register. */
const round = (write: Write): string => `
  if ((exp - 1) >=u 0x7ffd) { return 0; }
  let up = wrap(lo >>> 63) & ((lo << 1 != 0n) | wrap(hi));
  hi += u64(up);
  if (hi == 0n) { hi = 0x8000000000000000n; exp += 1; }
  ${write("hi", "sign | exp", "(up << 9) | ((lo != 0n) << 5)")}`;

/** The signs of dst and of the source change by the flips: FSUB changes the source's, FSUBR that of dst. */
const ADD: string = operation(
  "add",
  "flip: i32, flip_source: i32, ",
  `
  ase = ase ^ flip;
  bse = bse ^ flip_source;`,
  (write) => `
  let differ = (ase ^ bse) & 0x8000;
  if (aexp < bexp || (aexp == bexp && a <u b)) {
    let swap = a; a = b; b = swap;
    let swap_exponent = aexp; aexp = bexp; bexp = swap_exponent;
    ase = bse;
  }
  let distance = aexp - bexp;
  if (distance > 63) { return 0; }
  let exp = aexp;
  let sign = ase & 0x8000;
  let low = (b << 1) << (63 - distance);
  let high = b >>> distance;
  let hi = a + high;
  let lo = low;
  if (differ) {
    hi = a - high - u64(low != 0n);
    lo = -low;
    if (hi == 0n) {
      if (lo != 0n) { return 0; }
      exp = 0;
      sign = 0;
    } else {
      let count = wrap(clz(hi));
      hi = (hi << count) | ((lo >>> 1) >>> (63 - count));
      lo = lo << count;
      exp -= count;
    }
  } else if (hi <u a) {
    lo = (hi << 63) | (lo >>> 1) | (lo & 1n);
    hi = (hi >>> 1) | 0x8000000000000000n;
    exp += 1;
  }
  if (hi == 0n) {
    ${write("0n", "0", "0")}
  } else {
    ${round(write)}
  }`,
);

const MULTIPLY: string = operation(
  "mul",
  "",
  "",
  (write) => `
  let a0 = a & 0xffffffffn;
  let a1 = a >>> 32;
  let b0 = b & 0xffffffffn;
  let b1 = b >>> 32;
  let least = a0 * b0;
  let mid = a1 * b0 + (least >>> 32);
  let mid2 = a0 * b1 + (mid & 0xffffffffn);
  let hi = a1 * b1 + (mid >>> 32) + (mid2 >>> 32);
  let lo = (mid2 << 32) | (least & 0xffffffffn);
  let exp = aexp + bexp - 16382;
  let sign = (ase ^ bse) & 0x8000;
  let count = hi >= 0n;
  hi = (hi << count) | ((lo >>> 1) >>> (63 - count));
  lo = lo << count;
  exp -= count;
  ${round(write)}`,
);

/** One remainder says how to round: the next bit of the quotient is set when its double reaches the divisor. */
const DIVIDE: string = operation(
  "div",
  "reversed: i32, ",
  "",
  (write) => `
  let n = reversed ? b : a;
  let d = reversed ? a : b;
  let exp = (reversed ? bexp - aexp : aexp - bexp) + 16383;
  let top_half = n;
  let next = 0n;
  if (n >=u d) {
    top_half = n >>> 1;
    next = n << 63;
  } else { exp -= 1; }
  let q1 = divide_digit(top_half, next >>> 32, d);
  let rest = (top_half << 32) + (next >>> 32) - q1 * d;
  let q0 = divide_digit(rest, next & 0xffffffffn, d);
  rest = (rest << 32) + (next & 0xffffffffn) - q0 * d;
  let hi = (q1 << 32) + q0;
  let lo = (u64(rest >=u d - rest && rest != 0n) << 63) | u64(rest != 0n && rest != d - rest);
  let sign = (ase ^ bse) & 0x8000;
  ${round(write)}`,
);

/** Relation of two numbers that are normal or zero: 1 below, 2 equal, 4 above; 0 is none. */
const RELATION = `
  let aexp = ase & 0x7fff;
  let bexp = bse & 0x7fff;
  if ((a & b) >= 0n || (aexp - 1) >=u 0x7ffe || (bexp - 1) >=u 0x7ffe) {
    // Zeros too, but nothing else that is not normal.
    if (aexp == 0x7fff || bexp == 0x7fff) { return 0; }
    if ((aexp ? a >= 0n : a != 0n) || (bexp ? b >= 0n : b != 0n)) { return 0; }
    if ((a | b) == 0n) { return 2; }
  }
  if (((ase ^ bse) & 0x8000) != 0) { return ase >>> 15 ? 1 : 4; }
  let below = aexp < bexp;
  if (aexp == bexp) {
    if (a == b) { return 2; }
    below = a <u b;
  }
  return below ^ (ase >>> 15) ? 1 : 4;`;

const compare = ({ name, parameters, load }: Source): string => `
inline fn x87_quick_relation_${name}(ctx: i32, ${parameters.replace("dst: i32, src: i32, pop", "src")}) -> i32 {
  let tags = load32(ctx + TAGS);
  let dst = 0;
  ${
    name === "st"
      ? load
      : `let number = load32(ctx + TOP);
  if (((tags >>> number) & 1) == 0) { return 0; }
  let at = ctx + (number << 4);
  ${load}`
  }
  let a = load64(at + REGISTERS);
  let ase = load16(at + REGISTERS + 8);
  ${RELATION}
}`;

const COMPARES: string = `
${SOURCES.map(compare).join("\n")}

fn x87_value_relation(ctx: i32, a: i64, ase: i32, b: i64, bse: i32) -> i32 {
  ${RELATION}
}

inline fn x87_quick_pop(ctx: i32, count: i32) {
  let top = load32(ctx + TOP);
  let tags = load32(ctx + TAGS);
  store32(ctx + TAGS, tags & ~(((count != 0) << top) | ((count >>> 1) << ((top + 1) & 7))));
  store32(ctx + TOP, (top + count) & 7);
}

inline fn x87_quick_codes(ctx: i32, relation: i32) {
  let codes = relation == 1 ? 0x100 : relation == 2 ? 0x4000 : 0;
  store32(ctx + STATUS, (load32(ctx + STATUS) & 0xb8ff) | codes);
}

fn x87_quick_compare_st(ctx: i32, src: i32, pops: i32) -> i32 {
  let relation = x87_quick_relation_st(ctx, src);
  if (relation == 0) { return 0; }
  x87_quick_codes(ctx, relation);
  x87_quick_pop(ctx, pops);
  return 1;
}

fn x87_quick_compare_single(ctx: i32, from: i32, pops: i32) -> i32 {
  let relation = x87_quick_relation_single(ctx, from);
  if (relation == 0) { return 0; }
  x87_quick_codes(ctx, relation);
  x87_quick_pop(ctx, pops);
  return 1;
}

fn x87_quick_compare_double(ctx: i32, from: i32, pops: i32) -> i32 {
  let relation = x87_quick_relation_double(ctx, from);
  if (relation == 0) { return 0; }
  x87_quick_codes(ctx, relation);
  x87_quick_pop(ctx, pops);
  return 1;
}

// FCOMI and its like: the flags, or -1 when it has done nothing
fn x87_quick_compare_flags(ctx: i32, src: i32, pop: i32) -> i32 {
  let relation = x87_quick_relation_st(ctx, src);
  if (relation == 0) { return -1; }
  x87_quick_pop(ctx, pop);
  return relation_flags(relation);
}`;

const STATUS: string = `
// What an instruction adds to the status word; C1 is the only code that it determines.
inline fn x87_quick_status(ctx: i32, bits: i32) {
  store32(ctx + STATUS, (load32(ctx + STATUS) & 0xfdff) | bits);
}`;

export const X87_QUICK: string = [STATUS, ADD, MULTIPLY, DIVIDE, COMPARES].join("\n");
