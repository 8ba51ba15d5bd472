import { type I32, i32 } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { resultFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";
import { widthOf } from "./width.ts";

const BYTE = widthOf(8);

/** AAA and AAS (SDM Vol 2): the flags other than CF and AF are undefined and read as 0. */
function asciiAdjust(b: SemanticsBuilder, step: 0x106 | -0x106): void {
  const flags = b.let(b.flags());
  const ax = b.let(b.readRegister(0, 16) as I32);
  const adjust = b.let(
    i32.or(i32.gtU(i32.and(ax, i32.const(15)), i32.const(9)), i32.and(i32.shrU(flags, i32.const(4)), i32.const(1))),
  );
  const moved = i32.add(ax, i32.mul(adjust, i32.const(step)));
  b.writeRegister(0, 16, i32.and(moved, i32.const(0xff0f)));
  b.setExplicitFlags(i32.mul(adjust, i32.const(RFLAGS.af | RFLAGS.cf)));
}

/** DAA and DAS (SDM Vol 2); OF is undefined and reads as 0. */
function decimalAdjust(b: SemanticsBuilder, sign: 1 | -1): void {
  const flags = b.let(b.flags());
  const al = b.let(b.readRegister(0, 8) as I32);
  const carry = i32.and(flags, i32.const(1));
  const low = b.let(
    i32.or(i32.gtU(i32.and(al, i32.const(15)), i32.const(9)), i32.and(i32.shrU(flags, i32.const(4)), i32.const(1))),
  );
  const high = b.let(i32.or(i32.gtU(al, i32.const(0x99)), carry));
  // DAS borrows already in the low step when AL is below 6.
  const borrow = sign < 0 ? i32.and(low, i32.ltU(al, i32.const(6))) : i32.const(0);
  const amount = i32.add(i32.mul(low, i32.const(6)), i32.mul(high, i32.const(0x60)));
  const result = b.let(i32.and(sign > 0 ? i32.add(al, amount) : i32.sub(al, amount), i32.const(0xff)));
  const carryOut = b.let(i32.or(high, borrow));
  b.writeRegister(0, 8, result);
  b.setExplicitFlags(i32.or(i32.or(resultFlags(BYTE, result), carryOut), i32.shl(low, i32.const(4))));
}

export const decimal: SemanticsTable = {
  aaa: { write: (b) => asciiAdjust(b, 0x106) },
  aas: { write: (b) => asciiAdjust(b, -0x106) },
  daa: { write: (b) => decimalAdjust(b, 1) },
  das: { write: (b) => decimalAdjust(b, -1) },
  aam: {
    write: (b) => {
      const base = b.let(i32.and(b.read(0) as I32, i32.const(0xff)));
      b.code.if(i32.eqz(base), () => b.raise(0));
      const al = b.let(b.readRegister(0, 8) as I32);
      const low = b.let(i32.remU(al, base));
      b.writeRegister(0, 16, i32.or(low, i32.shl(i32.divU(al, base), i32.const(8))));
      b.setExplicitFlags(resultFlags(BYTE, low));
    },
  },
  aad: {
    write: (b) => {
      const base = b.let(i32.and(b.read(0) as I32, i32.const(0xff)));
      const ax = b.let(b.readRegister(0, 16) as I32);
      const low = b.let(i32.and(i32.add(ax, i32.mul(i32.shrU(ax, i32.const(8)), base)), i32.const(0xff)));
      b.writeRegister(0, 16, low);
      b.setExplicitFlags(resultFlags(BYTE, low));
    },
  },
};
