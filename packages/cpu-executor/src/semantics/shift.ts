import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { flagAt, replaceFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";
import type { Value } from "./width.ts";

/** The count operand, masked as the processor does: 6 bits for 64-bit operands, else 5 (SDM Vol 2, SAL/SAR/SHL/SHR). */
function count(b: SemanticsBuilder, position: number): I32 {
  return b.let(i32.and(b.read(position) as I32, i32.const(b.shape.bits === 64 ? 63 : 31)));
}

/**
 * Runs the body unless the count is 0: then neither result nor flags change, though memory is still accessed, and a 32-bit
 * register still loses its upper half.
 */
function unlessZero(b: SemanticsBuilder, masked: I32, value: Value, body: () => void): void {
  const unchanged = b.shape.bits === 32 && b.operand(0).kind !== "memory" ? () => b.write(0, value) : undefined;
  if (masked.immediate.kind === "i32") {
    if (masked.immediate.value !== 0) body();
    else unchanged?.();
    return;
  }
  b.code.if(masked, body, unchanged);
  b.forgetFlags();
}

const shift =
  (operation: "shl" | "shrU" | "shrS") =>
  (b: SemanticsBuilder): void => {
    const w = b.width;
    const masked = count(b, 1);
    const { value, write } = b.modify(0);
    unlessZero(b, masked, value, () => {
      // The last bit shifted out comes from the value shifted one place less.
      const almost = b.let(w[operation](value, w.from32(i32.sub(masked, i32.const(1)))) as Value);
      const result = b.let(w[operation](almost, w.const(1)) as Value);
      write(result);
      b.setFlags(operation === "shl" ? "shl" : "shr", result, almost);
    });
  };

const rotate =
  (direction: "rotl" | "rotr") =>
  (b: SemanticsBuilder): void => {
    const w = b.width;
    const masked = count(b, 1);
    const { value, write } = b.modify(0);
    unlessZero(b, masked, value, () => {
      const places = w.from32(w.bits < 32 ? i32.and(masked, i32.const(w.bits - 1)) : masked);
      const result = b.let(w[direction](value, places) as Value);
      write(result);
      const top = w.sign(result);
      const carry = direction === "rotl" ? i32.and(w.low32(result), i32.const(1)) : top;
      const other = direction === "rotl" ? top : w.sign(w.shl(result, w.const(1)));
      replaceFlags(b, RFLAGS.cf | RFLAGS.of, i32.or(carry, flagAt(i32.xor(carry, other), RFLAGS.of)));
    });
  };

/** RCL and RCR rotate the operand and CF as one number of width + 1 bits. */
const rotateThroughCarry =
  (direction: "left" | "right") =>
  (b: SemanticsBuilder): void => {
    const w = b.width;
    const masked = count(b, 1);
    const { value, write } = b.modify(0);
    unlessZero(b, masked, value, () => {
      const carryIn = b.let(i64.extendU(b.carry()));
      const [result, carry] =
        w.bits === 64
          ? wide(b, direction, value as I64, carryIn, masked)
          : narrow(b, direction, value, carryIn, masked);
      write(result);
      const second = direction === "left" ? carry : w.sign(w.shl(result, w.const(1)));
      replaceFlags(b, RFLAGS.cf | RFLAGS.of, i32.or(carry, flagAt(i32.xor(w.sign(result), second), RFLAGS.of)));
    });
  };

function narrow(
  b: SemanticsBuilder,
  direction: "left" | "right",
  value: Value,
  carryIn: I64,
  masked: I32,
): [Value, I32] {
  const w = b.width;
  const total = w.bits + 1;
  const places = b.let(i64.extendU(w.bits === 32 ? masked : i32.remU(masked, i32.const(total))));
  const joined = b.let(i64.or(w.zeroExtend64(value), i64.shl(carryIn, i64.const(w.bits))));
  const back = i64.sub(i64.const(total), places);
  const rotated = b.let(
    direction === "left"
      ? i64.or(i64.shl(joined, places), i64.shrU(joined, back))
      : i64.or(i64.shrU(joined, places), i64.shl(joined, back)),
  );
  const carry = b.let(i32.wrap(i64.and(i64.shrU(rotated, i64.const(w.bits)), i64.const(1))));
  return [b.let(w.from64(rotated)), carry];
}

function wide(b: SemanticsBuilder, direction: "left" | "right", value: I64, carryIn: I64, masked: I32): [Value, I32] {
  const places = b.let(i64.extendU(masked));
  const less = i64.sub(places, i64.const(1));
  const back = i64.sub(i64.const(64), places);
  // Shifting by one first keeps the second shift below 64, where WebAssembly would wrap it.
  const result =
    direction === "left"
      ? i64.or(i64.or(i64.shl(value, places), i64.shl(carryIn, less)), i64.shrU(i64.shrU(value, i64.const(1)), back))
      : i64.or(i64.or(i64.shrU(value, places), i64.shl(carryIn, back)), i64.shl(i64.shl(value, i64.const(1)), back));
  const out = direction === "left" ? i64.shrU(value, back) : i64.shrU(value, less);
  const carry = b.let(i32.and(i32.wrap(out), i32.const(1)));
  return [b.let(result), carry];
}

/** SHLD and SHRD: the destination moves, bits of the second operand come in. */
const doubleShift =
  (direction: "left" | "right") =>
  (b: SemanticsBuilder): void => {
    const w = b.width;
    const masked = count(b, 2);
    const { value, write } = b.modify(0);
    const other = b.let(b.read(1));
    unlessZero(b, masked, value, () => {
      const places = b.let(w.from32(masked));
      const back = w.sub(w.const(w.bits), places);
      const less = w.from32(i32.sub(masked, i32.const(1)));
      const left = direction === "left";
      let result: Value;
      if (w.bits === 16) {
        // Counts above 16 are undefined; this rotates the pair as the 32-bit datapath of processors does.
        const pair = left
          ? i32.or(i32.shl(value as I32, i32.const(16)), other as I32)
          : i32.or(i32.shl(other as I32, i32.const(16)), value as I32);
        result = left
          ? i32.shrU(i32.rotl(pair, masked), i32.const(16))
          : i32.and(i32.rotr(pair, masked), i32.const(0xffff));
      } else {
        result = left
          ? w.or(w.shl(value, places), w.shrU(other, back))
          : w.or(w.shrU(value, places), w.shl(other, back));
      }
      const kept = b.let(result);
      write(kept);
      b.setFlags(left ? "shl" : "shr", kept, b.let((left ? w.shl(value, less) : w.shrU(value, less)) as Value));
    });
  };

export const shifts: SemanticsTable = {
  shl: { write: shift("shl") },

  shr: { write: shift("shrU") },
  sar: { write: shift("shrS") },
  rol: { write: rotate("rotl") },
  ror: { write: rotate("rotr") },
  rcl: { write: rotateThroughCarry("left") },
  rcr: { write: rotateThroughCarry("right") },
  shld: { write: doubleShift("left") },
  shrd: { write: doubleShift("right") },
};
