import { RFLAGS, SEGMENT } from "../context.ts";
import { DONE, type SystemAccess } from "./access.ts";
import { loadFrom, markAccessed, SELECTOR } from "./descriptor.ts";
import type { FarTransfers } from "./far-transfer.ts";
import { changeableFlags, returnedFlags, virtualInterruptFlags } from "./flags.ts";
import type { SegmentLoads } from "./segment-load.ts";
import type { TaskSwitch } from "./task-switch.ts";

const IOPL_3 = 3;
const V86_SEGMENTS = [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs] as const;
const CR4_VME = 1;

/** IRET in all its forms (SDM Vol 2A, IRET). */
export class InterruptReturn {
  readonly #access: SystemAccess;
  readonly #loads: SegmentLoads;
  readonly #far: FarTransfers;
  readonly #tasks: TaskSwitch;

  constructor(access: SystemAccess, loads: SegmentLoads, far: FarTransfers, tasks: TaskSwitch) {
    this.#access = access;
    this.#loads = loads;
    this.#far = far;
    this.#tasks = tasks;
  }

  execute(record: number, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const bytes = access.operandBytes(record);
    if (state.isRealMode) return this.#real(bytes);
    if (state.isVirtual8086) return this.#virtual(bytes);
    if ((state.flagRest & RFLAGS.nt) !== 0)
      return state.isLongMode ? access.generalProtection(0) : this.#tasks.backToLink(next);
    return this.#protected(bytes);
  }

  #real(bytes: number): number {
    const access = this.#access;
    const { state } = access;
    const offset = access.peek(0, bytes);
    const selector = Number(access.peek(bytes, bytes) & 0xffffn);
    const flags = Number(access.peek(2 * bytes, bytes));
    if (access.failed) return access.failure;
    if (offset > BigInt(state.segmentLimit(SEGMENT.cs))) return access.generalProtection();
    access.setStackPointer(access.stackPointer + BigInt(3 * bytes));
    this.#loads.loadReal(SEGMENT.cs, selector);
    state.rip = offset;
    this.#setFlags(flags, changeableFlags(state, bytes) | (bytes === 2 ? 0 : RFLAGS.rf));
    return DONE;
  }

  /** In virtual-8086 mode IOPL 3 is needed, or CR4.VME for the 16-bit form (SDM Vol 3A, 21.3.3.4). */
  #virtual(bytes: number): number {
    const access = this.#access;
    const { state } = access;
    if (state.iopl === IOPL_3) return this.#real(bytes);
    if (bytes !== 2 || (state.cr4 & CR4_VME) === 0) return access.generalProtection(0);
    const offset = access.peek(0, bytes);
    const selector = Number(access.peek(bytes, bytes));
    const flags = Number(access.peek(2 * bytes, bytes));
    if (access.failed) return access.failure;
    const accepted = virtualInterruptFlags(state, flags);
    if (accepted === undefined) return access.generalProtection(0);
    if (offset > BigInt(state.segmentLimit(SEGMENT.cs))) return access.generalProtection(0);
    access.setStackPointer(access.stackPointer + BigInt(3 * bytes));
    this.#loads.loadReal(SEGMENT.cs, selector);
    state.rip = offset;
    state.rflagsNumber = accepted;
    return DONE;
  }

  #protected(bytes: number): number {
    const access = this.#access;
    const { state } = access;
    const offset = access.peek(0, bytes);
    const selector = Number(access.peek(bytes, bytes) & 0xffffn);
    const flags = Number(access.peek(2 * bytes, bytes) & 0xffffffffn);
    if (access.failed) return access.failure;
    if ((flags & RFLAGS.vm) !== 0 && bytes === 4 && state.cpl === 0 && !state.isLongMode)
      return this.#toVirtual(offset, selector, flags);
    const target = this.#far.returnTarget(selector, offset);
    if (target === undefined) return access.failure;
    const level = selector & SELECTOR.rpl;
    const newFlags = returnedFlags(state, flags, bytes);
    // IRET in 64-bit mode takes SS and RSP from the stack whether or not the level changes.
    if (level !== state.cpl || state.codeBits === 64) {
      const pointer = access.peek(3 * bytes, bytes);
      const stackSelector = Number(access.peek(4 * bytes, bytes) & 0xffffn);
      const status = this.#far.returnOutward(target, offset, pointer, stackSelector, 0);
      if (status !== DONE) return status;
    } else {
      markAccessed(access, target);
      if (access.failed) return access.failure;
      access.setStackPointer(access.stackPointer + BigInt(3 * bytes));
      loadFrom(state, SEGMENT.cs, selector, target);
      state.rip = offset;
    }
    state.rflagsNumber = newFlags;
    return DONE;
  }

  #toVirtual(offset: bigint, selector: number, flags: number): number {
    const access = this.#access;
    const { state } = access;
    const pointer = access.peek(12, 4);
    const stackSelector = Number(access.peek(16, 4) & 0xffffn);
    const selectors = V86_SEGMENTS.map((_, i) => Number(access.peek(20 + i * 4, 4) & 0xffffn));
    if (offset > 0xffffn) access.generalProtection(0);
    if (access.failed) return access.failure;
    state.rflagsNumber = flags & VIRTUAL_FLAGS;
    this.#loads.loadReal(SEGMENT.cs, selector);
    this.#loads.loadReal(SEGMENT.ss, stackSelector);
    V86_SEGMENTS.forEach((register, i) => {
      this.#loads.loadReal(register, selectors[i] as number);
    });
    state.rip = offset;
    state.setRegister(RSP, pointer);
    return DONE;
  }

  #setFlags(flags: number, mask: number): void {
    const { state } = this.#access;
    state.rflagsNumber = (state.rflagsNumber & ~mask) | (flags & mask);
  }
}

const RSP = 4;

/** All of RFLAGS that an image has. */
const VIRTUAL_FLAGS = 0x3f7fd7;
