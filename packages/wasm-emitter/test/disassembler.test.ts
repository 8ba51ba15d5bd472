import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  disassemble,
  formatFunction,
  formatLine,
  functionsOf,
  UnreadableModuleError,
} from "../src/disassembler/index.ts";
import {
  ByteWriter,
  type FunctionBuilder,
  i32,
  i64,
  load,
  ModuleBuilder,
  v128,
  WasmEmitterError,
} from "../src/index.ts";

/** A module of one import and this function, exported as "main", and the function's text. */
function textOf(write: (f: FunctionBuilder, module: ModuleBuilder) => void): string[] {
  return written(write).lines.map(formatLine);
}

function written(write: (f: FunctionBuilder, module: ModuleBuilder) => void): ReturnType<typeof disassemble> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1, maximum: 2 });
  module.importTable("host", "table", 1);
  module.importFunction("host", "tell", { params: ["i32"], results: [] });
  const f = module.function("body", ["i32"], ["i32"]);
  write(f, module);
  f.unreachable();
  module.exportFunction("main", f);
  return disassemble(module.finish(), { functionIndex: f.index });
}

describe("the text of a function", () => {
  it("is indented by blocks, whose labels branches name", () => {
    expect(
      textOf((f) => {
        const n = f.param(0, "i32");
        f.loop((again) => {
          f.block((end) => {
            f.if(
              f.get(n),
              () => f.br(again),
              () => f.brTable([end, again], end, f.get(n)),
            );
          });
        });
        f.return(i32.const(-3));
      }),
    ).toEqual([
      "loop  ;; @1",
      "  block  ;; @2",
      "    local.get 0",
      "    if  ;; @3",
      "      br 2  ;; @1",
      "    else  ;; @3",
      "      local.get 0",
      "      br_table 1 2 1  ;; @2 @1 @2",
      "    end  ;; @3",
      "  end  ;; @2",
      "end  ;; @1",
      "i32.const -3",
      "return",
      "unreachable",
      "end",
    ]);
  });

  it("names called functions and types, and has large constants in hexadecimal too", () => {
    expect(
      textOf((f, module) => {
        const tell = { index: 0, type: { params: ["i32"], results: [] } } as const;
        f.perform(tell, i32.const(0x100208));
        f.drop(f.callIndirect("i32", module.typeIndex(f.type), i32.const(-256), i32.const(255)));
        f.drop(i64.const(-1n << 40n));
      }),
    ).toEqual([
      "i32.const 1049096  ;; 0x100208",
      "call 0  ;; host.tell",
      "i32.const 255",
      "i32.const -256  ;; 0xffffff00",
      "call_indirect (type 1)  ;; (param i32) (result i32)",
      "drop",
      "i64.const -1099511627776  ;; 0xffffff0000000000",
      "drop",
      "unreachable",
      "end",
    ]);
  });

  it("has offsets, lanes and vectors, and no hints of alignment", () => {
    const zero = i32.const(0);
    expect(
      textOf((f) => {
        f.store("i64to16", zero, v128.high64(v128.load(zero, 16)), 0x1234);
        f.drop(v128.shuffle(v128.constant(1n, -1n), v128.load64(zero), [...Array(16).keys()]));
        f.memoryCopy(zero, zero, zero);
        f.memoryFill(zero, zero, zero);
        f.drop(load.u8(zero));
      }).filter((line) => line !== "i32.const 0" && line !== "drop"),
    ).toEqual([
      "v128.load offset=16",
      "i64x2.extract_lane 1",
      "i64.store16 offset=4660",
      "v128.const i32x4 0x00000001 0x00000000 0xffffffff 0xffffffff",
      "v128.load64_zero",
      "i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
      "memory.copy",
      "memory.fill",
      "i32.load8_u",
      "unreachable",
      "end",
    ]);
  });

  it("says where each opcode is in the module, and what the function is", () => {
    const text = written((f) => {
      f.local("i64");
      f.local("i64");
      f.local("v128");
      f.drop(i32.const(64));
    });
    expect(text).toMatchObject({ index: 1, name: "body", type: "(param i32) (result i32)" });
    expect(text.locals).toEqual(["i64", "i64", "v128"]);
    const [first = 0, ...rest] = text.lines.map(({ offset }) => offset);
    // i32.const 64 takes three bytes.
    expect(rest.map((offset) => offset - first)).toEqual([3, 4, 5]);
    expect(formatFunction(text)).toMatch(
      /^func 1 body \(param i32\) \(result i32\) \(local i64 i64 v128\)\n[0-9a-f]+: i32.const 64\n[0-9a-f]+: drop\n.*\n.*end$/,
    );
  });

  it("has a line at each position that FunctionBuilder.instructions names", () => {
    const positions: number[] = [];
    const text = written((f) => {
      for (let i = 0; i < 3; i++) {
        positions.push(f.instructions);
        f.if(f.get(f.param(0, "i32")), () => f.store("i32", i32.const(8), i32.const(i)));
      }
      positions.push(f.instructions);
    });
    expect(positions.map((position) => text.lines[position]?.text)).toEqual([
      "local.get 0",
      "local.get 0",
      "local.get 0",
      "unreachable",
    ]);
    expect(text.lines.at(-1)?.text).toBe("end");
  });
});

describe("the functions of a module", () => {
  it("are listed with their exports, imports first", () => {
    const module = new ModuleBuilder();
    module.importFunction("host", "tell", { params: [], results: [] });
    const f = module.function("inner", ["i64"], []);
    module.exportFunction("0", f);
    module.exportFunction("again", f);
    const bytes = module.finish();
    const [imported, defined, ...rest] = functionsOf(bytes);
    expect(imported).toEqual({ index: 0, type: "", name: "host.tell", exports: [], body: undefined });
    expect(defined).toMatchObject({ index: 1, type: "(param i64)", name: "inner", exports: ["0", "again"] });
    // One byte for no locals, and the end.
    expect(bytes.slice(defined?.body?.start, defined?.body?.end)).toEqual(new Uint8Array([0, 0x0b]));
    expect(rest).toEqual([]);
  });
});

describe("the disassembler refuses", () => {
  const module = new ModuleBuilder();
  module.importFunction("host", "tell", { params: [], results: [] });
  const f = module.function("f", [], []);
  f.drop(v128.constant(1n, 2n));
  const bytes = module.finish();

  it("a function that the module lacks or imports", () => {
    expect(() => disassemble(bytes, { functionIndex: 2 })).toThrow(
      "function 2 was asked for, but the module has 2 functions",
    );
    expect(() => disassemble(bytes, { functionIndex: 0 })).toThrow("but the module imports that one");
    expect(() => disassemble(bytes, { functionIndex: -1 })).toThrow(WasmEmitterError);
  });

  it("bytes that are no module", () => {
    expect(() => functionsOf(new Uint8Array([0x7f, 0x45, 0x4c, 0x46]))).toThrow("do not begin as a WebAssembly module");
    expect(() => functionsOf(new Uint8Array())).toThrow(UnreadableModuleError);
  });

  it("an opcode without a name, and says where it is", () => {
    const at = bytes.indexOf(0xfd);
    const changed = bytes.slice();
    changed[at] = 0x27;
    expect(() => disassemble(changed, { functionIndex: 1 })).toThrow(`the opcode 0x27 at ${at} has no name here`);
  });

  it("whatever bytes are changed or missing with an error of its own, or prints them", () => {
    const changes = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(changes, fc.nat({ max: bytes.length }), (list, length) => {
        const changed = bytes.slice(0, length);
        for (const [at, to] of list) if (at < length) changed[at] = to;
        try {
          disassemble(changed, { functionIndex: 1 });
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableModuleError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("a body that goes on behind its end", () => {
    const changed = bytes.slice();
    changed[bytes.indexOf(0xfd)] = 0x0b;
    expect(() => disassemble(changed, { functionIndex: 1 })).toThrow("goes on behind its end");
  });
});

describe("constants", () => {
  it("are those that were written, of any size", () => {
    const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
    fc.assert(
      fc.property(fc.integer(), int64, (small, large) => {
        const { lines } = written((f) => {
          f.drop(i32.const(small));
          f.drop(i64.const(large));
        });
        expect(lines[0]?.text).toBe(`i32.const ${small}`);
        expect(lines[2]?.text).toBe(`i64.const ${large}`);
      }),
    );
  });

  it.each([
    [[0x43, 0, 0, 0x80, 0x3f], "f32.const 1"],
    [[0x43, 1, 0, 0xc0, 0xff], "f32.const -nan:0x400001"],
    [[0x44, 0, 0, 0, 0, 0, 0, 0, 0x80], "f64.const -0"],
    [[0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0xff], "f64.const -inf"],
    [[0x44, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f], "f64.const 0.1"],
  ])("of floating point: %j is %s", (code, expected) => {
    const out = new ByteWriter();
    out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]);
    out.bytes([10, code.length + 5, 1, code.length + 3, 0, ...code, 0x1a, 0x0b]);
    expect(disassemble(out.toBytes(), { functionIndex: 0 }).lines[0]?.text).toBe(expected);
  });
});
