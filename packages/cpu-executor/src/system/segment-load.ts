import { RFLAGS, SEGMENT } from "../context.ts";
import { DONE, type SystemAccess, VECTOR } from "./access.ts";
import {
  type Descriptor,
  isNull,
  loadFrom,
  lookUp,
  markAccessed,
  named,
  RIGHTS,
  readDescriptor,
  readUpperHalf,
  SELECTOR,
  SYSTEM_TYPE,
} from "./descriptor.ts";

/** Access rights of every segment in virtual-8086 mode (SDM Vol 3A, 21.2). */
const V86_RIGHTS = 0xf3;
const ZF = RFLAGS.zf;

/** Loads of segment registers, LDTR and TR, and the instructions that look at descriptors (SDM Vol 3A, 3.4, 5.6, 5.10). */
export class SegmentLoads {
  readonly #access: SystemAccess;

  constructor(access: SystemAccess) {
    this.#access = access;
  }

  /** MOV, POP and LES and their like to ES, SS, DS, FS or GS: DONE when loaded. */
  load(register: number, selector: number): number {
    const { state } = this.#access;
    if (state.isRealMode || state.isVirtual8086) {
      this.loadReal(register, selector);
      return DONE;
    }
    return register === SEGMENT.ss ? this.#loadStack(selector) : this.#loadData(register, selector);
  }

  /** In real mode a selector is the base divided by 16, and limit and rights stay (SDM Vol 3A, 21.1.1); in virtual-8086 mode they are fixed. */
  loadReal(register: number, selector: number): void {
    const { state } = this.#access;
    const limit = state.isVirtual8086 ? 0xffff : state.segmentLimit(register);
    const rights = state.isVirtual8086 ? V86_RIGHTS : state.segmentAccessRights(register);
    state.setSegmentRaw(register, selector, selector << 4, 0, limit, rights);
  }

  /** Makes a register unusable, as a null selector does. */
  loadNull(register: number, selector: number): void {
    const { state } = this.#access;
    const kept = register === SEGMENT.ss ? state.segmentAccessRights(register) & 0x60 : 0;
    state.setSegmentRaw(register, selector, 0, 0, 0, RIGHTS.unusable | kept);
  }

  #loadData(register: number, selector: number): number {
    const access = this.#access;
    if (isNull(selector)) {
      this.loadNull(register, selector);
      return DONE;
    }
    const descriptor = readDescriptor(access, selector);
    if (descriptor === undefined) return access.failure;
    if (!descriptor.isReadable) return access.generalProtection(named(selector));
    const level = Math.max(selector & SELECTOR.rpl, access.state.cpl);
    if (!descriptor.isConforming && descriptor.dpl < level) return access.generalProtection(named(selector));
    if (!descriptor.isPresent) return access.raise(VECTOR.np, named(selector));
    markAccessed(access, descriptor);
    if (access.failed) return access.failure;
    loadFrom(access.state, register, selector, descriptor);
    return DONE;
  }

  #loadStack(selector: number): number {
    const access = this.#access;
    const { state } = access;
    const { cpl } = state;
    if (isNull(selector)) {
      // A stack without a segment exists in 64-bit mode, except at CPL 3 (SDM Vol 2B, MOV).
      if (state.codeBits !== 64 || cpl === 3 || (selector & SELECTOR.rpl) !== cpl) return access.generalProtection(0);
      this.loadNull(SEGMENT.ss, selector);
      return DONE;
    }
    const descriptor = readDescriptor(access, selector);
    if (descriptor === undefined) return access.failure;
    if ((selector & SELECTOR.rpl) !== cpl || !descriptor.isWritable || descriptor.dpl !== cpl)
      return access.generalProtection(named(selector));
    if (!descriptor.isPresent) return access.raise(VECTOR.ss, named(selector));
    markAccessed(access, descriptor);
    if (access.failed) return access.failure;
    loadFrom(state, SEGMENT.ss, selector, descriptor);
    return DONE;
  }

  /** LLDT (SDM Vol 2A). */
  loadLdt(selector: number): number {
    const access = this.#access;
    const { state } = access;
    if (isNull(selector)) {
      state.setSegmentRaw(SEGMENT.ldtr, selector, 0, 0, 0, RIGHTS.unusable);
      return DONE;
    }
    const found = this.#systemDescriptor(selector, [SYSTEM_TYPE.ldt]);
    if (found === undefined) return access.failure;
    loadFrom(state, SEGMENT.ldtr, selector, found.descriptor, found.baseHigh);
    return DONE;
  }

  /** LTR (SDM Vol 2A): the TSS must be available and becomes busy. */
  loadTask(selector: number): number {
    const access = this.#access;
    const { state } = access;
    if (isNull(selector)) return access.generalProtection(0);
    const types = state.isLongMode ? [SYSTEM_TYPE.tss32] : [SYSTEM_TYPE.tss16, SYSTEM_TYPE.tss32];
    const found = this.#systemDescriptor(selector, types);
    if (found === undefined) return access.failure;
    const { descriptor, baseHigh } = found;
    access.writeSystem(descriptor.linear + 5n, 1, BigInt(((descriptor.high >>> 8) & 0xff) | 2));
    if (access.failed) return access.failure;
    const rights = descriptor.rights | 2;
    state.setSegmentRaw(SEGMENT.tr, selector, descriptor.base | 0, baseHigh, descriptor.limit, rights);
    return DONE;
  }

  #systemDescriptor(
    selector: number,
    types: readonly number[],
  ): { readonly descriptor: Descriptor; readonly baseHigh: number } | undefined {
    const access = this.#access;
    const { isLongMode } = access.state;
    const descriptor = (selector & SELECTOR.table) === 0 ? lookUp(access, selector, isLongMode ? 16 : 8) : undefined;
    if (descriptor === undefined || !descriptor.isSystem || !types.includes(descriptor.type)) {
      access.generalProtection(named(selector));
      return undefined;
    }
    if (!descriptor.isPresent) {
      access.raise(VECTOR.np, named(selector));
      return undefined;
    }
    if (!isLongMode) return { descriptor, baseHigh: 0 };
    const upper = readUpperHalf(access, descriptor);
    const top = BigInt.asIntN(64, (BigInt(upper.base) << 32n) | BigInt(descriptor.base));
    if (upper.type !== 0 || BigInt.asIntN(48, top) !== top) access.generalProtection(named(selector));
    return access.failed ? undefined : { descriptor, baseHigh: upper.base | 0 };
  }

  /** LAR and LSL: the rights or the limit, and ZF tells whether the selector names something visible. */
  inspect(record: number, what: "rights" | "limit"): number {
    const access = this.#access;
    const selector = access.readWord(record);
    if (access.failed) return access.failure;
    const descriptor = this.#visible(selector, what === "rights" ? LAR_TYPES : LSL_TYPES);
    if (access.failed) return access.failure;
    this.#setZero(descriptor !== undefined);
    if (descriptor !== undefined) {
      const value = what === "rights" ? descriptor.high & 0x00ffff00 : descriptor.limit;
      access.writeRegister(access.reg(record), access.operandBytes(record), BigInt(value >>> 0));
    }
    return DONE;
  }

  /** VERR and VERW: ZF tells whether the segment may be read or written at the current privilege. */
  verify(record: number, what: "read" | "write"): number {
    const access = this.#access;
    const selector = access.readWord(record);
    if (access.failed) return access.failure;
    const descriptor = this.#visible(selector, []);
    if (access.failed) return access.failure;
    this.#setZero(descriptor !== undefined && (what === "read" ? descriptor.isReadable : descriptor.isWritable));
    return DONE;
  }

  #visible(selector: number, systemTypes: readonly number[]): Descriptor | undefined {
    const access = this.#access;
    if (isNull(selector)) return undefined;
    const descriptor = lookUp(access, selector);
    if (descriptor === undefined) return undefined;
    if (descriptor.isSystem) {
      const types = access.state.isLongMode ? systemTypes.filter((type) => LONG_TYPES.includes(type)) : systemTypes;
      if (!types.includes(descriptor.type)) return undefined;
    }
    const level = Math.max(selector & SELECTOR.rpl, access.state.cpl);
    return descriptor.isConforming || descriptor.dpl >= level ? descriptor : undefined;
  }

  #setZero(zero: boolean): void {
    const { state } = this.#access;
    state.rflagsNumber = (state.rflagsNumber & ~ZF) | (zero ? ZF : 0);
  }

  /** ARPL: raises a selector's RPL to that of another. */
  adjustRpl(record: number): number {
    const access = this.#access;
    const { state } = access;
    if (state.isRealMode || state.isVirtual8086) return access.undefinedOpcode();
    const destination = access.readWord(record);
    const rpl = state.registerLow(access.reg(record)) & SELECTOR.rpl;
    const raises = (destination & SELECTOR.rpl) < rpl;
    const value = raises ? (destination & ~SELECTOR.rpl) | rpl : destination;
    const register = access.rm(record);
    if (raises && register < 0) access.writeOperand(record, 2, BigInt(value));
    if (access.failed) return access.failure;
    if (register >= 0) access.writeRegister(register, 2, BigInt(value));
    this.#setZero(raises);
    return DONE;
  }
}

const { tss16, ldt, busyTss16, callGate16, taskGate, tss32, busyTss32, callGate32 } = SYSTEM_TYPE;
/** System descriptors that LAR and LSL see (SDM Vol 2A, tables of LAR and LSL); in IA-32e mode only LONG_TYPES of them. */
const LAR_TYPES: readonly number[] = [tss16, ldt, busyTss16, callGate16, taskGate, tss32, busyTss32, callGate32];
const LSL_TYPES: readonly number[] = [tss16, ldt, busyTss16, tss32, busyTss32];
const LONG_TYPES: readonly number[] = [ldt, tss32, busyTss32, callGate32];
