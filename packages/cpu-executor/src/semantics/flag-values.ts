import { type I32, i32 } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { Value, Width } from "./width.ts";

/** A 0-or-1 value moved to a flag's position. */
export const flagAt = (bit: I32, flag: number): I32 => i32.shl(bit, i32.const(31 - Math.clz32(flag)));

/** ZF, SF and PF of a result, at their RFLAGS positions. */
export function resultFlags(width: Width, result: Value): I32 {
  const even = i32.eqz(i32.and(i32.popcnt(i32.and(width.low32(result), i32.const(0xff))), i32.const(1)));
  return i32.or(
    i32.or(flagAt(width.eqz(result), RFLAGS.zf), flagAt(width.sign(result), RFLAGS.sf)),
    flagAt(even, RFLAGS.pf),
  );
}

/**
 * Flags of an addition or subtraction from its vector of carries (or borrows) out of each bit: CF is the last one, OF the
 * last two's difference, AF the carry out of bit 3 (SDM Vol 1, 3.4.3.1).
 */
export function setCarryFlags(b: SemanticsBuilder, width: Width, result: Value, carries: Value): void {
  const kept = b.let(carries);
  const overflow = width.sign(width.xor(kept, width.shl(kept, width.const(1))));
  const adjust = i32.shl(i32.and(width.low32(kept), i32.const(8)), i32.const(1));
  b.setExplicitFlags(
    i32.or(i32.or(resultFlags(width, result), width.sign(kept)), i32.or(flagAt(overflow, RFLAGS.of), adjust)),
  );
}

/** Replaces some arithmetic flags and keeps the others. */
export function replaceFlags(b: SemanticsBuilder, mask: number, flags: I32): void {
  b.setExplicitFlags(i32.or(i32.and(b.flags(), i32.const(~mask)), flags));
}
