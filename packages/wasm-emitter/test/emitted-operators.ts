import {
  type Expression,
  type F32,
  type F64,
  type FunctionBuilder,
  f32,
  f64,
  type I32,
  type I64,
  i32,
  i64,
  load,
  type StoreKind,
  select,
  type V128,
  v128,
} from "../src/index.ts";
import { STORE_OPCODE } from "../src/memory.ts";
import { BINARY, SHIFT, SPLAT32, TEST, UNARY } from "../src/simd.ts";

/** Operands that no folding knows. */
const I32_VALUE: I32 = load.i32(i32.const(0));
const I64_VALUE: I64 = load.i64(i32.const(0));
const F32_VALUE: F32 = f32.reinterpret(I32_VALUE);
const F64_VALUE: F64 = f64.reinterpret(I64_VALUE);
const V128_VALUE: V128 = v128.load(i32.const(0));

type Operation = (...operands: Expression[]) => Expression;
type Row = readonly [emitter: string, text: string, write: (f: FunctionBuilder) => void];

/** Names that the text format has and the emitter shortens. */
const RENAMED: Readonly<Record<string, string>> = {
  "i32.wrap": "i32.wrap_i64",
  "i64.extend_s": "i64.extend_i32_s",
  "i64.extend_u": "i64.extend_i32_u",
  "f32.reinterpret": "f32.reinterpret_i32",
  "f32.bits": "i32.reinterpret_f32",
  "f32.demote": "f32.demote_f64",
  "f64.reinterpret": "f64.reinterpret_i64",
  "f64.bits": "i64.reinterpret_f64",
  "f32.convert64_s": "f32.convert_i64_s",
  "f64.promote": "f64.promote_f32",
  "f64.convert_s": "f64.convert_i32_s",
  "f64.convert64_s": "f64.convert_i64_s",
  "f64.truncate32_s": "i32.trunc_sat_f64_s",
  "f64.truncate64_s": "i64.trunc_sat_f64_s",
};

/** Of what does not take values of its own type. */
const OPERANDS: Readonly<Record<string, Expression>> = {
  "i32.wrap": I64_VALUE,
  "i64.extendS": I32_VALUE,
  "i64.extendU": I32_VALUE,
  "f32.reinterpret": I32_VALUE,
  "f32.demote": F64_VALUE,
  "f32.convert64S": I64_VALUE,
  "f64.reinterpret": I64_VALUE,
  "f64.promote": F32_VALUE,
  "f64.convertS": I32_VALUE,
  "f64.convert64S": I64_VALUE,
};

const inText = (name: string): string => name.replace(/([SU])$/, (sign) => `_${sign.toLowerCase()}`);

function scalarRows(type: string, operations: object, value: Expression): Row[] {
  return Object.entries(operations)
    .filter(([name]) => name !== "const")
    .map(([name, operation]) => {
      const own = `${type}.${name}`;
      const text = `${type}.${inText(name)}`;
      const operand = OPERANDS[own] ?? value;
      return [own, RENAMED[text] ?? text, (f) => f.drop((operation as Operation)(operand, operand))];
    });
}

const LOADS: Readonly<Record<keyof typeof load, string>> = {
  ...{ i32: "i32.load", i64: "i64.load", u8: "i32.load8_u", s8: "i32.load8_s", u16: "i32.load16_u" },
  ...{ s16: "i32.load16_s", u8to64: "i64.load8_u", u16to64: "i64.load16_u", u32to64: "i64.load32_u" },
  s32to64: "i64.load32_s",
};

const STORES: Readonly<Record<StoreKind, string>> = {
  ...{ i32: "i32.store", i64: "i64.store", i32to8: "i32.store8", i32to16: "i32.store16" },
  ...{ i64to8: "i64.store8", i64to16: "i64.store16", i64to32: "i64.store32", v128: "v128.store" },
};

export const keysOf = <T extends object>(record: T): (keyof T & string)[] =>
  Object.keys(record) as (keyof T & string)[];

const storedValue = (kind: StoreKind): Expression =>
  kind === "v128" ? V128_VALUE : kind.startsWith("i32") ? I32_VALUE : I64_VALUE;

function vectorRows(): Row[] {
  const text = (name: string): string => (/x\d/.test(name) ? name.replace("_", ".") : `v128.${name}`);
  const row = (name: string, value: () => Expression): Row => [`v128 ${name}`, text(name), (f) => f.drop(value())];
  return [
    ...keysOf(BINARY).map((name) => row(name, () => v128.binary(name, V128_VALUE, V128_VALUE))),
    ...keysOf(UNARY).map((name) => row(name, () => v128.unary(name, V128_VALUE))),
    ...keysOf(SHIFT).map((name) => row(name, () => v128.shift(name, V128_VALUE, I32_VALUE))),
    ...keysOf(TEST).map((name) => row(name, () => v128.test(name, V128_VALUE))),
    ...keysOf(SPLAT32).map((name) => row(name, () => v128.splat(name, I32_VALUE))),
    row("i64x2_splat", () => v128.splat64(I64_VALUE)),
    row("i8x16_shuffle", () => v128.shuffle(V128_VALUE, V128_VALUE, Array(16).fill(1))),
    row("const", () => v128.constant(1n, 2n)),
    row("load", () => V128_VALUE),
    row("load64_zero", () => v128.load64(i32.const(0))),
    row("bitselect", () => v128.bitselect(V128_VALUE, V128_VALUE, V128_VALUE)),
    row("load32_zero", () => v128.load32(i32.const(0))),
    row("i64x2_extract_lane", () => v128.low64(V128_VALUE)),
    row("i32x4_extract_lane", () => v128.lane32(V128_VALUE, 1)),
    row("i32x4_replace_lane", () => v128.withLane32(V128_VALUE, 1, I32_VALUE)),
    row("i64x2_replace_lane", () => v128.withLane64(V128_VALUE, 1, I64_VALUE)),
    row("f32x4_extract_lane", () => v128.lowF32(V128_VALUE)),
    row("f32x4_replace_lane", () => v128.withLowF32(V128_VALUE, F32_VALUE)),
    row("f64x2_extract_lane", () => v128.lowF64(V128_VALUE)),
    row("f64x2_replace_lane", () => v128.withLowF64(V128_VALUE, F64_VALUE)),
  ];
}

/** Every operator that the emitter has a name for: that name, the text format's, and what writes it. */
export function emitterOperators(): Row[] {
  return [
    ...scalarRows("i32", i32, I32_VALUE),
    ...scalarRows("i64", i64, I64_VALUE),
    ...scalarRows("f32", f32, F32_VALUE),
    ...scalarRows("f64", f64, F64_VALUE),
    ...keysOf(load).map((name): Row => [`load.${name}`, LOADS[name], (f) => f.drop(load[name](i32.const(0), 4))]),
    ...keysOf(STORE_OPCODE).map(
      (kind): Row => [`store ${kind}`, STORES[kind], (f) => f.store(kind, i32.const(0), storedValue(kind))],
    ),
    ...vectorRows(),
    ["select", "select", (f) => f.drop(select(I32_VALUE, I64_VALUE, I64_VALUE))],
  ];
}
