import { type I32, i32, i64, load } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import { STATUS } from "../status.ts";
import type { SemanticsBuilder } from "./builder.ts";
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
  sourceAddress,
} from "./vector-access.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** The immediate operand, 0..255. */
export const immediateOf = (b: SemanticsBuilder, position: number): I32 =>
  i32.and(b.widthOfOperand(position).low32(b.read(position)), i32.const(255));

/** Before a routine that collects exceptions: an instruction that failed may have left some. */
const forgetExceptions = (b: SemanticsBuilder): void => b.contextStore(FPU.found, 32, i32.const(0));

/** Stops with #XM when the value is true. */
function raiseWhen(b: SemanticsBuilder, value: I32): void {
  b.code.if(value, () => b.stop(STATUS.exception, call(b, "simd_exception")));
}

/** routine(ctx, dst, src) or routine(ctx, dst, src, imm), which cannot fail. */
const lanes = (routine: string, extra: readonly I32[] = [], alignment: Alignment = "aligned"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1, alignment);
    const target = sourceAddress(b, 0);
    const name = isMmx(b) && routine === "palignr" ? "palignr_mmx" : routine;
    const more = b.shape.operands.some((o) => o.kind === "immediate") ? [immediateOf(b, 2)] : extra;
    enterMmx(b);
    perform(b, name, target, source, ...more);
    if (isMmx(b)) markMmx(b, target);
  });

/** routine(ctx, dst, src[, imm]) that gives 1 when it raises #XM. */
const floating = (routine: string, alignment: Alignment): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    // Only conversions have an MMX operand; they enter MMX state even when their other operand is in memory.
    if (isMmx(b)) checkVector(b);
    const source = sourceAddress(b, 1, alignment);
    const target = sourceAddress(b, 0);
    const more = b.shape.operands.length > 2 ? [immediateOf(b, 2)] : [];
    // The registers become MMX registers even if the conversion raises an exception.
    enterMmx(b);
    forgetExceptions(b);
    raiseWhen(b, call(b, routine, target, source, ...more));
    if (b.operand(0).kind === "mmx") markMmx(b, target);
  });

const packedAndScalar = (name: string): [string, SemanticsEntry][] => [
  [`${name}ps`, floating(`${name}ps`, "aligned")],
  [`${name}pd`, floating(`${name}pd`, "aligned")],
  [`${name}ss`, floating(`${name}ss`, "unaligned")],
  [name === "cmp" ? "cmpsd.scalar" : `${name}sd`, floating(`${name}sd`, "unaligned")],
];

const compareFlags = (lane: "s" | "d", quiet: 0 | 1): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1);
    forgetExceptions(b);
    const flags = b.let(call(b, `comis${lane}`, sourceAddress(b, 0), source, i32.const(quiet)));
    raiseWhen(b, i32.ltS(flags, i32.const(0)));
    b.setExplicitFlags(flags);
  });

/** CVTSI2SS and CVTSI2SD. */
const fromGeneral = (lane: "s" | "d"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const value = b.let(b.widthOfOperand(1).signExtend64(b.read(1)));
    forgetExceptions(b);
    raiseWhen(b, call(b, `cvtsi2s${lane}`, sourceAddress(b, 0), value));
  });

/** CVTSS2SI and its like: rounding 4 is MXCSR's, 3 truncates. */
const toGeneral = (lane: "s" | "d", rounding: 3 | 4): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1);
    const width = b.widthOfOperand(0);
    const value = lane === "s" ? load.i32(source) : load.i64(source);
    const args = [b.contextAddress(), value, i32.const(rounding), i32.const(width.bits)];
    forgetExceptions(b);
    const result = b.let(b.code.call("i64", b.routine(`integer_${lane}`), ...args));
    raiseWhen(b, call(b, "sse_finish"));
    b.write(0, width.from64(result));
  });

/** PEXTRB and its like: a lane, zero-extended to the register or stored. */
const extract = (bits: 8 | 16 | 32 | 64): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    const lanes = (isMmx(b) ? 64 : 128) / bits;
    const lane = i32.and(immediateOf(b, 2), i32.const(lanes - 1));
    const at = b.let(i32.add(sourceAddress(b, 1), i32.mul(lane, i32.const(bits / 8))));
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
    const register = sourceAddress(b, 0);
    enterMmx(b);
    const at = i32.add(register, i32.mul(lane, i32.const(bits / 8)));
    if (bits === 64) b.code.store("i64", at, value);
    else {
      const low = b.widthOfOperand(1).low32(value);
      b.code.store(bits === 32 ? "i32" : bits === 16 ? "i32to16" : "i32to8", at, low);
    }
    if (isMmx(b)) markMmx(b, register);
  });

const shiftBytes = (routine: "psrldq" | "pslldq"): SemanticsEntry =>
  entry((b) => {
    checkVector(b);
    perform(b, routine, sourceAddress(b, 0), immediateOf(b, 1));
  });

const LANE_ROUTINES = ["pshufd", "pshuflw", "pshufhw", "pshufw", "shufps", "shufpd", "palignr", "pblendw", "blendps"];
const WITHOUT_IMMEDIATE = ["pblendvb", "blendvps", "blendvpd", "phminposuw"];
const FLOATING = ["add", "sub", "mul", "div", "min", "max", "sqrt", "cmp", "round"];
const PACKED_ONLY = [
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
const PART_CONVERSIONS = [
  "cvtdq2pd",
  "cvtps2pd",
  "cvtpi2ps",
  "cvtpi2pd",
  "cvtps2pi",
  "cvttps2pi",
  "cvtss2sd",
  "cvtsd2ss",
];

export const vectorRoutines: SemanticsTable = {
  ...Object.fromEntries([...LANE_ROUTINES, "blendpd", "mpsadbw"].map((name) => [name, lanes(name)])),
  ...Object.fromEntries(WITHOUT_IMMEDIATE.map((name) => [name, lanes(name, [i32.const(0)])])),
  ...Object.fromEntries(FLOATING.flatMap(packedAndScalar)),
  ...Object.fromEntries([...PACKED_ONLY, ...WHOLE_CONVERSIONS].map((name) => [name, floating(name, "aligned")])),
  ...Object.fromEntries([...PART_CONVERSIONS, "rcpss", "rsqrtss"].map((name) => [name, floating(name, "unaligned")])),
  comiss: compareFlags("s", 0),
  comisd: compareFlags("d", 0),
  ucomiss: compareFlags("s", 1),
  ucomisd: compareFlags("d", 1),
  cvtsi2ss: fromGeneral("s"),
  cvtsi2sd: fromGeneral("d"),
  cvtss2si: toGeneral("s", 4),
  cvtsd2si: toGeneral("d", 4),
  cvttss2si: toGeneral("s", 3),
  cvttsd2si: toGeneral("d", 3),
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
    const source = sourceAddress(b, 1);
    const chosen = b.operand(1).kind === "memory" ? i32.const(0) : i32.and(i32.shrU(imm, i32.const(4)), i32.const(12));
    const value = b.let(load.i32(i32.add(source, chosen)));
    perform(b, "insertps", sourceAddress(b, 0), value, imm);
  }),
  ptest: entry((b) => {
    checkVector(b);
    const source = sourceAddress(b, 1, "aligned");
    b.setExplicitFlags(b.let(call(b, "ptest", sourceAddress(b, 0), source)));
  }),
};
