import { type I64, i32, load, v128 } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { Lane, Place } from "./place.ts";
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
  register,
  source,
  target,
} from "./vector-access.ts";

const kindOf = (b: SemanticsBuilder, position: number): string => b.operand(position).kind;

const LANES: readonly Lane[] = ["s", "d"];

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** Sixteen bytes from the second operand to the first. */
const whole = (alignment: Alignment): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const from = source(b, 1, alignment);
    const { place, commit } = target(b, 0, alignment);
    const known = LANES.filter((lane) => from.isUsual(lane));
    place.setVector(from.vector());
    for (const lane of known) place.setUsual(lane);
    commit();
  });

/** A store of an MMX register that faults has cleared TOP; MASKMOVQ has set the tags too. Seen on Intel's processors. */
function clearTop(b: SemanticsBuilder): void {
  if (isMmx(b)) b.contextStore(FPU.top, 32, i32.const(0));
}

/** Non-temporal stores and loads of MMX and SSE registers, and MOVQ of MMX registers. */
function quadword(b: SemanticsBuilder): void {
  if (kindOf(b, 0) === "memory") clearTop(b);
  const from = source(b, 1);
  const { place, commit } = target(b, 0);
  const value = b.let(from.i64());
  enterMmx(b);
  place.setI64(value);
  if (kindOf(b, 0) === "mmx") markMmx(b, place);
  commit();
}

/** MOVSS and MOVSD: between registers the upper part stays, from memory it becomes 0. */
const scalar = (bytes: 4 | 8): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const lane = bytes === 8 ? "d" : "s";
    const from = source(b, 1);
    const { place, commit } = target(b, 0);
    if (kindOf(b, 1) === "memory") place.setVector(bytes === 8 ? from.low() : v128.load32(from.address()));
    else {
      const isUsual = from.isUsual(lane);
      if (bytes === 8) place.setF64(from.f64());
      else place.setF32(from.f32());
      if (isUsual) place.setUsual(lane);
    }
    commit();
  });

/** Eight bytes and zeros above them. */
function setWide(place: Place, low: I64): void {
  place.setVector(v128.withLane64(v128.constant(0n, 0n), 0, low));
}

/** Eight bytes between half of a register and memory or half of another register. */
const half = (registerHalf: 0 | 8, otherHalf: 0 | 8): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const store = kindOf(b, 0) === "memory";
    const from = source(b, 1);
    const { place, commit } = target(b, 0);
    const half = store ? registerHalf : kindOf(b, 1) === "memory" ? 0 : otherHalf;
    place.setI64(from.i64(half), store ? 0 : registerHalf);
    commit();
  });

/** MOVD and MOVQ: between vector or MMX registers, memory and general registers. */
const doublewordOrQuadword: SemanticsEntry = entry((b) => {
  checkVector(b);
  const to = kindOf(b, 0);
  const from = kindOf(b, 1);
  const isVector = (kind: string): boolean => kind === "vector" || kind === "mmx";
  if (isVector(from) && isVector(to)) {
    if (isMmx(b)) quadword(b);
    else register(b, 0).setVector(source(b, 1).low());
  } else if (isVector(to)) {
    const width = b.widthOfOperand(1);
    const value = b.let(width.zeroExtend64(b.read(1)));
    const place = register(b, 0);
    enterMmx(b);
    if (to === "mmx") {
      place.setI64(value);
      markMmx(b, place);
    } else setWide(place, value);
  } else {
    const width = b.widthOfOperand(0);
    clearTop(b);
    const place = register(b, 1);
    b.write(0, b.let(width.bits === 64 ? place.i64() : place.i32()));
    enterMmx(b);
  }
});

/** The sign bits of lanes as an integer in a general register. */
const mask = (lane: "i8x16_bitmask" | "i32x4_bitmask" | "i64x2_bitmask"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const from = register(b, 1);
    enterMmx(b);
    const bits = v128.test(lane, isMmx(b) ? from.low() : from.vector());
    b.write(0, b.widthOfOperand(0).from32(bits));
  });

/** MASKMOVQ and MASKMOVDQU: bytes whose mask byte is negative go to memory at DS:rDI. */
const maskedMove: SemanticsEntry = entry((b) => {
  checkVector(b);
  enterMmx(b);
  const bytes = isMmx(b) ? 8 : 16;
  const value = register(b, 0).address();
  const mask = register(b, 1).address();
  const linear = b.let(b.operandLinear(b.let(b.addressTruncate(b.readRegister(7, 64) as I64)), bytes, "write"));
  const { address, commit } = probeAt(b, linear, bytes);
  b.code.if(b.isBuffer(address), () => {
    const status = b.let(
      b.code.call("i32", b.routine("memory_read_slow"), b.contextAddress(), linear, i32.const(bytes)),
    );
    b.code.if(i32.eqz(status), () => b.fail(load.i32(b.contextAddress(), FPU.accessStatus)));
  });
  perform(b, "masked_store", address, value, mask, i32.const(bytes));
  commit();
});

const MMX_AND_BACK: SemanticsTable = {
  movq2dq: entry((b) => {
    checkSse(b);
    checkVector(b);
    enterMmx(b);
    register(b, 0).setVector(register(b, 1).low());
  }),
  movdq2q: entry((b) => {
    checkSse(b);
    checkVector(b);
    enterMmx(b);
    const place = register(b, 0);
    place.setI64(register(b, 1).i64());
    markMmx(b, place);
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
    const from = source(b, 1);
    register(b, 0).setVector(v128.splat64(from.i64()));
  }),
  movmskps: mask("i32x4_bitmask"),
  movmskpd: mask("i64x2_bitmask"),
  pmovmskb: mask("i8x16_bitmask"),
  maskmovq: maskedMove,
  maskmovdqu: maskedMove,
  ...MMX_AND_BACK,
};
