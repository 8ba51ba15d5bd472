import {
  constantOf,
  type Expression,
  type F32,
  type F64,
  f32,
  f64,
  type I32,
  type I64,
  i32,
  i64,
  load,
  type StoreKind,
  type V128,
  type VectorBinary,
  type VectorShift,
  type VectorUnary,
  v128,
} from "@likex/wasm-emitter";

export type Typed = Expression<"i32" | "i64" | "f32" | "f64" | "v128">;

const asI32 = (e: Typed): I32 => e as I32;
const asI64 = (e: Typed): I64 => e as I64;

type IntegerName = "add" | "sub" | "mul" | "divS" | "divU" | "remS" | "remU" | "and" | "or" | "xor";
type ShiftName = "shl" | "shrS" | "shrU";
type CompareName = "eq" | "ne" | "ltS" | "ltU" | "gtS" | "gtU" | "leS" | "leU" | "geS" | "geU";
type FloatName = "add" | "sub" | "mul" | "div";
type FloatCompare = "eq" | "ne" | "lt" | "gt" | "le" | "ge";

interface Operator {
  readonly precedence: number;
  readonly integer?: IntegerName | CompareName;
  readonly shift?: ShiftName;
  readonly float?: FloatName | FloatCompare;
}

/** Binary operators; those of bits bind tighter than comparisons. */
export const BINARY_OPERATORS: Readonly<Record<string, Operator>> = {
  "*": { precedence: 10, integer: "mul", float: "mul" },
  "/": { precedence: 10, integer: "divS", float: "div" },
  "/u": { precedence: 10, integer: "divU" },
  "%": { precedence: 10, integer: "remS" },
  "%u": { precedence: 10, integer: "remU" },
  "+": { precedence: 9, integer: "add", float: "add" },
  "-": { precedence: 9, integer: "sub", float: "sub" },
  "<<": { precedence: 8, shift: "shl" },
  ">>": { precedence: 8, shift: "shrS" },
  ">>>": { precedence: 8, shift: "shrU" },
  "&": { precedence: 7, integer: "and" },
  "^": { precedence: 6, integer: "xor" },
  "|": { precedence: 5, integer: "or" },
  "==": { precedence: 4, integer: "eq", float: "eq" },
  "!=": { precedence: 4, integer: "ne", float: "ne" },
  "<": { precedence: 4, integer: "ltS", float: "lt" },
  "<u": { precedence: 4, integer: "ltU" },
  "<=": { precedence: 4, integer: "leS", float: "le" },
  "<=u": { precedence: 4, integer: "leU" },
  ">": { precedence: 4, integer: "gtS", float: "gt" },
  ">u": { precedence: 4, integer: "gtU" },
  ">=": { precedence: 4, integer: "geS", float: "ge" },
  ">=u": { precedence: 4, integer: "geU" },
  "&&": { precedence: 3 },
  "||": { precedence: 2 },
};

const isTrue = (e: I32): I32 => i32.ne(e, i32.const(0));

/** undefined: the operator does not take operands of these types. */
export function binary(symbol: string, a: Typed, b: Typed): Typed | undefined {
  const operator = BINARY_OPERATORS[symbol] as Operator;
  if (symbol === "&&" || symbol === "||") {
    if (a.type !== "i32" || b.type !== "i32") return undefined;
    return symbol === "&&" ? i32.and(isTrue(asI32(a)), isTrue(asI32(b))) : isTrue(i32.or(asI32(a), asI32(b)));
  }
  if (operator.shift !== undefined) {
    if (a.type === "i32" && b.type === "i32") return i32[operator.shift](asI32(a), asI32(b));
    // A shift count may be an i32 whatever is shifted.
    if (a.type === "i64") return i64[operator.shift](asI64(a), b.type === "i32" ? i64.extendU(asI32(b)) : asI64(b));
    return undefined;
  }
  if (a.type !== b.type) return undefined;
  if (a.type === "i32" && operator.integer !== undefined) return i32[operator.integer](asI32(a), asI32(b));
  if (a.type === "i64" && operator.integer !== undefined) return i64[operator.integer](asI64(a), asI64(b));
  if (operator.float === undefined) return undefined;
  if (a.type === "f64") return f64[operator.float](a as F64, b as F64);
  if (a.type === "f32") return f32[operator.float](a as F32, b as F32);
  return undefined;
}

export function unary(symbol: string, a: Typed): Typed | undefined {
  if (symbol === "!") return a.type === "i32" ? i32.eqz(asI32(a)) : a.type === "i64" ? i64.eqz(asI64(a)) : undefined;
  if (a.type === "i32") return symbol === "-" ? i32.sub(i32.const(0), asI32(a)) : i32.xor(asI32(a), i32.const(-1));
  if (a.type === "i64") return symbol === "-" ? i64.sub(i64.const(0), asI64(a)) : i64.xor(asI64(a), i64.const(-1));
  if (a.type === "f64" && symbol === "-") return f64.neg(a as F64);
  return undefined;
}

/** An address as a base and a constant offset, so that fields of the context cost no addition. */
export function splitAddress(address: I32): { readonly base: I32; readonly offset: number } {
  const second = address.operands[1];
  const constant = second === undefined ? undefined : constantOf(second);
  if (address.opcode === 0x6a && constant !== undefined && constant >= 0n)
    return { base: address.operands[0] as I32, offset: Number(constant) };
  return { base: address, offset: 0 };
}

export const STORES: Readonly<Record<string, { readonly kind: StoreKind; readonly type: "i32" | "i64" | "v128" }>> = {
  store8: { kind: "i32to8", type: "i32" },
  store16: { kind: "i32to16", type: "i32" },
  store32: { kind: "i32", type: "i32" },
  store64: { kind: "i64", type: "i64" },
  store128: { kind: "v128", type: "v128" },
};

interface Builtin {
  readonly takes: readonly Typed["type"][];
  readonly write: (...args: never[]) => Typed;
}

const loads = (read: (address: I32, offset: number) => Typed): Builtin => ({
  takes: ["i32"],
  write: (address: I32) => {
    const { base, offset } = splitAddress(address);
    return read(base, offset);
  },
});

const SHIFT_NAMES: readonly VectorShift[] = [
  ...(["i16x8_shl", "i16x8_shr_s", "i16x8_shr_u", "i32x4_shl", "i32x4_shr_s", "i32x4_shr_u"] as const),
  ...(["i64x2_shl", "i64x2_shr_s", "i64x2_shr_u"] as const),
];

/** Functions of the routine language, by name. Integer ones exist for both widths: `clz(x)` looks at its operand. */
export function builtin(name: string, args: readonly Typed[]): Typed | undefined {
  const integer = INTEGER[name];
  if (integer !== undefined) {
    const type = args[0]?.type;
    if (type === "i32" && args.every((a) => a.type === "i32")) return integer(i32 as never, args);
    if (type === "i64")
      return integer(
        i64 as never,
        args.map((a) => (a.type === "i32" ? i64.extendU(asI32(a)) : a)),
      );
    return undefined;
  }
  const entry = BUILTINS[name];
  if (entry !== undefined) {
    const fits = entry.takes.length === args.length && entry.takes.every((type, i) => args[i]?.type === type);
    return fits ? entry.write(...(args as never[])) : undefined;
  }
  const vectorName = name.replace(/^v_/, "");
  if (vectorName === name) return undefined;
  const [a, b] = args;
  if (a?.type !== "v128") return undefined;
  if ((SHIFT_NAMES as readonly string[]).includes(vectorName) && b?.type === "i32")
    return v128.shift(vectorName as VectorShift, a as V128, asI32(b));
  if (b === undefined) return v128.unary(vectorName as VectorUnary, a as V128);
  return v128.binary(vectorName as VectorBinary, a as V128, b as V128);
}

const INTEGER: Readonly<Record<string, (ops: typeof i64, args: readonly Typed[]) => Typed>> = {
  clz: (ops, args) => ops.clz(args[0] as I64),
  ctz: (ops, args) => ops.ctz(args[0] as I64),
  popcnt: (ops, args) => ops.popcnt(args[0] as I64),
  rotl: (ops, args) => ops.rotl(args[0] as I64, args[1] as I64),
  rotr: (ops, args) => ops.rotr(args[0] as I64, args[1] as I64),
  extend8: (ops, args) => ops.extend8S(args[0] as I64),
  extend16: (ops, args) => ops.extend16S(args[0] as I64),
};

const BUILTINS: Readonly<Record<string, Builtin>> = {
  u64: { takes: ["i32"], write: (a: I32) => i64.extendU(a) },
  s64: { takes: ["i32"], write: (a: I32) => i64.extendS(a) },
  wrap: { takes: ["i64"], write: (a: I64) => i32.wrap(a) },
  extend32: { takes: ["i64"], write: (a: I64) => i64.extend32S(a) },
  load8: loads(load.u8),
  load8s: loads(load.s8),
  load16: loads(load.u16),
  load16s: loads(load.s16),
  load32: loads(load.i32),
  load64: loads(load.i64),
  load128: loads(v128.load),
  asF64: { takes: ["i64"], write: (a: I64) => f64.reinterpret(a) },
  asF32: { takes: ["i32"], write: (a: I32) => f32.reinterpret(a) },
  bits64: { takes: ["f64"], write: (a: F64) => f64.bits(a) },
  bits32: { takes: ["f32"], write: (a: F32) => f32.bits(a) },
  promote: { takes: ["f32"], write: (a: F32) => f64.promote(a) },
  demote: { takes: ["f64"], write: (a: F64) => f32.demote(a) },
  convert32: { takes: ["i32"], write: (a: I32) => f64.convertS(a) },
  convert64: { takes: ["i64"], write: (a: I64) => f64.convert64S(a) },
  sqrt64: { takes: ["f64"], write: (a: F64) => f64.sqrt(a) },
  sqrt32: { takes: ["f32"], write: (a: F32) => f32.sqrt(a) },
  nearest64: { takes: ["f64"], write: (a: F64) => f64.nearest(a) },
  abs64: { takes: ["f64"], write: (a: F64) => f64.abs(a) },
  truncate32: { takes: ["f64"], write: (a: F64) => f64.truncate32S(a) },
  truncate64: { takes: ["f64"], write: (a: F64) => f64.truncate64S(a) },
  splat8: { takes: ["i32"], write: (a: I32) => v128.splat("i8x16_splat", a) },
  splat64: { takes: ["i64"], write: (a: I64) => v128.splat64(a) },
  low64: { takes: ["v128"], write: (a: V128) => v128.low64(a) },
  high64: { takes: ["v128"], write: (a: V128) => v128.high64(a) },
  any_true: { takes: ["v128"], write: (a: V128) => v128.test("any_true", a) },
  bitmask8: { takes: ["v128"], write: (a: V128) => v128.test("i8x16_bitmask", a) },
  // Both halves must be constants.
  v128: {
    takes: ["i64", "i64"],
    write: (low: I64, high: I64) => v128.constant(constantOf(low) as bigint, constantOf(high) as bigint),
  },
};
