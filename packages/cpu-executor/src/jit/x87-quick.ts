import { constantOf, type FunctionReference, type I32, type I64, i32, i64, load, select } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { Typed } from "../routines/operations.ts";
import type { SemanticsBuilder } from "../semantics/builder.ts";
import { type X87Stack, type X87Value, ZERO } from "./x87-stack.ts";

/** What x87 instructions of a region are written with. */
export interface X87Parts {
  readonly b: SemanticsBuilder;
  readonly stack: X87Stack;
  readonly leaveIf: (condition: I32) => void;
  readonly routine: (name: string) => FunctionReference;
}

const C1 = 0x200;
const ALL_CODES = 0x4700;
const STATUS_B = 0x8000;
const MASKS = 0x3f;
/** Masks, precision and rounding control; all masked, 64 bits, to nearest. */
const CONTROL_BITS = 0xf3f;
const QUICK_CONTROL = 0x33f;
const RC_SHIFT = 10;
const INTEGER_BIT = 0x8000000000000000n;
const SIGN = 0x8000;

const number = (value: Typed | undefined): number => Number(constantOf(value as Typed));

/**
 * The quick routines of x87 instructions (routines/x87-quick.ts) on registers that are locals: moves are none at run time, and
 * what computes is left to routines of values. Whatever they do not take leaves the region.
 */
export function writeX87(parts: X87Parts, name: string, args: readonly Typed[]): I32 {
  const [kind = "", source = ""] = name.replace("x87_quick_", "").split("_");
  const write = WRITERS[kind];
  if (write === undefined) throw new RangeError(`${name} is not compiled`);
  return write(parts, source, args) ?? i32.const(1);
}

type Writer = (parts: X87Parts, source: string, args: readonly Typed[]) => I32 | undefined;

const controlOf = (b: SemanticsBuilder): I32 => b.contextLoad(FPU.control, 32) as I32;
const roundingControl = (b: SemanticsBuilder): I32 =>
  i32.and(i32.shrU(controlOf(b), i32.const(RC_SHIFT)), i32.const(3));

function needQuickControl({ b, leaveIf }: X87Parts): void {
  b.once("x87Control", () => {
    leaveIf(i32.ne(i32.and(controlOf(b), i32.const(CONTROL_BITS)), i32.const(QUICK_CONTROL)));
  });
}

function keep(b: SemanticsBuilder, { significand, se }: X87Value): X87Value {
  const [local, other] = [b.temporary("i64"), b.temporary("i32")];
  b.code.set(local, significand);
  b.code.set(other, se);
  return { significand: b.code.get(local), se: b.code.get(other) };
}

/** A number in memory of 32 or 64 bits: normal or zero. */
function loaded({ b, leaveIf }: X87Parts, size: string, address: I32): X87Value {
  const isDouble = size === "double";
  const bits = b.let(isDouble ? load.i64(address) : load.u32to64(address));
  const [fraction, most, bias] = isDouble ? ([52, 2046, 15360] as const) : ([23, 254, 16256] as const);
  const field = i32.wrap(i64.shrU(bits, i64.const(fraction)));
  const exponent = b.let(i32.and(field, i32.const(most + 1)));
  const magnitude = isDouble ? i64.shl(bits, i64.const(1)) : i64.shl(bits, i64.const(33));
  const isNumber = b.let(i64.ne(magnitude, i64.const(0n)));
  leaveIf(i32.and(isNumber, i32.geU(i32.sub(exponent, i32.const(1)), i32.const(most))));
  const shifted = isDouble ? i64.shl(bits, i64.const(11)) : i64.shl(bits, i64.const(40));
  const significand = select(isNumber, i64.or(shifted, i64.const(BigInt.asIntN(64, INTEGER_BIT))), i64.const(0n));
  const signAt = isDouble ? 48 : 16;
  const sign = i32.and(i32.wrap(i64.shrU(bits, i64.const(signAt))), i32.const(SIGN));
  const biased = select(isNumber, i32.add(exponent, i32.const(bias)), i32.const(0));
  return keep(b, { significand, se: i32.or(sign, biased) });
}

function fromInteger({ b }: X87Parts, value: I64): X87Value {
  const isNegative = i64.ltS(value, i64.const(0n));
  const size = b.let(select(isNegative, i64.sub(i64.const(0n), value), value));
  const count = b.let(i64.clz(size));
  const sign = i32.and(i32.wrap(i64.shrU(value, i64.const(48))), i32.const(SIGN));
  const exponent = i32.sub(i32.const(16383 + 63), i32.wrap(count));
  // 0 has 64 zeros in front, and no shift moves anything of it.
  const se = select(i64.eqz(size), i32.const(0), i32.or(sign, exponent));
  return keep(b, { significand: i64.shl(size, count), se });
}

/** Calls a routine of values and leaves where it gives none; the status bits are left in the last local. */
function computed(parts: X87Parts, name: string, args: readonly Typed[]): X87Value & { readonly status: I32 } {
  const { b, leaveIf, routine } = parts;
  const significand = b.let(b.code.call("i64", routine(name), b.contextAddress(), ...args));
  const rest = b.let(load.i32(b.contextAddress(), FPU.valueResult));
  leaveIf(i32.ltS(rest, i32.const(0)));
  return { significand, se: i32.and(rest, i32.const(0xffff)), status: i32.shrU(rest, i32.const(16)) };
}

/** The other operand of arithmetic and of comparisons. */
function operand(parts: X87Parts, source: string, argument: Typed): X87Value {
  if (source === "st") return parts.stack.value(number(argument), parts.leaveIf);
  return source === "integer" ? fromInteger(parts, argument as I64) : loaded(parts, source, argument as I32);
}

const flipped = ({ significand, se }: X87Value, flip: number): X87Value =>
  flip === 0 ? { significand, se } : { significand, se: i32.xor(se, i32.const(flip)) };

/** `how` are as many arguments as the operation has of its own. */
function arithmetic(
  parts: X87Parts,
  source: string,
  args: readonly Typed[],
  operation: "add" | "mul" | "div",
  how: number,
): undefined {
  const { stack, leaveIf } = parts;
  needQuickControl(parts);
  const own = args.slice(0, how).map(number);
  const [first, second, pop] = args.slice(how);
  const target = source === "st" ? number(first) : 0;
  const a = stack.value(target, leaveIf);
  const b = operand(parts, source, (source === "st" ? second : first) as Typed);
  const [x, y] =
    operation === "add"
      ? [flipped(a, own[0] as number), flipped(b, own[1] as number)]
      : operation === "div" && own[0] === 1
        ? [b, a]
        : [a, b];
  const result = computed(parts, `x87_value_${operation}`, [x.significand, x.se, y.significand, y.se]);
  stack.set(target, result);
  stack.setStatus(C1, result.status);
  if (source === "st") stack.pop(number(pop));
}

function relation(parts: X87Parts, a: X87Value, c: X87Value): I32 {
  const { b, leaveIf, routine } = parts;
  const args = [b.contextAddress(), a.significand, a.se, c.significand, c.se];
  const found = b.let(b.code.call("i32", routine("x87_value_relation"), ...args));
  leaveIf(i32.eqz(found));
  return found;
}

const compare: Writer = (parts, source, args) => {
  const { stack, leaveIf } = parts;
  const a = stack.value(0, leaveIf);
  const [other, pops] = source === "zero" ? [undefined, i32.const(0)] : args;
  const found = relation(
    parts,
    a,
    source === "zero" ? ZERO : operand(parts, source === "flags" ? "st" : source, other as Typed),
  );
  if (source !== "flags") {
    const equal = select(i32.eq(found, i32.const(2)), i32.const(0x4000), i32.const(0));
    stack.setStatus(ALL_CODES, select(i32.eq(found, i32.const(1)), i32.const(0x100), equal));
  }
  stack.pop(number(pops));
  return found;
};

const loads: Writer = (parts, source, args) => {
  const { b, stack, leaveIf } = parts;
  const [first, second, third] = args;
  let value: X87Value;
  if (source === "extended") value = keep(b, { significand: load.i64(first as I32), se: load.u16(first as I32, 8) });
  else if (source === "constant") {
    const up = number(third);
    const more = i32.and(i32.shrU(i32.const(up), roundingControl(b)), i32.const(1));
    const significand = up === 0 ? (second as I64) : i64.add(second as I64, i64.extendU(more));
    value = { significand, se: first as I32 };
  } else value = operand(parts, source, first as Typed);
  stack.needRoom(leaveIf);
  const kept = keep(b, value);
  stack.push(kept);
  stack.setStatus(C1, i32.const(0));
  return undefined;
};

const stores: Writer = (parts, source, args) => {
  const { b, stack, leaveIf } = parts;
  b.once("x87Masked", () => leaveIf(i32.ne(i32.and(controlOf(b), i32.const(MASKS)), i32.const(MASKS))));
  const value = stack.value(0, leaveIf);
  const pop = number(args.at(-1));
  const to = args[0] as I32;
  const { code } = b;
  if (source === "st") {
    stack.set(number(to), keep(b, value));
    stack.setStatus(C1, i32.const(0));
  } else if (source === "extended") {
    code.store("i64", to, value.significand);
    code.store("i32to16", to, value.se, 8);
    stack.setStatus(C1, i32.const(0));
  } else {
    const isInteger = source === "integer";
    const bits = isInteger ? number(args[1]) : source === "single" ? 32 : 64;
    const rounding = isInteger && number(args[2]) !== 4 ? i32.const(number(args[2])) : roundingControl(b);
    const more = isInteger ? [rounding, i32.const(bits)] : [rounding];
    const result = computed(parts, `x87_value_to_${source}`, [value.significand, value.se, ...more]);
    code.store(bits === 64 ? "i64" : bits === 32 ? "i64to32" : "i64to16", to, result.significand);
    stack.setStatus(C1, result.status);
  }
  stack.pop(pop);
  return undefined;
};

const WRITERS: Readonly<Record<string, Writer>> = {
  add: (parts, source, args) => arithmetic(parts, source, args, "add", 2),
  mul: (parts, source, args) => arithmetic(parts, source, args, "mul", 0),
  div: (parts, source, args) => arithmetic(parts, source, args, "div", 1),
  compare,
  load: loads,
  store: stores,
  exchange: ({ b, stack, leaveIf }, _source, [i]) => {
    const other = number(i);
    const first = keep(b, stack.value(0, leaveIf));
    const second = keep(b, stack.value(other, leaveIf));
    stack.set(0, second);
    stack.set(other, first);
    stack.setStatus(C1, i32.const(0));
    return undefined;
  },
  sign: ({ b, stack, leaveIf }, _source, [kept, flip]) => {
    const { significand, se } = stack.value(0, leaveIf);
    const changed = i32.xor(i32.and(se, i32.const(number(kept))), i32.const(number(flip)));
    stack.set(0, keep(b, { significand, se: changed }));
    stack.setStatus(C1, i32.const(0));
    return undefined;
  },
  move: ({ b, stack, leaveIf }, _source, [i, condition]) => {
    const first = stack.value(0, leaveIf);
    const other = stack.value(number(i), leaveIf);
    const holds = b.let(condition as I32);
    const significand = select(holds, other.significand, first.significand);
    stack.set(0, keep(b, { significand, se: select(holds, other.se, first.se) }));
    return undefined;
  },
  /** A control word that unmasks nothing. */
  control: ({ b, stack, leaveIf }, _source, [value]) => {
    const kept = b.let(value as I32);
    leaveIf(i32.ne(i32.and(kept, i32.const(MASKS)), i32.const(MASKS)));
    leaveIf(i32.and(stack.status, i32.const(STATUS_B)));
    b.contextStore(FPU.control, 32, i32.or(i32.and(kept, i32.const(0x1f3f)), i32.const(0x40)));
    b.forget("x87Control");
    return undefined;
  },
  status: ({ stack }) => i32.or(stack.status, i32.shl(stack.top, i32.const(11))),
};
