import { type I32, i32 } from "@likex/wasm-emitter";
import { CONTEXT, RFLAGS } from "../context.ts";
import { STATUS } from "../status.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { replaceFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";

const LAHF_FLAGS = RFLAGS.cf | RFLAGS.pf | RFLAGS.af | RFLAGS.zf | RFLAGS.sf;

function changeRest(b: SemanticsBuilder, clear: number, set: number): void {
  const rest = b.contextLoad(CONTEXT.flagRest, 32) as I32;
  b.contextStore(CONTEXT.flagRest, 32, i32.or(i32.and(rest, i32.const(~clear)), i32.const(set)));
}

export const flagInstructions: SemanticsTable = {
  clc: { write: (b) => replaceFlags(b, RFLAGS.cf, i32.const(0)) },
  stc: { write: (b) => replaceFlags(b, RFLAGS.cf, i32.const(RFLAGS.cf)) },
  cmc: {
    write: (b) => b.setExplicitFlags(i32.xor(b.flags(), i32.const(RFLAGS.cf))),
  },
  cld: { write: (b) => changeRest(b, RFLAGS.df, 0) },
  std: { write: (b) => changeRest(b, 0, RFLAGS.df) },
  cli: { write: (b) => changeRest(b, RFLAGS.if, 0) },
  sti: {
    endsBlock: true,
    write: (b) => {
      changeRest(b, 0, RFLAGS.if);
      b.leave(STATUS.shadow);
    },
  },
  lahf: {
    write: (b) => b.writeRegister(0, 8, i32.or(i32.and(b.flags(), i32.const(LAHF_FLAGS)), i32.const(RFLAGS.fixed)), 1),
  },
  sahf: {
    write: (b) => {
      const stored = b.let(i32.and(b.readRegister(0, 8, 1) as I32, i32.const(LAHF_FLAGS)));
      replaceFlags(b, LAHF_FLAGS, stored);
    },
  },
  salc: { write: (b) => b.writeRegister(0, 8, i32.and(i32.sub(i32.const(0), b.carry()), i32.const(0xff))) },
};
