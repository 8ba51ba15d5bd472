import { constantOf, type Expression, expression, type I32, type I64, type ValueType } from "./expression.ts";

const OP32 = {
  eq: 0x46,
  ne: 0x47,
  ltS: 0x48,
  ltU: 0x49,
  gtS: 0x4a,
  gtU: 0x4b,
  leS: 0x4c,
  leU: 0x4d,
  geS: 0x4e,
  geU: 0x4f,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  divS: 0x6d,
  divU: 0x6e,
  remS: 0x6f,
  remU: 0x70,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  shrS: 0x75,
  shrU: 0x76,
  rotl: 0x77,
  rotr: 0x78,
} as const;

type BinaryName = keyof typeof OP32;

/** i64 opcodes are the i32 ones moved by a constant, one for the comparisons and one for the arithmetic. */
const op64 = (name: BinaryName): number => OP32[name] + (OP32[name] < 0x6a ? 0x0b : 0x12);

function fold(name: BinaryName, a: bigint, b: bigint, bits: 32 | 64): bigint | undefined {
  const unsignedA = BigInt.asUintN(bits, a);
  const unsignedB = BigInt.asUintN(bits, b);
  const shift = unsignedB & BigInt(bits - 1);
  switch (name) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return a << shift;
    case "shrU":
      return unsignedA >> shift;
    case "shrS":
      return a >> shift;
    case "eq":
      return a === b ? 1n : 0n;
    case "ne":
      return a !== b ? 1n : 0n;
    case "ltU":
      return unsignedA < unsignedB ? 1n : 0n;
    case "gtU":
      return unsignedA > unsignedB ? 1n : 0n;
    default:
      return undefined;
  }
}

const ZERO_IS_IDENTITY: ReadonlySet<BinaryName> = new Set([
  "add",
  "sub",
  "or",
  "xor",
  "shl",
  "shrS",
  "shrU",
  "rotl",
  "rotr",
]);

const isComparison = (name: BinaryName): boolean => OP32[name] < 0x6a;

function const32(value: number): I32 {
  return expression("i32", 0x41, [], { kind: "i32", value: value | 0 });
}

function const64(value: bigint | number): I64 {
  return expression("i64", 0x42, [], { kind: "i64", value: BigInt.asIntN(64, BigInt(value)) });
}

/** Builds a binary operation; constants are folded and identities dropped, so generators need no special cases. */
function binary32(name: BinaryName, a: I32, b: I32): I32 {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x !== undefined && y !== undefined) {
    const folded = fold(name, x, y, 32);
    if (folded !== undefined) return const32(Number(BigInt.asIntN(32, folded)));
  }
  if (y === 0n && ZERO_IS_IDENTITY.has(name)) return a;
  if (y === -1n && name === "and") return a;
  if (x === 0n && (name === "add" || name === "or" || name === "xor")) return b;
  return expression("i32", OP32[name], [a, b]);
}

function binary64(name: BinaryName, a: I64, b: I64): I64 {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x !== undefined && y !== undefined) {
    const folded = fold(name, x, y, 64);
    if (folded !== undefined) return const64(folded);
  }
  if (y === 0n && ZERO_IS_IDENTITY.has(name)) return a;
  if (y === -1n && name === "and") return a;
  if (x === 0n && (name === "add" || name === "or" || name === "xor")) return b;
  return expression("i64", op64(name), [a, b]);
}

function compare64(name: BinaryName, a: I64, b: I64): I32 {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x !== undefined && y !== undefined) {
    const folded = fold(name, x, y, 64);
    if (folded !== undefined) return const32(Number(folded));
  }
  return expression("i32", op64(name), [a, b]);
}

type Binary<E> = (a: E, b: E) => E;
type Compare<E> = (a: E, b: E) => I32;

export interface IntegerOperations<E extends Expression> {
  readonly eqz: (a: E) => I32;
  readonly eq: Compare<E>;
  readonly ne: Compare<E>;
  readonly ltS: Compare<E>;
  readonly ltU: Compare<E>;
  readonly gtS: Compare<E>;
  readonly gtU: Compare<E>;
  readonly leS: Compare<E>;
  readonly leU: Compare<E>;
  readonly geS: Compare<E>;
  readonly geU: Compare<E>;
  readonly add: Binary<E>;
  readonly sub: Binary<E>;
  readonly mul: Binary<E>;
  readonly divS: Binary<E>;
  readonly divU: Binary<E>;
  readonly remS: Binary<E>;
  readonly remU: Binary<E>;
  readonly and: Binary<E>;
  readonly or: Binary<E>;
  readonly xor: Binary<E>;
  readonly shl: Binary<E>;
  readonly shrS: Binary<E>;
  readonly shrU: Binary<E>;
  readonly rotl: Binary<E>;
  readonly rotr: Binary<E>;
  readonly clz: (a: E) => E;
  readonly ctz: (a: E) => E;
  readonly popcnt: (a: E) => E;
  readonly extend8S: (a: E) => E;
  readonly extend16S: (a: E) => E;
}

type Op32 = { readonly [K in BinaryName]: (a: I32, b: I32) => I32 };
type Op64 = {
  readonly [K in BinaryName]: K extends "eq" | "ne" | `${"lt" | "gt" | "le" | "ge"}${"S" | "U"}`
    ? Compare<I64>
    : Binary<I64>;
};

const names = Object.keys(OP32) as BinaryName[];
const binaries32 = Object.fromEntries(names.map((n) => [n, (a: I32, b: I32) => binary32(n, a, b)])) as unknown as Op32;
const binaries64 = Object.fromEntries(
  names.map((n) => [n, (a: I64, b: I64) => (isComparison(n) ? compare64(n, a, b) : binary64(n, a, b))]),
) as unknown as Op64;

const unary32 =
  (opcode: number) =>
  (a: Expression): I32 =>
    expression("i32", opcode, [a]);
const unary64 =
  (opcode: number) =>
  (a: Expression): I64 =>
    expression("i64", opcode, [a]);

/** 32-bit integer operations (core specification 4.3.2). Comparisons give an i32 of 0 or 1. */
export const i32: IntegerOperations<I32> & {
  readonly const: (value: number) => I32;
  readonly wrap: (a: I64) => I32;
} = {
  ...binaries32,
  const: const32,
  eqz: unary32(0x45),
  clz: unary32(0x67),
  ctz: unary32(0x68),
  popcnt: unary32(0x69),
  extend8S: unary32(0xc0),
  extend16S: unary32(0xc1),
  wrap: (a) => {
    const value = constantOf(a);
    if (value !== undefined) return const32(Number(BigInt.asIntN(32, value)));
    if (a.opcode === 0xac || a.opcode === 0xad) return a.operands[0] as I32;
    return expression("i32", 0xa7, [a]);
  },
};

/** 64-bit integer operations. Comparisons give an i32 of 0 or 1. */
export const i64: IntegerOperations<I64> & {
  readonly const: (value: bigint | number) => I64;
  readonly extendS: (a: I32) => I64;
  readonly extendU: (a: I32) => I64;
  readonly extend32S: (a: I64) => I64;
} = {
  ...binaries64,
  const: const64,
  eqz: unary32(0x50),
  clz: unary64(0x79),
  ctz: unary64(0x7a),
  popcnt: unary64(0x7b),
  extend8S: unary64(0xc2),
  extend16S: unary64(0xc3),
  extend32S: unary64(0xc4),
  extendS: (a) => {
    const value = constantOf(a);
    return value === undefined ? expression("i64", 0xac, [a]) : const64(value);
  },
  extendU: (a) => {
    const value = constantOf(a);
    return value === undefined ? expression("i64", 0xad, [a]) : const64(BigInt.asUintN(32, value));
  },
};

/** `condition ? a : b`; both are computed. */
export function select<T extends Exclude<ValueType, "funcref">>(
  condition: I32,
  a: Expression<T>,
  b: Expression<T>,
): Expression<T> {
  const known = constantOf(condition);
  if (known !== undefined) return known !== 0n ? a : b;
  return expression(a.type, 0x1b, [a, b, condition]);
}
