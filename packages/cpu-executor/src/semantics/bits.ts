import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { replaceFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";
import type { Value } from "./width.ts";

type Change = (b: SemanticsBuilder, value: Value, mask: Value) => Value;

/**
 * The bit tests. With a register as bit offset and memory as base the offset is signed and reaches beyond the operand
 * (SDM Vol 2, BT); everywhere else it is taken modulo the operand size.
 */
function bitTest(b: SemanticsBuilder, change: Change | undefined): void {
  const w = b.width;
  const given = b.read(1);
  const offset = b.let(b.widthOfOperand(1).bits === w.bits ? given : w.from32(given as I32));
  const position = b.let(w.and(offset, w.const(w.bits - 1)));
  const inMemory = b.operand(0).kind === "memory";
  let value: Value;
  let write: ((v: Value) => void) | undefined;
  if (inMemory && b.operand(1).kind === "register") {
    const log2Bits = 31 - Math.clz32(w.bits);
    const units = i64.shrS(w.signExtend64(offset), i64.const(log2Bits));
    const address = b.let(b.addressTruncate(i64.add(b.effectiveAddress(), i64.mul(units, i64.const(w.bytes)))));
    const linear = b.operandLinear(address, w.bytes, change === undefined ? "read" : "write");
    if (change === undefined) {
      value = b.load(w, linear);
    } else {
      const probe = b.probe(w, linear);
      value = b.loadProbed(w, probe);
      write = (v) => b.storeProbed(w, probe, v);
    }
  } else if (change === undefined) {
    value = b.let(b.read(0));
  } else {
    const modified = b.modify(0);
    value = modified.value;
    write = modified.write;
  }
  const bit = b.let(i32.and(w.low32(w.shrU(value, position)), i32.const(1)));
  if (change !== undefined && write !== undefined) write(b.let(change(b, value, w.shl(w.const(1), position))));
  replaceFlags(b, RFLAGS.cf, bit);
}

/** BSF and BSR leave the destination alone for a zero source, and only ZF is defined. */
function bitScan(b: SemanticsBuilder, direction: "forward" | "reverse"): void {
  const w = b.width;
  const source = b.let(b.read(1));
  const wide = b.let(w.zeroExtend64(source));
  const found = direction === "forward" ? i64.ctz(wide) : i64.sub(i64.const(63), i64.clz(wide));
  const zero = b.let(w.eqz(source));
  b.code.if(i32.eqz(zero), () => b.write(0, w.from64(found)));
  replaceFlags(b, RFLAGS.zf, i32.shl(zero, i32.const(6)));
}

/** TZCNT and LZCNT: CF for a zero source, ZF for a zero result; the others are undefined and keep their values. */
function countZeros(b: SemanticsBuilder, end: "trailing" | "leading"): void {
  const w = b.width;
  const source = b.let(b.read(1));
  const wide = b.let(w.zeroExtend64(source));
  const zero = b.let(w.eqz(source));
  const counted =
    end === "trailing" ? i64.ctz(i64.or(wide, limitBit(w.bits))) : i64.sub(i64.clz(wide), i64.const(64 - w.bits));
  const result = b.let(w.from64(counted));
  b.write(0, result);
  replaceFlags(b, RFLAGS.cf | RFLAGS.zf, i32.or(zero, i32.shl(w.eqz(result), i32.const(6))));
}

/** A bit just above the operand, so that counting stops at its width; 64-bit counts stop by themselves. */
const limitBit = (bits: number): I64 => i64.const(bits === 64 ? 0n : 1n << BigInt(bits));

/** One step of CRC32-C for a byte, reflected polynomial 0x11EDC6F41 (SDM Vol 2, CRC32). */
function crcByte(b: SemanticsBuilder, crc: I32, byte: I32): I32 {
  let value = b.let(i32.xor(crc, byte));
  for (let i = 0; i < 8; i++) {
    const dropped = i32.sub(i32.const(0), i32.and(value, i32.const(1)));
    value = b.let(i32.xor(i32.shrU(value, i32.const(1)), i32.and(dropped, i32.const(0x82f63b78 | 0))));
  }
  return value;
}

const change =
  (write: Change) =>
  (b: SemanticsBuilder): void =>
    bitTest(b, write);

export const bitInstructions: SemanticsTable = {
  bt: { write: (b) => bitTest(b, undefined) },
  bts: { write: change((b, value, mask) => b.width.or(value, mask)) },
  btr: { write: change((b, value, mask) => b.width.and(value, b.width.not(mask))) },
  btc: { write: change((b, value, mask) => b.width.xor(value, mask)) },
  bsf: { write: (b) => bitScan(b, "forward") },
  bsr: { write: (b) => bitScan(b, "reverse") },
  tzcnt: { write: (b) => countZeros(b, "trailing") },
  lzcnt: { write: (b) => countZeros(b, "leading") },
  popcnt: {
    write: (b) => {
      const w = b.width;
      const source = b.let(b.read(1));
      b.write(0, w.from64(i64.popcnt(w.zeroExtend64(source))));
      b.setExplicitFlags(i32.shl(w.eqz(source), i32.const(6)));
    },
  },
  crc32: {
    write: (b) => {
      const from = b.widthOfOperand(1);
      const source = b.let(from.zeroExtend64(b.let(b.read(1))));
      let crc = b.let(b.widthOfOperand(0).low32(b.read(0)));
      for (let i = 0; i < from.bytes; i++) {
        crc = crcByte(b, crc, i32.and(i32.wrap(i64.shrU(source, i64.const(8 * i))), i32.const(0xff)));
      }
      b.write(0, b.widthOfOperand(0).from32(crc));
    },
  },
};
