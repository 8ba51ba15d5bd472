import { constantOf, type I32, i32, i64, load, type V128, v128 } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import { STATUS } from "../status.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { knownLanes } from "./known-lanes.ts";
import type { Place } from "./place.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import {
  type Alignment,
  call,
  checkSse,
  checkVector,
  enterMmx,
  isMmx,
  markMmx,
  perform,
  register,
  source,
} from "./vector-access.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** The immediate operand, 0..255. */
export const immediateOf = (b: SemanticsBuilder, position: number): I32 =>
  i32.and(b.widthOfOperand(position).low32(b.read(position)), i32.const(255));

/** Before a routine that collects exceptions: an instruction that failed may have left some. */
export const forgetExceptions = (b: SemanticsBuilder): void => b.contextStore(FPU.found, 32, i32.const(0));

/** Stops with #XM when the value is true. */
export function raiseWhen(b: SemanticsBuilder, value: I32): void {
  b.code.if(value, () => b.stop(STATUS.exception, call(b, "simd_exception")));
}

/** routine(ctx, dst, src) or routine(ctx, dst, src, imm), which cannot fail. */
const lanes = (routine: string, extra: readonly I32[] = [], alignment: Alignment = "aligned"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const from = source(b, 1, alignment);
    const to = register(b, 0);
    const hasImmediate = b.shape.operands.some((o) => o.kind === "immediate");
    const known = hasImmediate ? constantOf(b.read(2)) : undefined;
    enterMmx(b);
    if (known !== undefined && !isMmx(b)) {
      const value = knownLanes(routine, to.vector(), from.vector(), Number(known) & 255);
      if (value !== undefined) {
        to.setVector(value);
        return;
      }
    }
    const name = isMmx(b) && routine === "palignr" ? "palignr_mmx" : routine;
    perform(b, name, to.address(), from.address(), ...(hasImmediate ? [immediateOf(b, 2)] : extra));
    to.written();
    if (isMmx(b)) markMmx(b, to);
  });

/** routine(ctx, dst, src[, imm]) that gives 1 when it raises #XM. */
const floating = (routine: string, alignment: Alignment): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    // Only conversions have an MMX operand; they enter MMX state even when their other operand is in memory.
    if (isMmx(b)) checkVector(b);
    const from = source(b, 1, alignment);
    const to = register(b, 0);
    // The registers become MMX registers even if the conversion raises an exception.
    enterMmx(b);
    generally(b, routine, to, from);
    if (b.operand(0).kind === "mmx") markMmx(b, to);
  });

/** The routine, with everything that may happen. */
export function generally(b: SemanticsBuilder, routine: string, to: Place, from: Place): void {
  const more = b.shape.operands.length > 2 ? [immediateOf(b, 2)] : [];
  forgetExceptions(b);
  raiseWhen(b, call(b, routine, to.address(), from.address(), ...more));
  to.written();
}

/** PEXTRB and its like: a lane, zero-extended to the register or stored. */
const extract = (bits: 8 | 16 | 32 | 64): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const lanes = (isMmx(b) ? 64 : 128) / bits;
    const lane = i32.and(immediateOf(b, 2), i32.const(lanes - 1));
    const at = b.let(i32.add(register(b, 1).address(), i32.mul(lane, i32.const(bits / 8))));
    const value = b.let(
      bits === 64 ? load.i64(at) : bits === 32 ? load.i32(at) : bits === 16 ? load.u16(at) : load.u8(at),
    );
    const width = b.widthOfOperand(0);
    b.write(0, width.bits === 64 && bits !== 64 ? i64.extendU(value as I32) : value);
    enterMmx(b);
  });

const insert = (bits: 8 | 16 | 32 | 64): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const lanes = (isMmx(b) ? 64 : 128) / bits;
    const value = b.let(b.read(1));
    const lane = i32.and(immediateOf(b, 2), i32.const(lanes - 1));
    const to = register(b, 0);
    enterMmx(b);
    const at = i32.add(to.address(), i32.mul(lane, i32.const(bits / 8)));
    if (bits === 64) b.code.store("i64", at, value);
    else {
      const low = b.widthOfOperand(1).low32(value);
      b.code.store(bits === 32 ? "i32" : bits === 16 ? "i32to16" : "i32to8", at, low);
    }
    to.written();
    if (isMmx(b)) markMmx(b, to);
  });

const shiftBytes = (routine: "psrldq" | "pslldq"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const to = register(b, 0);
    const known = constantOf(b.read(1));
    if (known !== undefined) {
      to.setVector(knownLanes(routine, to.vector(), v128.constant(0n, 0n), Number(known) & 255) as V128);
      return;
    }
    perform(b, routine, to.address(), immediateOf(b, 1));
    to.written();
  });

const LANE_ROUTINES = ["pshufd", "pshuflw", "pshufhw", "pshufw", "shufps", "shufpd", "palignr", "pblendw", "blendps"];
const PACKED = [
  ...["min", "max", "cmp", "round"].flatMap((name) => [`${name}ps`, `${name}pd`]),
  "addsubps",
  "addsubpd",
  "haddps",
  "haddpd",
  "hsubps",
  "hsubpd",
  "dpps",
  "dppd",
  "rcpps",
  "rsqrtps",
];
const WHOLE_CONVERSIONS = [
  "cvtdq2ps",
  "cvtpd2ps",
  "cvtps2dq",
  "cvttps2dq",
  "cvtpd2dq",
  "cvttpd2dq",
  "cvtpd2pi",
  "cvttpd2pi",
];
const PART_CONVERSIONS = ["cvtdq2pd", "cvtps2pd", "cvtpi2ps", "cvtpi2pd", "cvtps2pi", "cvttps2pi"];

export const vectorRoutines: SemanticsTable = {
  ...Object.fromEntries([...LANE_ROUTINES, "blendpd", "mpsadbw"].map((name) => [name, lanes(name)])),
  phminposuw: lanes("phminposuw", [i32.const(0)]),
  ...Object.fromEntries([...PACKED, ...WHOLE_CONVERSIONS].map((name) => [name, floating(name, "aligned")])),
  ...Object.fromEntries(
    [...PART_CONVERSIONS, "rcpss", "rsqrtss", "roundss", "roundsd"].map((name) => [name, floating(name, "unaligned")]),
  ),
  pextrb: extract(8),
  pextrw: extract(16),
  pextrd: extract(32),
  pextrq: extract(64),
  extractps: extract(32),
  pinsrb: insert(8),
  pinsrw: insert(16),
  pinsrd: insert(32),
  pinsrq: insert(64),
  psrldq: shiftBytes("psrldq"),
  pslldq: shiftBytes("pslldq"),
  insertps: entry((b) => {
    checkVector(b);
    const imm = immediateOf(b, 2);
    const from = source(b, 1).address();
    const chosen = b.operand(1).kind === "memory" ? i32.const(0) : i32.and(i32.shrU(imm, i32.const(4)), i32.const(12));
    const value = b.let(load.i32(i32.add(from, chosen)));
    const to = register(b, 0);
    perform(b, "insertps", to.address(), value, imm);
    to.written();
  }),
  ptest: entry((b) => {
    checkVector(b);
    const from = source(b, 1, "aligned").address();
    b.setExplicitFlags(b.let(call(b, "ptest", register(b, 0).address(), from)));
  }),
};
