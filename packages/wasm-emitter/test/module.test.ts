import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ByteWriter,
  type Expression,
  i32,
  i64,
  instructionCount,
  load,
  ModuleBuilder,
  select,
  WasmEmitterError,
} from "../src/index.ts";

type Exports = Record<string, (...args: never[]) => unknown>;

function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports).exports as Exports;
}

function evaluate64(e: Expression<"i64">): bigint {
  const module = new ModuleBuilder();
  const f = module.function("f", [], ["i64"]);
  f.return(e);
  f.unreachable();
  module.exportFunction("f", f);
  return (instantiate(module).f as () => bigint)();
}

describe("ModuleBuilder", () => {
  it("builds a function with a loop that the engine runs", () => {
    const module = new ModuleBuilder();
    const f = module.function("sum", ["i32"], ["i32"]);
    const n = f.param(0, "i32");
    const sum = f.local("i32");
    f.loop((again) => {
      f.set(sum, i32.add(f.get(sum), f.get(n)));
      f.set(n, i32.sub(f.get(n), i32.const(1)));
      f.brIf(again, f.get(n));
    });
    f.return(f.get(sum));
    f.unreachable();
    module.exportFunction("sum", f);
    expect((instantiate(module).sum as (n: number) => number)(10)).toBe(55);
  });

  it("selects a branch-table case and falls to the default", () => {
    const module = new ModuleBuilder();
    const f = module.function("pick", ["i32"], ["i32"]);
    f.block((otherwise) => {
      f.block((one) => {
        f.block((zero) => f.brTable([zero, one], otherwise, f.get(f.param(0, "i32"))));
        f.return(i32.const(100));
      });
      f.return(i32.const(101));
    });
    f.return(i32.const(-1));
    f.unreachable();
    module.exportFunction("pick", f);
    const pick = instantiate(module).pick as (n: number) => number;
    expect([0, 1, 2, -1].map((n) => pick(n))).toEqual([100, 101, -1, -1]);
  });

  it("calls imports and reads and writes imported memory at unaligned addresses", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const module = new ModuleBuilder();
    module.importMemory("env", "memory", { minimum: 1, maximum: 1 });
    const twice = module.importFunction("env", "twice", { params: ["i32"], results: ["i32"] });
    const f = module.function("f", [], []);
    f.store("i64", i32.const(3), i64.const(0x1122334455667788n));
    f.store("i32to16", i32.const(32), f.call("i32", twice, load.u8(i32.const(1), 2)));
    f.memoryCopy(i32.const(64), i32.const(3), i32.const(8));
    f.memoryFill(i32.const(80), i32.const(7), i32.const(4));
    module.exportFunction("f", f);
    (instantiate(module, { env: { memory, twice: (x: number) => x * 2 } }).f as () => void)();
    const view = new DataView(memory.buffer);
    expect(view.getBigUint64(3, true)).toBe(0x1122334455667788n);
    expect(view.getUint16(32, true)).toBe(0x110);
    expect(view.getBigUint64(64, true)).toBe(0x1122334455667788n);
    expect(view.getUint32(80, true)).toBe(0x07070707);
  });

  it("refuses what could never validate, and says why", () => {
    const module = new ModuleBuilder();
    const f = module.function("f", ["i32"], []);
    expect(() => f.param(0, "i64")).toThrow(WasmEmitterError);
    expect(() => f.perform(f)).toThrow("takes 1 arguments, got 0");
    expect(() => f.store("i64", i32.const(0), i32.const(0))).toThrow("needs i64");
    expect(() => module.importFunction("env", "late", { params: [], results: [] })).toThrow("import first");
  });
});

describe("expressions", () => {
  const operations = ["add", "sub", "mul", "and", "or", "xor", "shl", "shrS", "shrU", "rotl"] as const;

  it("fold constants to what the engine computes", () => {
    const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
    fc.assert(
      fc.property(fc.constantFrom(...operations), int64, int64, (name, a, b) => {
        // The same operation on locals cannot be folded.
        const module = new ModuleBuilder();
        const f = module.function("f", ["i64", "i64"], ["i64"]);
        f.return(i64[name](f.get(f.param(0, "i64")), f.get(f.param(1, "i64"))));
        f.unreachable();
        module.exportFunction("f", f);
        const engine = (instantiate(module).f as (a: bigint, b: bigint) => bigint)(a, b);
        expect(evaluate64(i64[name](i64.const(a), i64.const(b)))).toBe(engine);
      }),
      { numRuns: 200 },
    );
  });

  it("drop identities", () => {
    const module = new ModuleBuilder();
    const f = module.function("f", ["i32"], []);
    const x = f.get(f.param(0, "i32"));
    expect(i32.add(x, i32.const(0))).toBe(x);
    expect(i32.and(x, i32.const(-1))).toBe(x);
    expect(i32.wrap(i64.extendU(x))).toBe(x);
    expect(select(i32.const(1), x, i32.const(2))).toBe(x);
    expect(instructionCount(i32.mul(x, i32.const(3)))).toBe(3);
  });
});

describe("ByteWriter", () => {
  it("writes LEB128 that decodes to the same number", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        expect(evaluate64(i64.const(value))).toBe(value);
      }),
      { numRuns: 100 },
    );
  });

  it("grows past its first buffer", () => {
    const out = new ByteWriter();
    for (let i = 0; i < 1000; i++) out.unsigned(300);
    expect(out.length).toBe(2000);
    expect(out.toBytes().subarray(1998)).toEqual(new Uint8Array([0xac, 0x02]));
  });
});
