import { type FunctionBuilder, type I32, i32, type Local, load, ModuleBuilder } from "@likex/wasm-emitter";

type Variable = Local<"i32">;
const c = i32.const;

/** Adds what further bytes say to a count that is 15. */
function addFurtherBytes(f: FunctionBuilder, count: Variable, at: Variable, byte: Variable): void {
  f.if(i32.eq(f.get(count), c(15)), () => {
    f.loop((again) => {
      f.set(byte, load.u8(f.get(at)));
      f.set(at, i32.add(f.get(at), c(1)));
      f.set(count, i32.add(f.get(count), f.get(byte)));
      f.brIf(again, i32.eq(f.get(byte), c(255)));
    });
  });
}

/** Copies up to `end`, eight bytes at a time: what is read and written beyond it does not matter. */
function copyWords(f: FunctionBuilder, from: Variable, to: Variable, end: I32): void {
  f.loop((again) => {
    f.store("i64", f.get(to), load.i64(f.get(from)));
    f.set(from, i32.add(f.get(from), c(8)));
    f.brIf(again, i32.ltU(f.tee(to, i32.add(f.get(to), c(8))), end));
  });
}

/**
 * The module of src/unpack.ts, for what pack.ts writes: `unpack` reads sequences from `at` to `end` of the memory that it is given
 * and writes to `to`; behind both are eight bytes that it may touch.
 */
export function unpackerModule(): Uint8Array {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const f = module.function("unpack", ["i32", "i32", "i32"], []);
  const [at, end, to] = [0, 1, 2].map((n) => f.param(n, "i32")) as [Variable, Variable, Variable];
  const [token, count, byte, from, stop] = [0, 1, 2, 3, 4].map(() => f.local("i32")) as Variable[] as [
    Variable,
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  f.loop((again) => {
    f.set(token, load.u8(f.get(at)));
    f.set(at, i32.add(f.get(at), c(1)));
    f.set(count, i32.shrU(f.get(token), c(4)));
    addFurtherBytes(f, count, at, byte);
    f.set(from, f.get(at));
    f.set(stop, i32.add(f.get(to), f.get(count)));
    f.set(at, i32.add(f.get(at), f.get(count)));
    copyWords(f, from, to, f.get(stop));
    f.set(to, f.get(stop));
    f.if(i32.geU(f.get(at), f.get(end)), () => f.return());
    f.set(from, i32.sub(f.get(to), load.u16(f.get(at))));
    f.set(at, i32.add(f.get(at), c(2)));
    f.set(count, i32.and(f.get(token), c(15)));
    addFurtherBytes(f, count, at, byte);
    f.set(stop, i32.add(f.get(to), i32.add(f.get(count), c(4))));
    f.if(
      i32.geU(i32.sub(f.get(to), f.get(from)), c(8)),
      () => copyWords(f, from, to, f.get(stop)),
      () => {
        // What is repeated overlaps itself.
        f.loop((next) => {
          f.store("i32to8", f.get(to), load.u8(f.get(from)));
          f.set(from, i32.add(f.get(from), c(1)));
          f.brIf(next, i32.ltU(f.tee(to, i32.add(f.get(to), c(1))), f.get(stop)));
        });
      },
    );
    f.set(to, f.get(stop));
    f.br(again);
  });
  module.exportFunction("unpack", f);
  return module.finish();
}
