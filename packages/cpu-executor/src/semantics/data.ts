import { type I32, type I64, i32, i64, select } from "@likex/wasm-emitter";
import { CONDITIONS } from "../flags.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { type Bits, type Value, widthOf } from "./width.ts";

/** The source's value in the destination's width. */
function extended(b: SemanticsBuilder, how: "zero" | "sign"): Value {
  const from = b.widthOfOperand(1);
  const to = b.widthOfOperand(0);
  const value = b.let(b.read(1));
  return to.from64(how === "sign" ? from.signExtend64(value) : from.zeroExtend64(value));
}

/** The value with its bytes in reverse order. */
function bswap(b: SemanticsBuilder, value: Value): Value {
  const w = b.width;
  const first = b.let(value);
  if (w.bits === 16) return w.rotl(first, w.const(8));
  const swapIn = (v: Value, mask: bigint, places: number): Value =>
    w.or(w.shl(w.and(v, w.const(mask)), w.const(places)), w.and(w.shrU(v, w.const(places)), w.const(mask)));
  const pairs = b.let(swapIn(first, 0x00ff00ff00ff00ffn, 8));
  if (w.bits === 32) return w.rotl(pairs, w.const(16));
  return w.rotl(b.let(swapIn(pairs, 0x0000ffff0000ffffn, 16)), w.const(32));
}

/** CBW, CWDE, CDQE: rAX from its lower half. */
const widenAccumulator =
  (bits: 16 | 32 | 64): SemanticsEntry["write"] =>
  (b) => {
    const half = widthOf((bits / 2) as Bits);
    b.writeRegister(0, bits, widthOf(bits).from64(half.signExtend64(b.readRegister(0, half.bits))));
  };

/** CWD, CDQ, CQO: rDX from the sign of rAX. */
const signToData =
  (bits: 16 | 32 | 64): SemanticsEntry["write"] =>
  (b) => {
    const w = widthOf(bits);
    b.writeRegister(2, bits, w.shrS(b.readRegister(0, bits), w.const(bits - 1)));
  };

export const data: SemanticsTable = {
  // Only MOV from a segment register has operands of two sizes: the selector is zero-extended.
  mov: { write: (b) => b.write(0, b.let(b.operand(0).bits === b.operand(1).bits ? b.read(1) : extended(b, "zero"))) },
  movzx: { write: (b) => b.write(0, extended(b, "zero")) },
  movsx: { write: (b) => b.write(0, extended(b, "sign")) },
  movsxd: { write: (b) => b.write(0, extended(b, "sign")) },
  lea: { write: (b) => b.write(0, b.width.from64(b.effectiveAddress())) },
  xchg: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const other = b.let(b.read(1));
      write(other);
      b.write(1, value);
    },
  },
  cbw: { write: widenAccumulator(16) },
  cwde: { write: widenAccumulator(32) },
  cdqe: { write: widenAccumulator(64) },
  cwd: { write: signToData(16) },
  cdq: { write: signToData(32) },
  cqo: { write: signToData(64) },
  // A 16-bit BSWAP is undefined; processors clear the register (SDM Vol 2, BSWAP).
  bswap: { write: (b) => b.write(0, b.shape.bits === 16 ? i32.const(0) : bswap(b, b.read(0))) },
  movbe: { write: (b) => b.write(0, b.let(bswap(b, b.read(1)))) },
  xlatb: {
    write: (b) => {
      const index = i64.add(b.readRegister(3, 64) as I64, i64.extendU(b.readRegister(0, 8) as I32));
      const value = b.load(widthOf(8), b.operandLinear(b.let(b.addressTruncate(index)), 1));
      b.writeRegister(0, 8, value);
    },
  },
  // A hint about caches that there are not: a plain store.
  movnti: { write: (b) => b.write(0, b.let(b.read(1))) },
  nop: { write: () => {} },
  ...Object.fromEntries(
    CONDITIONS.flatMap((condition, number): [string, SemanticsEntry][] => [
      [`set${condition}`, { write: (b) => b.write(0, b.let(b.condition(number))) }],
      [
        `cmov${condition}`,
        {
          // The source is read whatever the condition, and a 32-bit destination is always zero-extended.
          write: (b) => {
            const source = b.let(b.read(1));
            const old = b.let(b.read(0));
            b.write(0, select(b.condition(number), source, old));
          },
        },
      ],
    ]),
  ),
};
