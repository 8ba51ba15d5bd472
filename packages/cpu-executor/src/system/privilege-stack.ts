import { SEGMENT } from "../context.ts";
import { isCanonical, type SystemAccess, VECTOR } from "./access.ts";
import { type Descriptor, isNull, lookUp, markAccessed, named, SELECTOR } from "./descriptor.ts";
import { StackFrame, stackBitsOf } from "./stack-frame.ts";

/** A stack for an inner privilege level, found in the TSS and checked. */
export interface InnerStack {
  readonly frame: StackFrame;
  /** Selector for SS; in 64-bit mode null with the new CPL as its RPL. */
  readonly selector: number;
  /** The segment's descriptor; none in 64-bit mode. */
  readonly descriptor: Descriptor | undefined;
}

const TSS_32_BIT = 8;

const taskBase = (access: SystemAccess): bigint =>
  (BigInt(access.state.segmentBaseHigh(SEGMENT.tr) >>> 0) << 32n) |
  BigInt(access.state.segmentBaseLow(SEGMENT.tr) >>> 0);

/** `bytes` bytes of the current TSS; #TS with TR's selector where it is too short. */
export function readTask(access: SystemAccess, offset: number, bytes: number, external: number): bigint {
  const { state } = access;
  if (offset + bytes - 1 > state.segmentLimit(SEGMENT.tr)) {
    access.raise(VECTOR.ts, named(state.segmentSelector(SEGMENT.tr)) | external);
    return 0n;
  }
  return access.readSystem(BigInt.asUintN(state.isLongMode ? 64 : 32, taskBase(access) + BigInt(offset)), bytes);
}

/** Legacy modes: SS and eSP of a privilege level from the 16- or 32-bit TSS (SDM Vol 3A, 6.12.1, 5.8.5). */
export function innerStack(access: SystemAccess, level: number, external: number): InnerStack | undefined {
  const is32 = (access.state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) !== 0;
  const bytes = is32 ? 4 : 2;
  const at = is32 ? 4 + level * 8 : 2 + level * 4;
  const pointer = readTask(access, at, bytes, external);
  const selector = Number(readTask(access, at + bytes, 2, external));
  if (access.failed) return undefined;
  const descriptor = checkStack(access, selector, level, external);
  if (descriptor === undefined) return undefined;
  const place = {
    base: BigInt(descriptor.base),
    limit: descriptor.limit,
    rights: descriptor.rights,
    bits: stackBitsOf(descriptor.rights),
    errorCode: named(selector) | external,
  };
  return { frame: new StackFrame(access, place, pointer), selector, descriptor };
}

function checkStack(access: SystemAccess, selector: number, level: number, external: number): Descriptor | undefined {
  const invalid = (): undefined => {
    access.raise(VECTOR.ts, named(selector) | external);
    return undefined;
  };
  if (isNull(selector)) {
    access.raise(VECTOR.ts, external);
    return undefined;
  }
  const descriptor = lookUp(access, selector);
  if (descriptor === undefined) return invalid();
  if ((selector & SELECTOR.rpl) !== level || descriptor.dpl !== level || !descriptor.isWritable) return invalid();
  if (!descriptor.isPresent) {
    access.raise(VECTOR.ss, named(selector) | external);
    return undefined;
  }
  markAccessed(access, descriptor);
  return access.failed ? undefined : descriptor;
}

/** IA-32e mode: RSP of a privilege level, or of an interrupt-stack-table entry 1..7, from the 64-bit TSS (SDM Vol 3A, 6.14.4, 6.14.5). */
export function longStack(
  access: SystemAccess,
  from: { readonly level: number } | { readonly entry: number },
  newLevel: number,
  external: number,
): InnerStack | undefined {
  const at = "level" in from ? 4 + from.level * 8 : 28 + from.entry * 8;
  const pointer = readTask(access, at, 8, external);
  if (!isCanonical(pointer)) access.raise(VECTOR.ss, external);
  if (access.failed) return undefined;
  const place = { base: 0n, limit: 0, rights: 0, bits: 64, errorCode: external };
  return { frame: new StackFrame(access, place, pointer), selector: newLevel, descriptor: undefined };
}
