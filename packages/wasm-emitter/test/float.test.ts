import { describe, expect, it } from "vitest";
import { type Expression, f32, f64, i32, i64, load, ModuleBuilder, select, v128 } from "../src/index.ts";

function evaluate<T extends "i32" | "i64">(type: T, e: Expression<T>): number | bigint {
  const module = new ModuleBuilder();
  const f = module.function("f", [], [type]);
  f.return(e);
  f.unreachable();
  module.exportFunction("f", f);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()));
  return (exports.f as () => number | bigint)();
}

const bitsOf = (value: number): bigint => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigInt64(0);
};
const double = (value: number): Expression<"f64"> => f64.reinterpret(i64.const(bitsOf(value)));

describe("floating point", () => {
  const binary: readonly [keyof typeof f64 & ("add" | "sub" | "mul" | "div"), number][] = [
    ["add", 4.75],
    ["sub", 1.25],
    ["mul", 5.25],
    ["div", 3 / 1.75],
  ];
  it.each(binary)("f64.%s", (name, expected) => {
    expect(evaluate("i64", f64.bits(f64[name](double(3), double(1.75))))).toBe(bitsOf(expected));
  });

  it.each([
    ["lt", 1],
    ["le", 1],
    ["gt", 0],
    ["ge", 0],
    ["eq", 0],
    ["ne", 1],
  ] as const)("f64.%s of 1 and 2 is %d", (name, expected) => {
    expect(evaluate("i32", f64[name](double(1), double(2)))).toBe(expected);
  });

  it("converts between single, double and integers", () => {
    expect(evaluate("i32", f32.bits(f32.demote(double(1.5))))).toBe(0x3fc00000);
    expect(evaluate("i64", f64.bits(f64.promote(f32.reinterpret(i32.const(0x3fc00000)))))).toBe(bitsOf(1.5));
    expect(evaluate("i64", f64.bits(f64.convertS(i32.const(-7))))).toBe(bitsOf(-7));
    expect(evaluate("i64", f64.bits(f64.convert64S(i64.const(-(1n << 40n)))))).toBe(bitsOf(-(2 ** 40)));
    expect(evaluate("i32", f64.truncate32S(double(-2.9)))).toBe(-2);
    expect(evaluate("i64", f64.truncate64S(double(1e30)))).toBe((1n << 63n) - 1n);
  });

  it("rounds, takes roots and magnitudes", () => {
    expect(evaluate("i64", f64.bits(f64.nearest(double(2.5))))).toBe(bitsOf(2));
    expect(evaluate("i64", f64.bits(f64.sqrt(double(2))))).toBe(bitsOf(Math.SQRT2));
    expect(evaluate("i64", f64.bits(f64.abs(f64.neg(double(2)))))).toBe(bitsOf(2));
    expect(evaluate("i32", f32.bits(f32.sqrt(f32.reinterpret(i32.const(0x40800000)))))).toBe(0x40000000);
  });
});

describe("vectors", () => {
  const a = v128.constant(0x0706050403020100n, 0x0f0e0d0c0b0a0908n);
  const zero = v128.constant(0n, 0n);

  it("shuffles bytes by position", () => {
    const positions = [15, 14, 13, 12, 11, 10, 9, 8, 16, 16, 16, 16, 16, 16, 16, 16];
    expect(evaluate("i64", v128.low64(v128.shuffle(a, zero, positions)))).toBe(0x08090a0b0c0d0e0fn);
    expect(evaluate("i64", v128.high64(v128.shuffle(a, zero, positions)))).toBe(0n);
  });

  it("adds, shifts, selects and tests lanes", () => {
    expect(evaluate("i64", v128.low64(v128.binary("i16x8_add", a, a)))).toBe(0x0e0c0a0806040200n);
    expect(evaluate("i64", v128.low64(v128.shift("i16x8_shl", a, i32.const(8))))).toBe(0x0600040002000000n);
    const halves = v128.constant(0x3fe0000000000000n, 0x4000000000000000n);
    const sum = v128.binary("f64x2_add", halves, v128.binary("f64x2_mul", halves, halves));
    expect(evaluate("i64", v128.low64(sum))).toBe(bitsOf(0.75));
    expect(evaluate("i64", v128.high64(v128.unary("f64x2_sqrt", sum)))).toBe(bitsOf(Math.sqrt(6)));
    const ones = v128.constant(0x3f8000003f800000n, 0n);
    const quotient = v128.binary("f32x4_div", ones, v128.binary("f32x4_add", ones, ones));
    expect(evaluate("i64", v128.low64(v128.unary("f32x4_sqrt", v128.binary("f32x4_mul", quotient, quotient))))).toBe(
      0x3f0000003f000000n,
    );
    expect(evaluate("i64", v128.low64(v128.binary("f64x2_sub", sum, v128.binary("f64x2_div", sum, halves))))).toBe(
      bitsOf(0.75 - 0.75 / 0.5),
    );
    expect(evaluate("i64", v128.low64(v128.binary("f32x4_sub", ones, ones)))).toBe(0n);
    const mask = v128.constant(0xffn, 0n);
    expect(evaluate("i64", v128.low64(v128.bitselect(v128.splat64(i64.const(-1)), zero, mask)))).toBe(0xffn);
    const negative = v128.constant(0x80n, 1n << 63n);
    expect(evaluate("i32", v128.test("i8x16_bitmask", negative))).toBe(0x8001);
    expect(evaluate("i64", v128.low64(v128.unary("i8x16_neg", a)))).toBe(BigInt.asIntN(64, 0xf9fafbfcfdfeff00n));
    expect(evaluate("i64", v128.high64(select(i32.const(0), a, v128.splat("i8x16_splat", i32.const(3)))))).toBe(
      0x0303030303030303n,
    );
  });

  it("reads and replaces lanes", () => {
    expect(evaluate("i32", v128.lane32(a, 2))).toBe(0x0b0a0908);
    const changed = v128.withLane32(v128.withLane64(a, 1, i64.const(-1)), 1, i32.const(7));
    expect(evaluate("i64", v128.low64(changed))).toBe(0x0000000703020100n);
    expect(evaluate("i64", v128.high64(changed))).toBe(-1n);
    const number = v128.withLowF64(a, f64.convert64S(i64.const(3)));
    expect(evaluate("i64", v128.low64(number))).toBe(bitsOf(3));
    expect(evaluate("i64", f64.bits(v128.lowF64(number)))).toBe(bitsOf(3));
    const single = v128.withLowF32(zero, f32.convert64S(i64.const((1n << 24n) + 1n)));
    expect(evaluate("i64", v128.low64(single))).toBe(0x4b800000n);
    expect(evaluate("i32", f32.bits(v128.lowF32(single)))).toBe(0x4b800000);
  });

  it("loads and stores sixteen and eight bytes", () => {
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", { minimum: 1 });
    const f = module.function("copy", [], []);
    f.store("v128", i32.const(32), v128.load(i32.const(0), 1));
    f.store("v128", i32.const(48), v128.load64(i32.const(0)));
    module.exportFunction("copy", f);
    const memory = new WebAssembly.Memory({ initial: 1 });
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(Array.from({ length: 32 }, (_, i) => i));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { host: { memory } });
    (exports.copy as () => void)();
    expect([...bytes.subarray(32, 48)]).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    expect([...bytes.subarray(48, 64)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("tables", () => {
  it("are filled by one module and called through by another", () => {
    const type = { params: ["i32"], results: ["i32"] } as const;
    const caller = new ModuleBuilder();
    const call = caller.function("call", ["i32", "i32"], ["i32"]);
    const argument = call.get(call.param(1, "i32"));
    call.return(call.callIndirect("i32", caller.typeIndex(type), call.get(call.param(0, "i32")), argument));
    call.unreachable();
    caller.exportTable("functions", 0);
    caller.exportFunction("call", call);
    const first = new WebAssembly.Instance(new WebAssembly.Module(caller.finish())).exports;

    const callee = new ModuleBuilder();
    callee.importMemory("host", "memory", { minimum: 1 });
    callee.importTable("host", "functions", 2);
    const loadWord = callee.function("load", type.params, type.results);
    loadWord.return(load.i32(loadWord.get(loadWord.param(0, "i32"))));
    loadWord.unreachable();
    const increment = callee.function("increment", type.params, type.results);
    increment.return(i32.add(increment.get(increment.param(0, "i32")), i32.const(1)));
    increment.unreachable();
    callee.elements([loadWord, increment]);
    const table = first.functions as WebAssembly.Table;
    table.grow(2);
    const memory = new WebAssembly.Memory({ initial: 1 });
    new DataView(memory.buffer).setInt32(4, 99, true);
    new WebAssembly.Instance(new WebAssembly.Module(callee.finish()), { host: { memory, functions: table } });
    const run = first.call as (element: number, argument: number) => number;
    expect([run(0, 4), run(1, 4)]).toEqual([99, 5]);
  });
});
