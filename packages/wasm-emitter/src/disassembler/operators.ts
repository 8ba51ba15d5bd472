import { SIMD_OPERATORS } from "./simd-operators.ts";

/** What follows an opcode. */
export type ImmediateKind =
  | "none"
  | "block"
  | "label"
  | "labels"
  | "index"
  | "function"
  | "indirect"
  | "types"
  | "heap"
  | "memory"
  | "memoryLane"
  | "lane"
  | "shuffle"
  | "zeroIndex"
  | "segment"
  | "twoIndices"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "v128";

export interface Operator {
  readonly name: string;
  readonly immediate: ImmediateKind;
}

/** Names of consecutive opcodes, "-" where there is none, and what follows each. */
export type OperatorRow = readonly [first: number, immediate: ImmediateKind, names: string];

/** Core specification 5.4.1 to 5.4.7, and the tail calls. */
const ROWS: readonly OperatorRow[] = [
  [0x00, "none", "unreachable nop"],
  [0x02, "block", "block loop if"],
  [0x05, "none", "else"],
  [0x0b, "none", "end"],
  [0x0c, "label", "br br_if"],
  [0x0e, "labels", "br_table"],
  [0x0f, "none", "return"],
  [0x10, "function", "call"],
  [0x11, "indirect", "call_indirect"],
  [0x12, "function", "return_call"],
  [0x13, "indirect", "return_call_indirect"],
  [0x1a, "none", "drop select"],
  [0x1c, "types", "select"],
  [0x20, "index", "local.get local.set local.tee global.get global.set table.get table.set"],
  [0x28, "memory", "i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u"],
  [0x30, "memory", "i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u i32.store i64.store"],
  [0x38, "memory", "f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32"],
  [0x3f, "zeroIndex", "memory.size memory.grow"],
  [0x41, "i32", "i32.const"],
  [0x42, "i64", "i64.const"],
  [0x43, "f32", "f32.const"],
  [0x44, "f64", "f64.const"],
  [0x45, "none", "i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u"],
  [0x50, "none", "i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u"],
  [0x5b, "none", "f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge"],
  [0x67, "none", "i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u"],
  [0x71, "none", "i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr"],
  [0x79, "none", "i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u"],
  [0x83, "none", "i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr"],
  [0x8b, "none", "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt"],
  [0x92, "none", "f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign"],
  [0x99, "none", "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt"],
  [0xa0, "none", "f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign"],
  [0xa7, "none", "i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u"],
  [0xac, "none", "i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u"],
  [0xb2, "none", "f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64"],
  [0xb7, "none", "f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32"],
  [0xbc, "none", "i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64"],
  [0xc0, "none", "i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s"],
  [0xd0, "heap", "ref.null"],
  [0xd1, "none", "ref.is_null"],
  [0xd2, "function", "ref.func"],
  [0xfc00, "none", "i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u"],
  [0xfc04, "none", "i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u"],
  [0xfc08, "segment", "memory.init"],
  [0xfc09, "index", "data.drop"],
  [0xfc0a, "twoIndices", "memory.copy"],
  [0xfc0b, "zeroIndex", "memory.fill"],
  [0xfc0c, "segment", "table.init"],
  [0xfc0d, "index", "elem.drop"],
  [0xfc0e, "twoIndices", "table.copy"],
  [0xfc0f, "index", "table.grow table.size table.fill"],
];

/** All operators by opcode: one byte, or 0xfc00 + n and 0xfd00 + n as in `expression()`. */
export const OPERATORS: ReadonlyMap<number, Operator> = new Map(
  [...ROWS, ...SIMD_OPERATORS].flatMap(([first, immediate, names]) =>
    names.split(" ").flatMap((name, i) => (name === "-" ? [] : [[first + i, { name, immediate }] as const])),
  ),
);
