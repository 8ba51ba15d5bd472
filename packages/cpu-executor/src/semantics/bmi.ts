import { type I32, i32, select } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { flagAt } from "./flag-values.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import type { Value } from "./width.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** SF and ZF of the result, a carry, and OF = 0; the manual leaves AF and PF undefined. */
function setFlags(b: SemanticsBuilder, result: Value, carry: I32): void {
  const w = b.width;
  b.setExplicitFlags(i32.or(i32.or(flagAt(w.eqz(result), RFLAGS.zf), flagAt(w.sign(result), RFLAGS.sf)), carry));
}

/** BLSR, BLSMSK, BLSI: the lowest set bit. CF tells whether the source was 0, for BLSI whether it was not. */
const lowestBit = (operation: (b: SemanticsBuilder, source: Value) => Value, carryWhenZero: boolean): SemanticsEntry =>
  entry((b) => {
    const w = b.width;
    const source = b.let(b.read(1));
    const result = b.let(operation(b, source));
    b.write(0, result);
    setFlags(b, result, carryWhenZero ? w.eqz(source) : i32.eqz(w.eqz(source)));
  });

/** Shifts that leave the flags alone; the count is taken modulo the operand size. */
const shift = (name: "shl" | "shrU" | "shrS"): SemanticsEntry =>
  entry((b) => {
    const w = b.width;
    const source = b.let(b.read(1));
    const count = b.let(w.and(b.read(2), w.const(w.bits - 1)));
    b.write(0, w[name](source, count));
  });

/** PEXT and PDEP: bits gathered or scattered by a mask, one of its bits after the other. */
const byMask = (routine: "gather_bits" | "scatter_bits"): SemanticsEntry =>
  entry((b) => {
    const w = b.width;
    const mask = b.let(w.zeroExtend64(b.read(2)));
    const source = b.let(w.zeroExtend64(b.read(1)));
    b.write(0, w.from64(b.code.call("i64", b.routine(routine), source, mask)));
  });

/** Instructions on general registers in VEX encoding. */
export const bmi: SemanticsTable = {
  andn: entry((b) => {
    const w = b.width;
    const inverted = b.let(w.not(b.read(1)));
    const result = b.let(w.and(inverted, b.read(2)));
    b.write(0, result);
    setFlags(b, result, i32.const(0));
  }),
  blsr: lowestBit((b, s) => b.width.and(s, b.width.sub(s, b.width.const(1))), true),
  blsmsk: lowestBit((b, s) => b.width.xor(s, b.width.sub(s, b.width.const(1))), true),
  blsi: lowestBit((b, s) => b.width.and(s, b.width.sub(b.width.const(0), s)), false),
  bextr: entry((b) => {
    const w = b.width;
    const source = b.let(b.read(1));
    const control = b.let(w.low32(b.read(2)));
    const start = b.let(i32.and(control, i32.const(255)));
    const length = b.let(i32.and(i32.shrU(control, i32.const(8)), i32.const(255)));
    const shifted = b.let(select(i32.ltU(start, i32.const(w.bits)), w.shrU(source, w.from32(start)), w.const(0)));
    const low = w.and(shifted, w.sub(w.shl(w.const(1), w.from32(length)), w.const(1)));
    const result = b.let(select(i32.ltU(length, i32.const(w.bits)), low, shifted));
    b.write(0, result);
    b.setExplicitFlags(flagAt(w.eqz(result), RFLAGS.zf));
  }),
  bzhi: entry((b) => {
    const w = b.width;
    const source = b.let(b.read(1));
    const index = b.let(i32.and(w.low32(b.read(2)), i32.const(255)));
    const beyond = b.let(i32.geU(index, i32.const(w.bits)));
    const low = w.and(source, w.sub(w.shl(w.const(1), w.from32(index)), w.const(1)));
    const result = b.let(select(beyond, source, low));
    b.write(0, result);
    setFlags(b, result, beyond);
  }),
  mulx: entry((b) => {
    const w = b.width;
    const source = b.let(w.zeroExtend64(b.read(2)));
    const multiplier = b.let(w.zeroExtend64(b.readRegister(2, w.bits)));
    const low = b.let(w.mul(w.from64(source), w.from64(multiplier)));
    const high = b.let(
      b.code.call("i64", b.routine(w.bits === 64 ? "multiply_high" : "multiply_high32"), source, multiplier),
    );
    // With one register for both the high half stays (SDM Vol 2, MULX).
    b.write(1, low);
    b.write(0, w.from64(high));
  }),
  pext: byMask("gather_bits"),
  pdep: byMask("scatter_bits"),
  rorx: entry((b) => {
    const w = b.width;
    const source = b.let(b.read(1));
    const count = i32.and(b.widthOfOperand(2).low32(b.read(2)), i32.const(w.bits - 1));
    b.write(0, w.rotr(source, w.from32(count)));
  }),
  shlx: shift("shl"),
  shrx: shift("shrU"),
  sarx: shift("shrS"),
};
