import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { CONTEXT, RFLAGS, SEGMENT_SLOT } from "../context.ts";
import { HELPER, STATUS } from "../status.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsTable } from "./table.ts";
import { widthOf } from "./width.ts";

const PUSHED_ORDER = [0, 1, 2, 3, 4, 5, 6, 7];

/** A selector in a stack slot of 32 bits: only its own 16 are written (SDM Vol 2, PUSH). */
function pushSelector(b: SemanticsBuilder): void {
  const value = b.let(b.read(0));
  const slot = b.stackSlot(-4, 2, "new");
  b.store(widthOf(16), slot.linear, value);
  slot.commit();
}

export const stack: SemanticsTable = {
  push: {
    write: (b) => {
      const from = b.widthOfOperand(0);
      if (b.width.bits === 32 && from.bits === 16) {
        pushSelector(b);
        return;
      }
      b.push(b.width, b.let(b.width.from64(from.zeroExtend64(b.read(0)))));
    },
  },
  pop: {
    write: (b) => {
      const { value, commit } = b.pop(b.width);
      // The pointer moves first: POP rSP keeps the value popped.
      if (b.operand(0).kind === "memory") {
        b.write(0, value);
        commit();
      } else {
        commit();
        b.write(0, value);
      }
    },
  },
  pusha: {
    write: (b) => {
      const w = b.width;
      const values = PUSHED_ORDER.map((register) => b.let(b.readRegister(register, w.bits)));
      const slot = b.stackSlot(-8 * w.bytes, 8 * w.bytes, "new");
      values.forEach((value, i) => {
        b.store(w, i64.add(slot.linear, i64.const((7 - i) * w.bytes)), value);
      });
      slot.commit();
    },
  },
  popa: {
    write: (b) => {
      const w = b.width;
      const slot = b.stackSlot(8 * w.bytes, 8 * w.bytes, "old");
      // From the lowest address up: that is the one that a fault reports.
      const values = PUSHED_ORDER.map((_, i) => b.load(w, i64.add(slot.linear, i64.const(i * w.bytes)))).reverse();
      slot.commit();
      values.forEach((value, register) => {
        if (register !== 4) b.writeRegister(register, w.bits, value);
      });
    },
  },
  // VM and RF read as 0 (SDM Vol 2, PUSHF).
  pushf: {
    write: (b) => {
      const kept = b.let(b.contextLoad(CONTEXT.flagRest, 32) as I32);
      b.code.if(i32.and(kept, i32.const(RFLAGS.vm)), () => b.stop(STATUS.helper, i32.const(HELPER.pushFlags)));
      const rest = i32.and(kept, i32.const(~(RFLAGS.vm | RFLAGS.rf)));
      const all = i32.or(i32.or(rest, b.flags()), i32.const(RFLAGS.fixed));
      b.push(b.width, b.let(b.width.from64(i64.extendU(all))));
    },
  },
  leave: {
    write: (b) => {
      const w = b.width;
      const mask = b.let(i64.shrU(i64.const(-1), i64.extendU(b.contextLoad(CONTEXT.stackShift, 32) as I32)));
      const frame = b.let(i64.and(b.readRegister(5, 64) as I64, mask));
      const value = b.load(w, b.segmentLinear(SEGMENT_SLOT.stack, frame, w.bytes));
      const moved = i64.and(i64.add(frame, i64.const(w.bytes)), mask);
      b.setStackPointer(b.stackPointer(), moved);
      b.writeRegister(5, w.bits, value);
    },
  },
};
