import {
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  type I64,
  i32,
  i64,
  load,
  type ModuleBuilder,
} from "@likex/wasm-emitter";
import { CONTEXT, RFLAGS } from "../context.ts";
import { FLAG_KIND, type FlagKind } from "../flags.ts";
import type { FlagFunctions } from "../semantics/builder.ts";
import { flagAt } from "../semantics/flag-values.ts";
import { type Bits, widthOf } from "../semantics/width.ts";

const ALL_BITS: readonly Bits[] = [8, 16, 32, 64];

/** Writes a function of the lazy flags: one case for each kind and width, another body when the flags are explicit. */
function define(
  module: ModuleBuilder,
  name: string,
  explicit: (flags: I32) => I32,
  lazy: (kind: Exclude<FlagKind, "explicit">, bits: Bits, result: I64, source: I64) => I32,
): FunctionBuilder {
  const f = module.function(name, ["i32"], ["i32"]);
  const context = f.get(f.param(0, "i32"));
  const result = load.i64(context, CONTEXT.flagResult);
  const source = load.i64(context, CONTEXT.flagSource);
  const kinds = (Object.keys(FLAG_KIND) as FlagKind[]).flatMap((kind) => ALL_BITS.map((bits) => ({ kind, bits })));
  const nest = (depth: number, labels: Parameters<FunctionBuilder["br"]>[0][]): void => {
    if (depth === kinds.length) {
      f.brTable([...labels].reverse(), labels[0] as (typeof labels)[number], load.i32(context, CONTEXT.flagOperation));
      return;
    }
    f.block((label) => nest(depth + 1, [...labels, label]));
    const { kind, bits } = kinds[kinds.length - 1 - depth] as (typeof kinds)[number];
    f.return(kind === "explicit" ? explicit(i32.wrap(source)) : lazy(kind, bits, result, source));
  };
  nest(0, []);
  f.unreachable();
  return f;
}

const bit = (flags: I32, flag: number): I32 => i32.and(i32.shrU(flags, i32.const(31 - Math.clz32(flag))), i32.const(1));

function carryOf(kind: Exclude<FlagKind, "explicit">, bits: Bits, result: I64, source: I64): I32 {
  const w = widthOf(bits);
  switch (kind) {
    case "add":
      return i64.ltU(result, source);
    case "sub":
      return i64.ltU(w.signExtend64(w.from64(i64.add(result, source))), source);
    case "logic":
      return i32.const(0);
    case "inc":
    case "dec":
      return i32.wrap(source);
    case "shl":
      return i32.wrap(i64.shrU(source, i64.const(63)));
    case "shr":
      return i32.and(i32.wrap(source), i32.const(1));
  }
}

function overflowOf(kind: Exclude<FlagKind, "explicit">, bits: Bits, result: I64, source: I64): I32 {
  const top = (v: I64): I32 => i32.and(i32.wrap(i64.shrU(v, i64.const(bits - 1))), i32.const(1));
  const smallest = i64.const(-(1n << BigInt(bits - 1)));
  switch (kind) {
    case "add": {
      const first = i64.sub(result, source);
      return top(i64.and(i64.xor(first, result), i64.xor(source, result)));
    }
    case "sub": {
      const first = i64.add(result, source);
      return top(i64.and(i64.xor(first, source), i64.xor(first, result)));
    }
    case "logic":
      return i32.const(0);
    case "inc":
      return i64.eq(result, smallest);
    case "dec":
      return i64.eq(result, i64.const((1n << BigInt(bits - 1)) - 1n));
    case "shl":
    case "shr":
      return top(i64.xor(result, source));
  }
}

function adjustOf(kind: Exclude<FlagKind, "explicit">, result: I64, source: I64): I32 {
  const low = i64.and(result, i64.const(15));
  switch (kind) {
    case "add":
      return bit(i32.wrap(i64.xor(i64.xor(i64.sub(result, source), source), result)), RFLAGS.af);
    case "sub":
      return bit(i32.wrap(i64.xor(i64.xor(i64.add(result, source), source), result)), RFLAGS.af);
    case "inc":
      return i64.eqz(low);
    case "dec":
      return i64.eq(low, i64.const(15));
    default:
      return i32.const(0);
  }
}

const zeroOf = (result: I64): I32 => i64.eqz(result);
const signOf = (result: I64): I32 => i32.wrap(i64.shrU(result, i64.const(63)));
const parityOf = (result: I64): I32 =>
  i32.eqz(i32.and(i32.popcnt(i32.and(i32.wrap(result), i32.const(0xff))), i32.const(1)));

/** The functions that turn lazy flags into CF, into a condition, and into all six flags. */
export function defineFlagFunctions(
  module: ModuleBuilder,
): FlagFunctions & { readonly exported: FunctionBuilder; readonly written: readonly FunctionBuilder[] } {
  const carry = define(module, "flag.carry", (flags) => bit(flags, RFLAGS.cf), carryOf);
  const all = define(
    module,
    "flag.all",
    (flags) => flags,
    (kind, bits, result, source) =>
      i32.or(
        i32.or(
          i32.or(carryOf(kind, bits, result, source), flagAt(parityOf(result), RFLAGS.pf)),
          i32.or(flagAt(adjustOf(kind, result, source), RFLAGS.af), flagAt(zeroOf(result), RFLAGS.zf)),
        ),
        i32.or(flagAt(signOf(result), RFLAGS.sf), flagAt(overflowOf(kind, bits, result, source), RFLAGS.of)),
      ),
  );
  const one = (name: string, flag: number, lazy: Parameters<typeof define>[3]): FunctionBuilder =>
    define(module, name, (flags) => bit(flags, flag), lazy);
  // In the order of the even condition codes: o b e be s p l le.
  const conditions: readonly FunctionBuilder[] = [
    one("flag.o", RFLAGS.of, overflowOf),
    carry,
    one("flag.e", RFLAGS.zf, (_kind, _bits, result) => zeroOf(result)),
    define(
      module,
      "flag.be",
      (flags) => i32.or(bit(flags, RFLAGS.cf), bit(flags, RFLAGS.zf)),
      (kind, bits, result, source) => i32.or(carryOf(kind, bits, result, source), zeroOf(result)),
    ),
    one("flag.s", RFLAGS.sf, (_kind, _bits, result) => signOf(result)),
    one("flag.p", RFLAGS.pf, (_kind, _bits, result) => parityOf(result)),
    define(
      module,
      "flag.l",
      (flags) => i32.xor(bit(flags, RFLAGS.sf), bit(flags, RFLAGS.of)),
      (kind, bits, result, source) => i32.xor(signOf(result), overflowOf(kind, bits, result, source)),
    ),
    define(
      module,
      "flag.le",
      (flags) => i32.or(i32.xor(bit(flags, RFLAGS.sf), bit(flags, RFLAGS.of)), bit(flags, RFLAGS.zf)),
      (kind, bits, result, source) =>
        i32.or(i32.xor(signOf(result), overflowOf(kind, bits, result, source)), zeroOf(result)),
    ),
  ];
  return { ...callersOf(carry, all, conditions), exported: all, written: [all, ...conditions] };
}

/** The same functions of another module, which exports them under their names. */
export function importFlagFunctions(module: ModuleBuilder, from: string): FlagFunctions {
  const imported = (name: string): FunctionReference =>
    module.importFunction(from, name, { params: ["i32"], results: ["i32"] });
  const all = imported("flag.all");
  const conditions = ["o", "carry", "e", "be", "s", "p", "l", "le"].map((name) => imported(`flag.${name}`));
  return callersOf(conditions[1] as FunctionReference, all, conditions);
}

function callersOf(
  carry: FunctionReference,
  all: FunctionReference,
  conditions: readonly FunctionReference[],
): FlagFunctions {
  // Every function that writes instructions has the context as its first parameter.
  const context = (code: FunctionBuilder): I32 => code.get(code.param(0, "i32"));
  return {
    carry: (code) => code.call("i32", carry, context(code)),
    all: (code) => code.call("i32", all, context(code)),
    condition: (code, number) => code.call("i32", conditions[number >> 1] as FunctionReference, context(code)),
  };
}
