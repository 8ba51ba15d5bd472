import type { HostMemory } from "@likex/host-memory";
import { CONTEXT, SEGMENT, SEGMENT_SLOT } from "./context.ts";
import type { SegmentAccess } from "./semantics/builder.ts";
import type { CpuState } from "./state.ts";
import { SEGMENT_CHECK, STATUS } from "./status.ts";

const STACK_FAULT = 12;
const GENERAL_PROTECTION = 13;

const UNUSABLE = 1 << 16;
const DEFAULT_BIG = 1 << 14;
const CODE = 8;
const EXPAND_DOWN = 4;
/** Writable for data, readable for code. */
const READ_WRITE = 2;
const TWO_32 = 2 ** 32;
const ALIGNMENT_MASK = 7;

/**
 * Accesses that emitted code could not allow by comparing with a segment's end: beyond a limit, in segments that are not
 * plain writable data, and where linear addresses wrap around (SDM Vol 3A, 5.3 to 5.5).
 */
export class SegmentCheck {
  readonly #memory: HostMemory;
  readonly #state: CpuState;

  constructor(memory: HostMemory, state: CpuState) {
    this.#memory = memory;
    this.#state = state;
  }

  /** 0 with CONTEXT.linear set, or STATUS.exception with the vector in CONTEXT.stopDetail; error codes are 0. */
  check(what: number, offsetLow: number, offsetHigh: number): number {
    const slot = ((what >>> SEGMENT_CHECK.slotShift) - CONTEXT.segments) >> 4;
    const bytes = what & SEGMENT_CHECK.bytes;
    if (this.#state.codeBits === 64) return this.#flat(slot, offsetLow, offsetHigh);
    const register = slot === SEGMENT_SLOT.stack ? SEGMENT.ss : slot === SEGMENT_SLOT.destination ? SEGMENT.es : slot;
    const access = (what & SEGMENT_CHECK.write) !== 0 ? "write" : (what & SEGMENT_CHECK.flush) !== 0 ? "flush" : "read";
    const offset = (offsetLow >>> 0) + (offsetHigh >>> 0) * TWO_32;
    const linear = (this.#state.segmentBaseLow(register) + offset) | 0;
    if (!isAllowed(this.#state, register, offset, bytes, access)) {
      // A processor looks at the alignment of an operand before it looks at the segment.
      const alignment = 1 << ((what >>> SEGMENT_CHECK.alignmentShift) & ALIGNMENT_MASK);
      const isStack = register === SEGMENT.ss && (linear & (alignment - 1)) === 0;
      const vector = isStack ? STACK_FAULT : GENERAL_PROTECTION;
      this.#memory.i32[(this.#state.contextAddress + CONTEXT.stopDetail) >> 2] = vector;
      return STATUS.exception;
    }
    return this.#found(linear, 0);
  }

  /** In 64-bit mode only the last byte of the address space lies beyond the end of a segment. */
  #flat(slot: number, low: number, high: number): number {
    const { u32 } = this.#memory;
    const at = (this.#state.contextAddress + CONTEXT.segments + slot * 16) >> 2;
    const sum = (u32[at] as number) + (low >>> 0);
    return this.#found(sum | 0, ((u32[at + 1] as number) + high + (sum >= TWO_32 ? 1 : 0)) | 0);
  }

  #found(low: number, high: number): number {
    const at = (this.#state.contextAddress + CONTEXT.linear) >> 2;
    this.#memory.i32[at] = low;
    this.#memory.i32[at + 1] = high;
    return 0;
  }
}

/**
 * Whether a segment register outside 64-bit mode allows an access to `bytes` bytes at an offset. Cache lines may be flushed
 * in code that cannot be read (SDM Vol 2, CLFLUSH).
 */
export function isAllowed(
  state: CpuState,
  register: number,
  offset: number,
  bytes: number,
  access: SegmentAccess,
): boolean {
  const rights = state.segmentAccessRights(register);
  const limit = state.segmentLimit(register);
  if (state.isRealMode || state.isVirtual8086) return offset + bytes - 1 <= limit;
  if ((rights & UNUSABLE) !== 0) return false;
  const isCode = (rights & CODE) !== 0;
  const isSet = (rights & READ_WRITE) !== 0;
  if (access === "write" ? isCode || !isSet : access === "read" && isCode && !isSet) return false;
  return isWithin(rights, limit, offset, bytes);
}

/** Limit check alone; expand-down segments are valid above their limit (SDM Vol 3A, 5.3). */
export function isWithin(rights: number, limit: number, offset: number, bytes: number): boolean {
  const last = offset + bytes - 1;
  if ((rights & CODE) !== 0 || (rights & EXPAND_DOWN) === 0) return last <= limit;
  return offset > limit && last <= ((rights & DEFAULT_BIG) !== 0 ? 0xffffffff : 0xffff);
}
