import { type I32, type I64, i32, i64, load, select } from "@likex/wasm-emitter";
import { CODE_MODE, CONTEXT, PAGE_MARKS, TLB } from "../context.ts";
import { LARGE_PAGE_SHIFTS } from "../large-pages.ts";
import { PRIVILEGES } from "../soft-tlb.ts";
import { STATUS } from "../status.ts";
import { INTERCEPT } from "../stop.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { privilegeLevel } from "./flag-instructions.ts";
import { isNotCanonical } from "./interrupts.ts";
import { largePageMark } from "./large-page-mark.ts";
import type { SemanticsTable } from "./table.ts";

const PAGE_BITS = 0xfff;

/** Drops the page of a linear address from the soft TLB of one privilege. */
function forget(b: SemanticsBuilder, linear: I64, privilege: number): void {
  const at = CONTEXT.tlbBanks + privilege * 8;
  const bank = b.let(b.contextLoad(at, 32) as I32);
  b.code.if(bank, () => {
    const offset = i32.and(i32.wrap(i64.shrU(linear, i64.const(TLB.shift))), b.contextLoad(at + 4, 32) as I32);
    const entry = b.let(i32.add(bank, offset));
    const page = i64.and(linear, i64.const(~PAGE_BITS));
    b.code.if(i64.eq(load.i64(entry, TLB.read), page), () => {
      // Tags as TranslationTable's, but of a page that is looked for in another entry.
      const turned = i64.and(i64.xor(page, i64.const(-1)), i64.const(~PAGE_BITS & 0xffff_ffff));
      const invalid = i64.or(turned, i64.const(BigInt(TLB.invalidByte * 0x0101_0101) << 32n));
      b.code.store("i64", entry, invalid, TLB.read);
      b.code.store("i64", entry, invalid, TLB.write);
    });
  });
}

/**
 * INVLPG at CPL 0 that does not exit, of a 4 KiB page from which no code is known: what it drops is in the soft TLB alone (SDM Vol
 * 3A, 4.10.4.1).
 */
export const invalidation: SemanticsTable = {
  invlpg: {
    endsBlock: true,
    isOutside: true,
    write: (b) => {
      b.attempt(({ giveUpIf }) => {
        giveUpIf(b.contextLoad(CONTEXT.intercepts + INTERCEPT.invlpg, 8) as I32);
        giveUpIf(privilegeLevel(b));
        const mode = b.let(b.contextLoad(CONTEXT.codeMode, 32) as I32);
        giveUpIf(i32.eq(mode, i32.const(CODE_MODE.other)));
        const sum = b.let(i64.add(b.effectiveAddress(), b.outsideBase()));
        const isLong = i32.eq(mode, i32.const(CODE_MODE.long));
        const linear = b.let(select(isLong, sum, i64.extendU(i32.wrap(sum))));
        giveUpIf(isNotCanonical(linear));
        for (let size = 0; size < LARGE_PAGE_SHIFTS.length; size++)
          giveUpIf(largePageMark(b.contextAddress(), linear, size));
        const codePage = i32.and(i32.wrap(i64.shrU(linear, i64.const(12))), i32.const(PAGE_MARKS.codePages - 1));
        giveUpIf(load.u8(i32.add(b.contextAddress(), codePage), PAGE_MARKS.code));
        for (let privilege = 0; privilege < PRIVILEGES; privilege++) forget(b, linear, privilege);
        b.branch(i32.const(0));
      });
      b.stop(STATUS.instruction, i32.const(INTERCEPT.invlpg));
    },
  },
};
