import { type I32, i32 } from "@likex/wasm-emitter";
import { ARITHMETIC_FLAGS, CONTEXT, RFLAGS, SEGMENT } from "../context.ts";
import { HELPER, STATUS } from "../status.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { replaceFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";

const LAHF_FLAGS = RFLAGS.cf | RFLAGS.pf | RFLAGS.af | RFLAGS.zf | RFLAGS.sf;

function changeRest(b: SemanticsBuilder, clear: number, set: number): void {
  const rest = b.contextLoad(CONTEXT.flagRest, 32) as I32;
  b.contextStore(CONTEXT.flagRest, 32, i32.or(i32.and(rest, i32.const(~clear)), i32.const(set)));
}

/** CPL. */
export const privilegeLevel = (b: SemanticsBuilder): I32 => {
  const rights = b.contextLoad(CONTEXT.segmentRegisters + SEGMENT.ss * 16 + 4, 32) as I32;
  return i32.and(i32.shrU(rights, i32.const(5)), i32.const(3));
};

/** RFLAGS bits that POPF may change and that have effects beyond the flag: their change is left to the helper. */
const RARE = RFLAGS.tf | RFLAGS.iopl | RFLAGS.nt;

/**
 * POPF at CPL 0 with nothing but arithmetic flags, DF and IF changing, as kernels use it; all else is the helper's. Interrupts
 * that this opens are looked for before the next instruction.
 */
function popFlags(b: SemanticsBuilder): void {
  const rest = b.let(b.contextLoad(CONTEXT.flagRest, 32) as I32);
  const { value, commit } = b.pop(b.width);
  const popped = b.let(b.width.low32(value));
  const rare = b.width.bits === 16 ? RARE : RARE | RFLAGS.ac | RFLAGS.id;
  const changes = i32.and(i32.xor(popped, rest), i32.const(rare));
  const special = i32.and(rest, i32.const(RFLAGS.rf | RFLAGS.vm));
  b.code.if(i32.or(i32.or(changes, special), privilegeLevel(b)), () =>
    b.stop(STATUS.helper, i32.const(HELPER.popFlags)),
  );
  commit();
  const moved = RFLAGS.if | RFLAGS.df;
  const kept = i32.and(rest, i32.const(~moved));
  b.contextStore(CONTEXT.flagRest, 32, i32.or(kept, i32.and(popped, i32.const(moved))));
  b.setExplicitFlags(i32.and(popped, i32.const(ARITHMETIC_FLAGS)));
  const opens = i32.and(i32.and(popped, i32.xor(rest, i32.const(-1))), i32.const(RFLAGS.if));
  b.code.if(opens, () => b.leave(STATUS.done));
  b.branch(i32.const(0));
}

/** CPL above IOPL, where CLI and STI need the rules of virtual interrupts or raise #GP (SDM Vol 2, CLI, STI). */
function lacksIoPrivilege(b: SemanticsBuilder): I32 {
  const rest = b.contextLoad(CONTEXT.flagRest, 32) as I32;
  return i32.gtU(privilegeLevel(b), i32.and(i32.shrU(rest, i32.const(12)), i32.const(3)));
}

function withIoPrivilege(b: SemanticsBuilder, otherwise: number, write: () => void): void {
  b.code.if(lacksIoPrivilege(b), () => b.stop(STATUS.helper, i32.const(otherwise)));
  write();
}

export const flagInstructions: SemanticsTable = {
  clc: { write: (b) => replaceFlags(b, RFLAGS.cf, i32.const(0)) },
  stc: { write: (b) => replaceFlags(b, RFLAGS.cf, i32.const(RFLAGS.cf)) },
  cmc: {
    write: (b) => b.setExplicitFlags(i32.xor(b.flags(), i32.const(RFLAGS.cf))),
  },
  cld: { write: (b) => changeRest(b, RFLAGS.df, 0) },
  std: { write: (b) => changeRest(b, 0, RFLAGS.df) },
  cli: { write: (b) => withIoPrivilege(b, HELPER.clearInterruptFlag, () => changeRest(b, RFLAGS.if, 0)) },
  sti: {
    endsBlock: true,
    write: (b) =>
      withIoPrivilege(b, HELPER.setInterruptFlag, () => {
        const rest = b.let(b.contextLoad(CONTEXT.flagRest, 32) as I32);
        b.contextStore(CONTEXT.flagRest, 32, i32.or(rest, i32.const(RFLAGS.if)));
        // Interrupts stay blocked for one more instruction only where they were before (SDM Vol 2, STI).
        b.code.if(i32.and(rest, i32.const(RFLAGS.if)), () => b.leave(STATUS.done));
        b.leave(STATUS.shadow);
      }),
  },
  popf: { endsBlock: true, write: popFlags },
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
