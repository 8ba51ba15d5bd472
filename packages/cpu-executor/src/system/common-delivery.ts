import { CONTEXT, RFLAGS, SEGMENT, TLB } from "../context.ts";
import type { SoftTlb } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";
import type { CommonDescriptors, DescriptorWords } from "./common-descriptors.ts";
import { RIGHTS, SELECTOR } from "./descriptor.ts";
import { hasResumeFlag, isSoftwareEvent } from "./event-type.ts";

const RSP = 4;
const FRAME_64 = 40;
/** EIP, CS and EFLAGS; with ESP and SS. */
const FRAME_32 = 12;
const FRAME_32_INNER = 20;
/** P, S and the type of 32- and 64-bit interrupt and trap gates, without the bit that tells them apart. */
const GATE_MASK = 0x9e00;
const GATE = 0x8e00;
/** Set in a trap gate, which leaves IF as it is. */
const TRAP_GATE = 0x100;
/** Interrupt-stack-table entry of a 64-bit gate. */
const STACK_TABLE = 7;
const CLEARED = RFLAGS.tf | RFLAGS.nt | RFLAGS.rf;
const TSS_32_BIT = 8;
/** A null SS of level 0. */
const NULL_STACK = RIGHTS.unusable;
const TOP_OF_LOWER_HALF = 15;

/**
 * Event delivery as it nearly always is: through a 32- or 64-bit interrupt or trap gate to a code segment of the same level, or
 * from level 3 to level 0, with all that it needs in the soft TLB. No bigint, no allocation. What is not exactly so, and
 * every fault, is EventDelivery's.
 */
export class CommonDelivery {
  readonly #state: CpuState;
  readonly #tlb: SoftTlb;
  readonly #descriptors: CommonDescriptors;
  readonly #i32: Int32Array;

  constructor(state: CpuState, tlb: SoftTlb, descriptors: CommonDescriptors, i32: Int32Array) {
    this.#state = state;
    this.#tlb = tlb;
    this.#descriptors = descriptors;
    this.#i32 = i32;
  }

  /** Delivers an event and returns true; false where nothing has changed. The instruction pointer to push is two int32; `errorCode` -1 for none. */
  deliver(vector: number, type: number, errorCode: number, ripLow: number, ripHigh: number): boolean {
    const state = this.#state;
    if (state.isRealMode || (state.flagRest & RFLAGS.vm) !== 0) return false;
    const { isLongMode } = state;
    const at = vector << (isLongMode ? 4 : 3);
    if (at + (isLongMode ? 15 : 7) > state.idtrLimit) return false;
    const gate = this.#descriptors.readAt(state.idtrBaseLow, state.idtrBaseHigh, at, isLongMode ? 16 : 8);
    if (gate === 0) return false;
    const low = this.#i32[gate] as number;
    const high = this.#i32[gate + 1] as number;
    if ((high & GATE_MASK) !== GATE) return false;
    if (isSoftwareEvent(type) && ((high >>> 13) & 3) < state.cpl) return false;
    const flags = state.rflagsNumber;
    const image = hasResumeFlag(type, vector) ? flags | RFLAGS.rf : flags;
    const kept = flags & ~(CLEARED | ((high & TRAP_GATE) !== 0 ? 0 : RFLAGS.if));
    const offset = (low & 0xffff) | (high & 0xffff0000);
    const code = this.#descriptors.code(low >>> 16);
    if (code === undefined || code.dpl > state.cpl) return false;
    if (isLongMode) {
      if ((high & STACK_TABLE) !== 0) return false;
      return this.#enter64(code, offset, this.#i32[gate + 2] as number, image, kept, errorCode, ripLow, ripHigh);
    }
    return this.#enter32(code, offset, image, kept, errorCode, ripLow);
  }

  #enter64(
    code: DescriptorWords,
    offsetLow: number,
    offsetHigh: number,
    image: number,
    kept: number,
    errorCode: number,
    ripLow: number,
    ripHigh: number,
  ): boolean {
    const state = this.#state;
    if ((code.rights & (RIGHTS.long | RIGHTS.big)) !== RIGHTS.long) return false;
    if (offsetHigh >> TOP_OF_LOWER_HALF !== 0 && offsetHigh >> TOP_OF_LOWER_HALF !== -1) return false;
    const isInner = code.dpl < state.cpl;
    if (isInner && code.dpl !== 0) return false;
    let stackLow = state.registerLow(RSP) | 0;
    let stackHigh = state.registerHigh(RSP);
    if (isInner) {
      // RSP0 of the TSS.
      if (state.segmentLimit(SEGMENT.tr) < 11) return false;
      const task = this.#descriptors.readAt(state.segmentBaseLow(SEGMENT.tr), state.segmentBaseHigh(SEGMENT.tr), 4, 8);
      if (task === 0) return false;
      stackLow = this.#i32[task] as number;
      stackHigh = this.#i32[task + 1] as number;
      if (stackHigh >> TOP_OF_LOWER_HALF !== 0 && stackHigh >> TOP_OF_LOWER_HALF !== -1) return false;
    }
    const bytes = errorCode < 0 ? FRAME_64 : FRAME_64 + 8;
    const pointer = (stackLow & ~15) - bytes;
    // A frame across a page or 4 GiB is not in one entry.
    if (stackLow >>> 0 < 4096) return false;
    const host = this.#frame(isInner, bytes, pointer | 0, stackHigh);
    if (host === 0) return false;
    let to = host;
    if (errorCode >= 0) to = this.#push64(to, errorCode, 0);
    to = this.#push64(to, ripLow, ripHigh);
    to = this.#push64(to, state.segmentSelector(SEGMENT.cs), 0);
    to = this.#push64(to, image, 0);
    to = this.#push64(to, state.registerLow(RSP), state.registerHigh(RSP));
    this.#push64(to, state.segmentSelector(SEGMENT.ss), 0);
    state.rflagsNumber = kept;
    this.#descriptors.load(SEGMENT.cs, (code.selector & ~SELECTOR.rpl) | code.dpl, code);
    if (isInner) state.setSegmentRaw(SEGMENT.ss, 0, 0, 0, 0, NULL_STACK);
    state.setRegisterPair(RSP, pointer | 0, stackHigh);
    state.setRipPair(offsetLow, offsetHigh);
    return true;
  }

  /** Index in words of a frame of `bytes` bytes whose lowest address is given, or 0. */
  #frame(isInner: boolean, bytes: number, low: number, high: number): number {
    const tlb = this.#tlb;
    const host = isInner ? tlb.cachedImplicit(TLB.write, bytes, low, high) : tlb.cached(TLB.write, bytes, low, high);
    return (host & 3) === 0 ? host >> 2 : 0;
  }

  #push64(at: number, low: number, high: number): number {
    this.#i32[at] = low;
    this.#i32[at + 1] = high;
    return at + 2;
  }

  #enter32(
    code: DescriptorWords,
    offset: number,
    image: number,
    kept: number,
    errorCode: number,
    eip: number,
  ): boolean {
    const state = this.#state;
    if (offset >>> 0 > code.limit) return false;
    const i32 = this.#i32;
    const isInner = code.dpl < state.cpl;
    let stack: DescriptorWords | undefined;
    let pointer = state.registerLow(RSP);
    let base = state.segmentBaseLow(SEGMENT.ss);
    // The end that emitted code uses: the limit where nothing else forbids a write.
    const segment = (state.contextAddress + CONTEXT.segments + SEGMENT.ss * 16) >> 2;
    let end = i32[segment + 3] === 0 ? (i32[segment + 2] as number) >>> 0 : 2 ** 32;
    if (isInner) {
      const isTss32 = (state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) !== 0;
      if (code.dpl !== 0 || !isTss32 || state.segmentLimit(SEGMENT.tr) < 9) return false;
      const task = this.#descriptors.readAt(state.segmentBaseLow(SEGMENT.tr), 0, 4, 8);
      if (task === 0) return false;
      pointer = (i32[task] as number) >>> 0;
      stack = this.#descriptors.data((i32[task + 1] as number) & 0xffff, 0);
      if (stack === undefined || (stack.rights & RIGHTS.big) === 0) return false;
      base = stack.base;
      end = Math.min(stack.limit + 1, 2 ** 32 - (base >>> 0));
    } else if (i32[(state.contextAddress + CONTEXT.stackShift) >> 2] !== 32) return false;
    const bytes = (isInner ? FRAME_32_INNER : FRAME_32) + (errorCode < 0 ? 0 : 4);
    if (pointer < bytes || pointer > end) return false;
    const host = this.#frame(isInner, bytes, (base + pointer - bytes) | 0, 0);
    if (host === 0) return false;
    let to = host;
    if (errorCode >= 0) i32[to++] = errorCode;
    i32[to++] = eip;
    i32[to++] = state.segmentSelector(SEGMENT.cs);
    i32[to++] = image;
    if (isInner) {
      i32[to++] = state.registerLow(RSP);
      i32[to] = state.segmentSelector(SEGMENT.ss);
    }
    state.rflagsNumber = kept;
    if (stack !== undefined) this.#descriptors.load(SEGMENT.ss, stack.selector, stack);
    this.#descriptors.load(SEGMENT.cs, (code.selector & ~SELECTOR.rpl) | code.dpl, code);
    state.setRegisterPair(RSP, (pointer - bytes) | 0, 0);
    state.setRipPair(offset, 0);
    return true;
  }
}
