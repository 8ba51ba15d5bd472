import { CONTEXT, RFLAGS, SEGMENT, SEGMENT_SLOT } from "./context.ts";
import { NO_REGISTER } from "./predecode.ts";
import { RECORD } from "./record.ts";
import type { SoftTlb } from "./soft-tlb.ts";
import type { CpuState } from "./state.ts";
import { HELPER, STATUS } from "./status.ts";

const UNDEFINED_OPCODE = 6;
const STACK_FAULT = 12;
const GENERAL_PROTECTION = 13;

/** What a helper returns when the instruction has happened. */
export const DONE = -1;

/** The arena as the helpers see it. */
export interface ArenaView {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
}

/** RFLAGS bits that POPF and IRET change in real mode, for 32-bit operands (SDM Vol 2, POPF). */
const POPPED = 0x257fd5;

/**
 * Instructions that change segment registers or control flow through memory, in real mode (SDM Vol 3A, chapter 20), and the
 * delivery of events through the interrupt vector table. Each returns DONE or the STATUS that stopped it; an
 * instruction that stops has changed nothing. Outside real mode they raise #UD.
 */
export class RealModeInstructions {
  readonly #state: CpuState;
  readonly #tlb: SoftTlb;
  readonly #arena: ArenaView;
  /** Set by the last access that failed. */
  #failure = 0;

  constructor(state: CpuState, tlb: SoftTlb, arena: ArenaView) {
    this.#state = state;
    this.#tlb = tlb;
    this.#arena = arena;
  }

  /** Carries out the instruction at `record`, which ends at instruction pointer `next`. */
  execute(helper: number, record: number, next: bigint): number {
    if (!this.#state.isRealMode) return this.#raise(UNDEFINED_OPCODE);
    const info = this.#arena.u16[(record + RECORD.register0) >> 1] as number;
    const size = (info >> 8) / 8;
    const register = info & 0xff;
    switch (helper) {
      case HELPER.moveToSegment:
        return this.#moveToSegment(record, register, next);
      case HELPER.popSegment:
        return this.#popSegment(register, size, next);
      case HELPER.loadFarPointer:
        return this.#loadFarPointer(record, register & 7, size, next);
      case HELPER.jumpFar:
      case HELPER.callFar:
        return this.#transferFar(record, size, helper, next);
      case HELPER.returnFar:
        return this.#returnFar(size, this.#immediate(record) & 0xffff);
      case HELPER.interruptReturn:
        return this.#interruptReturn(size);
      case HELPER.interrupt:
        return this.deliver(this.#immediate(record) & 0xff, Number(next));
      case HELPER.breakpoint:
        return this.deliver(3, Number(next));
      case HELPER.interruptOnOverflow:
        if ((this.#state.rflagsNumber & RFLAGS.of) !== 0) return this.deliver(4, Number(next));
        this.#state.rip = next;
        return DONE;
      case HELPER.popFlags:
        return this.#popFlags(size, next);
      default:
        return this.#raise(UNDEFINED_OPCODE);
    }
  }

  /** Pushes FLAGS, CS and `returnRip`, and continues at the vector's entry of the table (SDM Vol 3A, 20.1.4). */
  deliver(vector: number, returnRip: number): number {
    const state = this.#state;
    if (vector * 4 + 3 > state.idtrLimit) return this.#raise(GENERAL_PROTECTION);
    const table = Number(BigInt.asUintN(32, state.idtrBase)) + vector * 4;
    const entry = this.#readLinear(table, 4);
    if (entry < 0) return this.#failure;
    const flags = state.rflagsNumber;
    if (!this.#push([flags & 0xffff, state.segmentSelector(SEGMENT.cs), returnRip & 0xffff], 2)) return this.#failure;
    state.rflagsNumber = flags & ~(RFLAGS.if | RFLAGS.tf | RFLAGS.ac);
    this.#loadSegment(SEGMENT.cs, entry >>> 16);
    state.ripNumber = entry & 0xffff;
    return DONE;
  }

  #moveToSegment(record: number, register: number, next: bigint): number {
    if (register === SEGMENT.cs || register > SEGMENT.gs) return this.#raise(UNDEFINED_OPCODE);
    const selector = this.#operand(record, 2);
    if (selector < 0) return this.#failure;
    this.#loadSegment(register, selector);
    if (register === SEGMENT.ss) this.#state.interruptShadow = 2;
    this.#state.rip = next;
    return DONE;
  }

  #popSegment(register: number, size: number, next: bigint): number {
    const value = this.#peek(0, size);
    if (value < 0) return this.#failure;
    this.#movePointer(size);
    this.#loadSegment(register, value & 0xffff);
    if (register === SEGMENT.ss) this.#state.interruptShadow = 2;
    this.#state.rip = next;
    return DONE;
  }

  /** LES, LDS, LSS, LFS, LGS: pre-decoding leaves the number of the segment in the place of an immediate. */
  #loadFarPointer(record: number, register: number, size: number, next: bigint): number {
    const segment = this.#immediate(record);
    const offset = this.#effectiveAddress(record);
    const slot = this.#arena.u16[(record + RECORD.segment) >> 1] as number;
    const low = this.#read(slot, offset, size);
    if (low < 0) return this.#failure;
    const selector = this.#read(slot, offset + size, 2);
    if (selector < 0) return this.#failure;
    this.#loadSegment(segment, selector);
    const at = (this.#state.contextAddress + CONTEXT.gpr + register * 8) >> 1;
    if (size === 2) this.#arena.u16[at] = low;
    else this.#state.setRegister(register, BigInt(low >>> 0));
    this.#state.rip = next;
    return DONE;
  }

  #transferFar(record: number, size: number, helper: number, next: bigint): number {
    let offset = this.#immediate(record);
    let selector = this.#arena.i32[(record + RECORD.immediate2) >> 2] as number;
    if (this.#arena.u16[(record + RECORD.register1) >> 1] === NO_REGISTER) {
      const address = this.#effectiveAddress(record);
      const slot = this.#arena.u16[(record + RECORD.segment) >> 1] as number;
      offset = this.#read(slot, address, size);
      if (offset < 0) return this.#failure;
      selector = this.#read(slot, address + size, 2);
      if (selector < 0) return this.#failure;
    }
    const target = size === 2 ? offset & 0xffff : offset >>> 0;
    if (target > this.#state.segmentLimit(SEGMENT.cs)) return this.#raise(GENERAL_PROTECTION);
    if (
      helper === HELPER.callFar &&
      !this.#push([this.#state.segmentSelector(SEGMENT.cs), Number(BigInt.asUintN(size * 8, next))], size)
    ) {
      return this.#failure;
    }
    this.#loadSegment(SEGMENT.cs, selector & 0xffff);
    this.#state.ripNumber = target;
    return DONE;
  }

  #returnFar(size: number, extra: number): number {
    const offset = this.#peek(0, size);
    if (offset < 0) return this.#failure;
    const selector = this.#peek(size, size);
    if (selector < 0) return this.#failure;
    if (offset > this.#state.segmentLimit(SEGMENT.cs)) return this.#raise(GENERAL_PROTECTION);
    this.#movePointer(2 * size + extra);
    this.#loadSegment(SEGMENT.cs, selector & 0xffff);
    this.#state.ripNumber = offset;
    return DONE;
  }

  #interruptReturn(size: number): number {
    const offset = this.#peek(0, size);
    if (offset < 0) return this.#failure;
    const selector = this.#peek(size, size);
    if (selector < 0) return this.#failure;
    const flags = this.#peek(2 * size, size);
    if (flags < 0) return this.#failure;
    if (offset > this.#state.segmentLimit(SEGMENT.cs)) return this.#raise(GENERAL_PROTECTION);
    this.#movePointer(3 * size);
    this.#loadSegment(SEGMENT.cs, selector & 0xffff);
    this.#state.ripNumber = offset;
    this.#setPoppedFlags(flags, size);
    return DONE;
  }

  #popFlags(size: number, next: bigint): number {
    const flags = this.#peek(0, size);
    if (flags < 0) return this.#failure;
    this.#movePointer(size);
    this.#setPoppedFlags(flags, size);
    this.#state.rip = next;
    return DONE;
  }

  #setPoppedFlags(flags: number, size: number): void {
    const changed = size === 2 ? POPPED & 0xffff : POPPED & ~(RFLAGS.vm | RFLAGS.vif | RFLAGS.vip | RFLAGS.rf);
    this.#state.rflagsNumber = (this.#state.rflagsNumber & ~changed) | (flags & changed);
  }

  /** In real mode a selector is the base divided by 16; the limit and rights stay (SDM Vol 3A, 20.1.1). */
  #loadSegment(register: number, selector: number): void {
    const state = this.#state;
    state.setSegmentRaw(
      register,
      selector,
      selector << 4,
      0,
      state.segmentLimit(register),
      state.segmentAccessRights(register),
    );
  }

  #immediate(record: number): number {
    return this.#arena.i32[(record + RECORD.immediate) >> 2] as number;
  }

  /** A 16-bit operand: register or memory. */
  #operand(record: number, size: number): number {
    const register = this.#arena.u16[(record + RECORD.register1) >> 1] as number;
    if (register !== NO_REGISTER) return this.#state.registerLow(register) & 0xffff;
    return this.#read(this.#arena.u16[(record + RECORD.segment) >> 1] as number, this.#effectiveAddress(record), size);
  }

  #effectiveAddress(record: number): number {
    const { u16, u8, i64 } = this.#arena;
    const register = (field: number): bigint =>
      i64[(this.#state.contextAddress + (u16[(record + field) >> 1] as number)) >> 3] as bigint;
    const scale = BigInt(u8[record + RECORD.scale] as number);
    const displacement = i64[(record + RECORD.displacement) >> 3] as bigint;
    const sum = register(RECORD.base) + (register(RECORD.indexRegister) << scale) + displacement;
    return Number(BigInt.asUintN(64 - (u8[record + RECORD.addressShift] as number), sum));
  }

  #peek(offset: number, size: number): number {
    const pointer = this.#stackPointer();
    return this.#read(CONTEXT.segments + SEGMENT_SLOT.stack * 16, this.#stackTruncate(pointer + offset), size);
  }

  /** Pushes values in order, all or none. */
  #push(values: readonly number[], size: number): boolean {
    const bottom = this.#stackTruncate(this.#stackPointer() - values.length * size);
    const slot = CONTEXT.segments + SEGMENT_SLOT.stack * 16;
    for (let i = values.length - 1; i >= 0; i--) {
      const offset = this.#stackTruncate(bottom + (values.length - 1 - i) * size);
      if (!this.#write(slot, offset, size, values[i] as number)) return false;
    }
    this.#movePointer(-values.length * size);
    return true;
  }

  #stackPointer(): number {
    return this.#stackTruncate(this.#state.registerLow(4));
  }

  #stackTruncate(value: number): number {
    return this.#stackBits() === 16 ? value & 0xffff : value >>> 0;
  }

  #stackBits(): number {
    return 64 - (this.#arena.i32[(this.#state.contextAddress + CONTEXT.stackShift) >> 2] as number);
  }

  #movePointer(by: number): void {
    const moved = this.#stackTruncate(this.#state.registerLow(4) + by);
    if (this.#stackBits() === 16) this.#arena.u16[(this.#state.contextAddress + CONTEXT.gpr + 4 * 8) >> 1] = moved;
    else this.#state.setRegister(4, BigInt(moved));
  }

  #linear(slot: number, offset: number, size: number): number {
    const at = (this.#state.contextAddress + slot) >> 2;
    const { u32 } = this.#arena;
    if (u32[at + 3] === 0 && offset + size - 1 > (u32[at + 2] as number)) {
      const isStack =
        slot === CONTEXT.segments + SEGMENT_SLOT.stack * 16 || slot === CONTEXT.segments + SEGMENT.ss * 16;
      this.#raise(isStack ? STACK_FAULT : GENERAL_PROTECTION);
      return -1;
    }
    return ((u32[at] as number) + offset) >>> 0;
  }

  #read(slot: number, offset: number, size: number): number {
    const linear = this.#linear(slot, offset, size);
    return linear < 0 ? -1 : this.#readLinear(linear, size);
  }

  /** The unsigned value, or -1 with #failure set. */
  #readLinear(linear: number, size: number): number {
    const status = this.#tlb.read(size, linear | 0, 0);
    if (status !== 0) {
      this.#failure = status;
      return -1;
    }
    return this.#arena.u32[(this.#state.contextAddress + CONTEXT.memoryValue) >> 2] as number;
  }

  #write(slot: number, offset: number, size: number, value: number): boolean {
    const linear = this.#linear(slot, offset, size);
    if (linear < 0) return false;
    this.#arena.i32[(this.#state.contextAddress + CONTEXT.memoryValue) >> 2] = value;
    const status = this.#tlb.write(size, linear | 0, 0);
    if (status !== 0) this.#failure = status;
    return status === 0;
  }

  #raise(vector: number): number {
    this.#arena.i32[(this.#state.contextAddress + CONTEXT.stopDetail) >> 2] = vector;
    this.#failure = STATUS.exception;
    return STATUS.exception;
  }
}
