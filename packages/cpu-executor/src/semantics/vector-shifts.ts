import { constantOf, type I64, i32, i64, select, type V128, type VectorShift, v128 } from "@likex/wasm-emitter";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkVector, enterMmx, register, source } from "./vector-access.ts";
import { setVector, vectorOf } from "./vector-packed.ts";

/** All 64 bits of a count operand count (SDM Vol 2, PSLLW). */
function countOf(b: SemanticsBuilder): I64 {
  if (b.operand(1).kind === "immediate")
    return i64.extendU(i32.and(b.widthOfOperand(1).low32(b.read(1)), i32.const(255)));
  return source(b, 1, "aligned").i64();
}

/** A count that is known needs no comparison. */
function shiftedBy(name: VectorShift, bits: number, value: V128, count: number): V128 {
  if (count < bits) return v128.shift(name, value, i32.const(count));
  return name.endsWith("shr_s") ? v128.shift(name, value, i32.const(bits - 1)) : v128.constant(0n, 0n);
}

const shift = (name: VectorShift, bits: 16 | 32 | 64): SemanticsEntry => ({
  extension: true,
  write: (b) => {
    checkVector(b);
    const count = b.let(countOf(b));
    const target = register(b, 0);
    enterMmx(b);
    const value = vectorOf(b, target);
    const known = constantOf(count);
    if (known !== undefined) {
      setVector(b, target, shiftedBy(name, bits, value, Number(known)));
      return;
    }
    const beyond = i64.gtU(count, i64.const(bits - 1));
    const shifted = (by: typeof beyond): V128 => v128.shift(name, value, by);
    const result = name.endsWith("shr_s")
      ? shifted(select(beyond, i32.const(bits - 1), i32.wrap(count)))
      : select(beyond, v128.constant(0n, 0n), shifted(i32.wrap(count)));
    setVector(b, target, result);
  },
});

/** Shifts of lanes by one count, from a register, memory or an immediate. */
export const vectorShifts: SemanticsTable = {
  psllw: shift("i16x8_shl", 16),
  pslld: shift("i32x4_shl", 32),
  psllq: shift("i64x2_shl", 64),
  psrlw: shift("i16x8_shr_u", 16),
  psrld: shift("i32x4_shr_u", 32),
  psrlq: shift("i64x2_shr_u", 64),
  psraw: shift("i16x8_shr_s", 16),
  psrad: shift("i32x4_shr_s", 32),
};
