import { CONTEXT, RFLAGS, SEGMENT, TLB } from "../context.ts";
import type { SoftTlb } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";
import type { CommonDescriptors, DescriptorWords } from "./common-descriptors.ts";
import { isNull, RIGHTS, SELECTOR } from "./descriptor.ts";
import { returnedFlags } from "./flags.ts";
import { keepsDataSegments } from "./outer-level.ts";

const RSP = 4;
const FRAME_64 = 40;
const FRAME_32 = 12;
const FRAME_32_OUTER = 20;
const TOP_OF_LOWER_HALF = 15;

/**
 * IRET as it nearly always is: IRETQ to 64-bit code and IRETD to 32-bit code, of the same level or from level 0 to 3, with all
 * that it needs in the soft TLB. No bigint, no allocation. What is not exactly so, and every fault, is InterruptReturn's.
 */
export class CommonReturn {
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

  /** Returns and yields true; false where nothing has changed. `bytes`: operand size. */
  execute(bytes: number): boolean {
    const state = this.#state;
    if (state.isRealMode || (state.flagRest & (RFLAGS.vm | RFLAGS.nt)) !== 0) return false;
    if (state.isLongMode) return state.codeBits === 64 && bytes === 8 && this.#return64();
    return bytes === 4 && this.#return32();
  }

  #return64(): boolean {
    const state = this.#state;
    const i32 = this.#i32;
    const pointer = state.registerLow(RSP) | 0;
    const host = this.#tlb.cached(TLB.read, FRAME_64, pointer, state.registerHigh(RSP));
    if (host === 0 || (host & 3) !== 0) return false;
    const at = host >> 2;
    const ripLow = i32[at] as number;
    const ripHigh = i32[at + 1] as number;
    const selector = (i32[at + 2] as number) & 0xffff;
    const flags = i32[at + 4] as number;
    const stackSelector = (i32[at + 8] as number) & 0xffff;
    if (ripHigh >> TOP_OF_LOWER_HALF !== 0 && ripHigh >> TOP_OF_LOWER_HALF !== -1) return false;
    const code = this.#code(selector);
    if (code === undefined || (code.rights & (RIGHTS.long | RIGHTS.big)) !== RIGHTS.long) return false;
    let stack: DescriptorWords | undefined;
    if (!isNull(stackSelector)) {
      stack = this.#descriptors.data(stackSelector, code.dpl);
      if (stack === undefined) return false;
    } else if (code.dpl === 3) return false;
    if (code.dpl !== state.cpl && !keepsDataSegments(state, code.dpl)) return false;
    const newFlags = returnedFlags(state, flags, 8);
    this.#descriptors.load(SEGMENT.cs, selector, code);
    if (stack !== undefined) this.#descriptors.load(SEGMENT.ss, stackSelector, stack);
    else this.#loadNullStack(stackSelector, code.dpl);
    state.setRegisterPair(RSP, i32[at + 6] as number, i32[at + 7] as number);
    state.setRipPair(ripLow, ripHigh);
    state.rflagsNumber = newFlags;
    return true;
  }

  #loadNullStack(selector: number, level: number): void {
    const state = this.#state;
    const rights = RIGHTS.unusable | (level << 5);
    const isSame = state.segmentSelector(SEGMENT.ss) === selector && state.segmentAccessRights(SEGMENT.ss) === rights;
    if (!isSame) state.setSegmentRaw(SEGMENT.ss, selector, 0, 0, 0, rights);
  }

  #return32(): boolean {
    const state = this.#state;
    const i32 = this.#i32;
    const segment = (state.contextAddress + CONTEXT.segments + SEGMENT.ss * 16) >> 2;
    const end = i32[segment + 3] === 0 ? (i32[segment + 2] as number) >>> 0 : 2 ** 32;
    const pointer = state.registerLow(RSP);
    if (i32[(state.contextAddress + CONTEXT.stackShift) >> 2] !== 32 || pointer + FRAME_32_OUTER > end) return false;
    const base = state.segmentBaseLow(SEGMENT.ss);
    const host = this.#tlb.cached(TLB.read, FRAME_32, (base + pointer) | 0, 0);
    if (host === 0 || (host & 3) !== 0) return false;
    const at = host >> 2;
    const eip = i32[at] as number;
    const selector = (i32[at + 1] as number) & 0xffff;
    const flags = i32[at + 2] as number;
    if ((flags & RFLAGS.vm) !== 0) return false;
    const code = this.#code(selector);
    if (code === undefined || eip >>> 0 > code.limit) return false;
    const isOuter = code.dpl > state.cpl;
    let esp = (pointer + FRAME_32) | 0;
    let stack: DescriptorWords | undefined;
    if (isOuter) {
      if (this.#tlb.cached(TLB.read, FRAME_32_OUTER, (base + pointer) | 0, 0) === 0) return false;
      esp = i32[at + 3] as number;
      stack = this.#descriptors.data((i32[at + 4] as number) & 0xffff, code.dpl);
      if (stack === undefined || (stack.rights & RIGHTS.big) === 0 || !keepsDataSegments(state, code.dpl)) return false;
    }
    const newFlags = returnedFlags(state, flags, 4);
    this.#descriptors.load(SEGMENT.cs, selector, code);
    if (stack !== undefined) this.#descriptors.load(SEGMENT.ss, stack.selector, stack);
    state.setRegisterPair(RSP, esp, 0);
    state.setRipPair(eip, 0);
    state.rflagsNumber = newFlags;
    return true;
  }

  /** The code segment of a return to the same level, or from level 0 to level 3. */
  #code(selector: number): DescriptorWords | undefined {
    const { cpl } = this.#state;
    const level = selector & SELECTOR.rpl;
    if (level !== cpl && (cpl !== 0 || level !== 3)) return undefined;
    const code = this.#descriptors.code(selector);
    return code?.dpl === level ? code : undefined;
  }
}
