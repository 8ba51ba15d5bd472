import { SEGMENT_NAMES as NAMES, SEGMENT } from "../constants.ts";
import { ROW_FLAGS } from "../row-fields.ts";
import type { Plan } from "./plan.ts";

/** By SEGMENT; the last two do not exist, but the field has three bits. */
export const SEGMENT_NAMES: readonly string[] = /* @__PURE__ */ [...NAMES, "", ""];

/** The mode, as 16 << n. */
export const modeOf = (flags: number): number => (flags >>> ROW_FLAGS.modeShift) & 3;

export const operandSizeOf = (flags: number): number => (flags >> ROW_FLAGS.operandSizeShift) & 3;

export const addressSizeOf = (flags: number): number => (flags >> ROW_FLAGS.addressSizeShift) & 3;

/** Mode, operand size and address size as one number below 48. */
export const sizesOf = (flags: number): number => (modeOf(flags) << 4) | ((flags >> ROW_FLAGS.operandSizeShift) & 15);

/** The last segment override prefix, SEGMENT; -1: none. */
export const segmentPrefixOf = (flags: number): number => ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) - 1;

/** Base registers whose memory is in the stack segment: rSP and rBP. */
const isStackBase = (base: number): boolean => base === 4 || base === 5;

/**
 * The segment of a memory operand if an override made it another than that of its base register; -1 otherwise. In 64-bit
 * mode only FS and GS have an effect (SDM Vol 1, 3.4.2.1).
 */
export function overridingSegment(flags: number, base: number): number {
  if (segmentPrefixOf(flags) < 0) return -1;
  const segment = (flags >> ROW_FLAGS.segmentShift) & 7;
  if (modeOf(flags) === 2) return segment >= SEGMENT.fs ? segment : -1;
  return segment === (isStackBase(base) ? SEGMENT.ss : SEGMENT.ds) ? -1 : segment;
}

/** The segment of an override prefix that has no effect on the only memory operand, at ES:rDI; -1: none. */
export function vainOverride(flags: number): number {
  const prefix = segmentPrefixOf(flags);
  return (modeOf(flags) === 2 && prefix < SEGMENT.fs) || prefix === SEGMENT.ds ? -1 : prefix;
}

/** The operand size without prefixes, as 16 << n. */
export function usualSize(plan: Plan, flags: number): number {
  const mode = modeOf(flags);
  return mode < 2 ? mode : plan.usually64 ? 2 : 1;
}

export const isResized = (plan: Plan, flags: number): boolean => operandSizeOf(flags) !== usualSize(plan, flags);
