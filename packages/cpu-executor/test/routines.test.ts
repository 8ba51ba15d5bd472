import { ModuleBuilder } from "@likex/wasm-emitter";
import { describe, expect, it } from "vitest";
import { FPU } from "../src/context.ts";
import { compileRoutines } from "../src/routines/compile.ts";
import { ROUTINES } from "../src/routines/index.ts";
import { RoutineError } from "../src/routines/tokens.ts";
import { SLOW_PATH_TYPE } from "../src/semantics/memory-access.ts";
import { Random } from "./support/random.ts";

type Routine = (...args: (number | bigint)[]) => number | bigint;

function compile(text: string, constants: Readonly<Record<string, number | bigint>> = {}): Record<string, Routine> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const { functions } = compileRoutines(module, [{ text, constants }], {});
  for (const [name, f] of functions) module.exportFunction(name, f);
  const imports = { host: { memory: new WebAssembly.Memory({ initial: 1 }) } };
  return new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports).exports as Record<string, Routine>;
}

describe("the routine language", () => {
  it("has C's operators, with those of bits above comparisons", () => {
    const { f } = compile(
      "fn f(a: i32, b: i32) -> i32 { return (a & 3 == 1) + (a + b * 2 << 1) - (a <u b ? 10 : 20); }",
    );
    expect(f?.(5, -1)).toBe(1 + 6 - 10);
  });

  it("loops, breaks, continues and calls routines that come later", () => {
    const { f } = compile(`
      fn f(n: i32) -> i64 {
        let sum = 0n;
        let i = 0;
        while (1) {
          i += 1;
          if (i > n) { break; } else if (i % 2 == 0) { continue; }
          sum += g(i);
        }
        return sum;
      }
      fn g(i: i32) -> i64 { return s64(i) * 10n; }`);
    expect(f?.(6)).toBe(90n);
  });

  it("writes inline routines into those that call them, with their loops and returns", () => {
    const exports = compile(`
      inline fn least(a: i32, b: i32) -> i32 { if (a < b) { return a; } return b; }
      inline fn put(at: i32, value: i32) { if (value == 0) { return; } store32(at, value); }
      inline fn first_above(limit: i32) -> i32 {
        let n = 1;
        while (1) { if (n > limit) { return n; } n = n * 2; }
        return 0;
      }
      fn f(a: i32, b: i32) -> i32 { return least(a, b) * 10 + least(b, a + 5); }
      fn g(limit: i32) -> i32 {
        let i = 0;
        let sum = 0;
        while (i < 3) {
          i += 1;
          if (i == 2) { continue; }
          let n = first_above(limit + i);
          sum += n;
        }
        put(64, sum);
        put(64, 0);
        return load32(64);
      }`);
    expect(Object.keys(exports)).toEqual(["f", "g"]);
    expect([exports.f?.(3, 7), exports.f?.(9, 2)]).toEqual([37, 22]);
    expect(exports.g?.(6)).toBe(8 + 16);
  });

  it("reaches memory through loads and stores at constant offsets", () => {
    const { f } = compile("fn f(at: i32) -> i32 { store16(at + FIELD, 0x1234); return load8(at + FIELD + 1); }", {
      FIELD: 8,
    });
    expect(f?.(64)).toBe(0x12);
  });

  it.each([
    ["fn f(a: i32) -> i64 { return a; }", /returns i32/],
    ["fn f(a: i32, b: i64) -> i32 { return a + b; }", /i32 \+ i64/],
    ["fn f() -> i32 { return g; }", /unknown name g/],
    ["fn f() { g(1); }", /unknown routine g/],
    ["fn f(a: u8) { }", /u8 is no type/],
    ["fn f() { if (1 { } }", /needs \)/],
    ["inline fn g(a: i32) { store8(a, 1); } fn f() { g(1n); }", /g\(i64\)/],
    ["inline fn g() -> i32 { return g() + 1; } fn f() -> i32 { return g(); }", /without end/],
    ["inline fn g() -> i32 { store8(0, 1); return 1; } fn f() -> i32 { return 2 + g(); }", /within an expression/],
    [
      "fn h() -> i32 { return 1; } inline fn g() -> i32 { return load8(0); } fn f() -> i32 { return h() + g(); }",
      /behind a call/,
    ],
    ["fn f() { @ }", /cannot read/],
    ["fn f() { } fn f() { }", /twice/],
  ])("refuses %s", (text, message) => {
    expect(() => compile(text)).toThrow(message);
    expect(() => compile(text)).toThrow(RoutineError);
  });
});

const CONTEXT = 0;

function floatRoutines(): { readonly exports: Record<string, Routine>; readonly view: DataView } {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const slow = {
    slow_read: module.importFunction("slow", "read", SLOW_PATH_TYPE),
    slow_write: module.importFunction("slow", "write", SLOW_PATH_TYPE),
    slow_probe: module.importFunction("slow", "probe", SLOW_PATH_TYPE),
  };
  const { functions } = compileRoutines(module, ROUTINES, slow);
  for (const [name, f] of functions) if (!(name in slow)) module.exportFunction(name, f);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const nothing = (): number => 0;
  const imports = { host: { memory }, slow: { read: nothing, write: nothing, probe: nothing } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports);
  return { exports: exports as Record<string, Routine>, view: new DataView(memory.buffer) };
}

/** JavaScript's own arithmetic rounds to nearest as IEEE 754 says; NaN payloads are compared with a processor's elsewhere. */
describe("software floating point agrees with the engine's", () => {
  const { exports, view } = floatRoutines();
  const bits = new DataView(new ArrayBuffer(8));
  const double = (value: bigint): number => {
    bits.setBigInt64(0, value);
    return bits.getFloat64(0);
  };
  const single = (value: number): number => {
    bits.setInt32(0, value);
    return bits.getFloat32(0);
  };
  const operations: readonly [number, string, (a: number, b: number) => number][] = [
    [0, "add", (a, b) => a + b],
    [1, "subtract", (a, b) => a - b],
    [2, "multiply", (a, b) => a * b],
    [3, "divide", (a, b) => a / b],
  ];
  view.setUint32(CONTEXT + FPU.mxcsr, 0x1f80, true);

  /** Half of the numbers have exponents near each other, so that sums do not vanish. */
  const number64 = (random: Random): bigint => {
    const value = BigInt.asIntN(64, random.next());
    if (random.below(8) === 0) return value & (1n << 63n) ? -(1n << 63n) : 0n;
    if (random.below(2) === 0) return value;
    return BigInt.asIntN(64, (value & ~(0x7ffn << 52n)) | (BigInt(990 + random.below(66)) << 52n));
  };
  const number32 = (random: Random): number => {
    const value = Number(random.next() & 0xffffffffn) | 0;
    return random.below(2) === 0 ? value : (value & ~(0xff << 23)) | ((115 + random.below(25)) << 23);
  };

  it.each(operations)("operation %d: %s", (op, _name, expected) => {
    const random = new Random(BigInt(op) + 77n);
    for (let i = 0; i < 4000; i++) {
      const [a, b] = [number64(random), number64(random)];
      const result = double(exports.slow_d?.(CONTEXT, op, a, b) as bigint);
      expect(Object.is(result, expected(double(a), double(b)))).toBe(true);
      const [c, d] = [number32(random), number32(random)];
      const short = single(exports.slow_s?.(CONTEXT, op, c, d) as number);
      expect(Object.is(short, Math.fround(expected(single(c), single(d))))).toBe(true);
    }
  });

  it("square root", () => {
    const random = new Random(5n);
    for (let i = 0; i < 2000; i++) {
      const a = number64(random) & ((1n << 63n) - 1n);
      expect(Object.is(double(exports.sqrt_d?.(CONTEXT, a) as bigint), Math.sqrt(double(a)))).toBe(true);
    }
  });

  it("the quick way, taken once PE is set, gives the same as the slow one", () => {
    const random = new Random(6n);
    for (const [op, name] of [
      [0, "add"],
      [1, "sub"],
      [2, "mul"],
      [3, "div"],
    ] as const) {
      for (let i = 0; i < 2000; i++) {
        const [a, b] = [number64(random), number64(random)];
        view.setUint32(CONTEXT + FPU.mxcsr, 0x1fa0, true);
        const quick = exports[`${name}_d`]?.(CONTEXT, a, b);
        expect(quick).toBe(exports.slow_d?.(CONTEXT, op, a, b));
      }
    }
  });
});
