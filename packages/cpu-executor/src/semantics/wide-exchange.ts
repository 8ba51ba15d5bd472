import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { flagAt, replaceFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";
import { type Value, widthOf } from "./width.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const GENERAL_PROTECTION = 13;

const pair = (b: SemanticsBuilder, high: number, low: number): I64 => {
  const half = (register: number): I64 => i64.extendU(b.readRegister(register, 32) as I32);
  return i64.or(i64.shl(half(high), i64.const(32)), half(low));
};

/** CMPXCHG8B and CMPXCHG16B (SDM Vol 2A): memory sees a write whether or not it is equal. */
export const wideExchange: SemanticsTable = {
  cmpxchg8b: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const old = value as I64;
      const replacement = b.let(pair(b, RCX, RBX));
      const equal = b.let(i64.eq(old, pair(b, RDX, RAX)));
      b.code.if(
        equal,
        () => write(replacement),
        () => {
          write(old);
          b.writeRegister(RAX, 32, i32.wrap(old));
          b.writeRegister(RDX, 32, i32.wrap(i64.shrU(old, i64.const(32))));
        },
      );
      replaceFlags(b, RFLAGS.zf, flagAt(equal, RFLAGS.zf));
    },
  },
  cmpxchg16b: {
    write: (b) => {
      const w = widthOf(64);
      const linear = b.let(b.operandLinear(b.effectiveAddress(), 16, "write"));
      b.code.if(i32.and(i32.wrap(linear), i32.const(15)), () => b.raise(GENERAL_PROTECTION));
      const lowProbe = b.probe(w, linear);
      const highProbe = b.probe(w, b.let(i64.add(linear, i64.const(8))));
      const low = b.loadProbed(w, lowProbe) as I64;
      const high = b.loadProbed(w, highProbe) as I64;
      const register = (index: number): I64 => b.readRegister(index, 64) as I64;
      const equal = b.let(i32.and(i64.eq(low, register(RAX)), i64.eq(high, register(RDX))));
      const store = (first: Value, second: Value): void => {
        b.storeProbed(w, lowProbe, first);
        b.storeProbed(w, highProbe, second);
      };
      b.code.if(
        equal,
        () => store(b.let(register(RBX)), b.let(register(RCX))),
        () => {
          store(low, high);
          b.writeRegister(RAX, 64, low);
          b.writeRegister(RDX, 64, high);
        },
      );
      replaceFlags(b, RFLAGS.zf, flagAt(equal, RFLAGS.zf));
    },
  },
};
