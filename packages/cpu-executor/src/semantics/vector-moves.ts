import { type I32, type I64, i32, i64, load, v128 } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import {
  type Alignment,
  checkSse,
  checkVector,
  checkWith,
  enterMmx,
  isMmx,
  markMmx,
  perform,
  probeAt,
  sourceAddress,
  targetAddress,
} from "./vector-access.ts";

const kindOf = (b: SemanticsBuilder, position: number): string => b.operand(position).kind;

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** Sixteen bytes from the second operand to the first. */
const whole = (alignment: Alignment): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1, alignment);
    const target = targetAddress(b, 0, alignment);
    b.code.store("v128", target.address, v128.load(source));
    target.commit();
  });

/** A store of an MMX register that faults has cleared TOP; MASKMOVQ has set the tags too. Seen on Intel's processors. */
function clearTop(b: SemanticsBuilder): void {
  if (isMmx(b)) b.contextStore(FPU.top, 32, i32.const(0));
}

/** Non-temporal stores and loads of MMX and SSE registers, and MOVQ of MMX registers. */
function quadword(b: SemanticsBuilder): void {
  if (kindOf(b, 0) === "memory") clearTop(b);
  const source = sourceAddress(b, 1);
  const target = targetAddress(b, 0);
  const value = b.let(load.i64(source));
  enterMmx(b);
  b.code.store("i64", target.address, value);
  if (kindOf(b, 0) === "mmx") markMmx(b, target.address);
  target.commit();
}

/** MOVSS and MOVSD: between registers the upper part stays, from memory it becomes 0. */
const scalar = (bytes: 4 | 8): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1);
    const target = targetAddress(b, 0);
    const value = b.let(bytes === 8 ? load.i64(source) : load.u32to64(source));
    if (kindOf(b, 1) === "memory") storeWide(b, target.address, value);
    else b.code.store(bytes === 8 ? "i64" : "i64to32", target.address, value);
    target.commit();
  });

function storeWide(b: SemanticsBuilder, address: I32, low: I64): void {
  b.code.store("i64", address, low);
  b.code.store("i64", address, i64.const(0), 8);
}

/** Eight bytes between half of a register and memory or half of another register. */
const half = (registerHalf: 0 | 8, otherHalf: 0 | 8): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const store = kindOf(b, 0) === "memory";
    const source = sourceAddress(b, 1);
    const target = targetAddress(b, 0);
    const from = store ? registerHalf : kindOf(b, 1) === "memory" ? 0 : otherHalf;
    b.code.store("i64", target.address, load.i64(source, from), store ? 0 : registerHalf);
    target.commit();
  });

/** MOVD and MOVQ: between vector or MMX registers, memory and general registers. */
const doublewordOrQuadword: SemanticsEntry = entry((b) => {
  checkVector(b);
  const to = kindOf(b, 0);
  const from = kindOf(b, 1);
  const isVector = (kind: string): boolean => kind === "vector" || kind === "mmx";
  if (isVector(from) && isVector(to)) {
    if (isMmx(b)) quadword(b);
    else storeWide(b, sourceAddress(b, 0), load.i64(sourceAddress(b, 1)));
  } else if (isVector(to)) {
    const width = b.widthOfOperand(1);
    const value = b.let(width.zeroExtend64(b.read(1)));
    const target = sourceAddress(b, 0);
    enterMmx(b);
    if (to === "mmx") {
      b.code.store("i64", target, value);
      markMmx(b, target);
    } else storeWide(b, target, value);
  } else {
    const width = b.widthOfOperand(0);
    clearTop(b);
    const source = sourceAddress(b, 1);
    b.write(0, b.let(width.load(source)));
    enterMmx(b);
  }
});

/** The sign bits of lanes as an integer in a general register. */
const mask = (lane: "i8x16_bitmask" | "i32x4_bitmask" | "i64x2_bitmask"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1);
    enterMmx(b);
    const bits = v128.test(lane, isMmx(b) ? v128.load64(source) : v128.load(source));
    b.write(0, b.widthOfOperand(0).from32(bits));
  });

/** MASKMOVQ and MASKMOVDQU: bytes whose mask byte is negative go to memory at DS:rDI. */
const maskedMove: SemanticsEntry = entry((b) => {
  checkVector(b);
  enterMmx(b);
  const bytes = isMmx(b) ? 8 : 16;
  const value = sourceAddress(b, 0);
  const mask = sourceAddress(b, 1);
  const linear = b.let(b.operandLinear(b.let(b.addressTruncate(b.readRegister(7, 64) as I64)), bytes, "write"));
  const target = probeAt(b, linear, bytes);
  const isCopy = i32.eq(target.address, i32.add(b.contextAddress(), i32.const(FPU.buffer)));
  b.code.if(isCopy, () => {
    const status = b.let(
      b.code.call("i32", b.routine("memory_read_slow"), b.contextAddress(), linear, i32.const(bytes)),
    );
    b.code.if(i32.eqz(status), () => b.fail(load.i32(b.contextAddress(), FPU.accessStatus)));
  });
  perform(b, "masked_store", target.address, value, mask, i32.const(bytes));
  target.commit();
});

const MMX_AND_BACK: SemanticsTable = {
  movq2dq: entry((b) => {
    checkSse(b);
    checkVector(b);
    enterMmx(b);
    storeWide(b, sourceAddress(b, 0), load.i64(sourceAddress(b, 1)));
  }),
  movdq2q: entry((b) => {
    checkSse(b);
    checkVector(b);
    enterMmx(b);
    const target = sourceAddress(b, 0);
    b.code.store("i64", target, load.i64(sourceAddress(b, 1)));
    markMmx(b, target);
  }),
  movntq: entry((b) => {
    checkVector(b);
    quadword(b);
  }),
  emms: entry((b) => {
    checkWith(b, "mmx_check");
    perform(b, "mmx_enter");
    b.contextStore(FPU.tags, 32, i32.const(0));
  }),
};

export const vectorMoves: SemanticsTable = {
  movaps: whole("aligned"),
  movapd: whole("aligned"),
  movdqa: whole("aligned"),
  movntps: whole("aligned"),
  movntpd: whole("aligned"),
  movntdq: whole("aligned"),
  movntdqa: whole("aligned"),
  movups: whole("unaligned"),
  movupd: whole("unaligned"),
  movdqu: whole("unaligned"),
  lddqu: whole("unaligned"),
  movss: scalar(4),
  "movsd.scalar": scalar(8),
  movlps: half(0, 8),
  movlpd: half(0, 8),
  movhlps: half(0, 8),
  movhps: half(8, 0),
  movhpd: half(8, 0),
  movlhps: half(8, 0),
  movd: doublewordOrQuadword,
  movq: doublewordOrQuadword,
  movddup: entry((b) => {
    checkVector(b);
    const value = b.let(load.i64(sourceAddress(b, 1)));
    b.code.store("v128", sourceAddress(b, 0), v128.splat64(value));
  }),
  movmskps: mask("i32x4_bitmask"),
  movmskpd: mask("i64x2_bitmask"),
  pmovmskb: mask("i8x16_bitmask"),
  maskmovq: maskedMove,
  maskmovdqu: maskedMove,
  ...MMX_AND_BACK,
};
