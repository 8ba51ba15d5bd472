import { RFLAGS, SEGMENT } from "../context.ts";
import { DONE, isCanonical, type SystemAccess, VECTOR } from "./access.ts";
import type { MsrState } from "./msr-state.ts";
import type { Msrs } from "./msrs.ts";

const RCX = 1;
const RDX = 2;
const RSP = 4;
const R11 = 11;
const EFER_SCE = 1;
const CR4_FSGSBASE = 1 << 16;
const MASK_32 = 0xffff_ffffn;
/** Flat segments that these instructions load without reading a descriptor (SDM Vol 2B, SYSCALL, SYSENTER). */
const CODE_64 = 0xa09b;
const CODE_32 = 0xc09b;
const DATA = 0xc093;
const DPL_3 = 3 << 5;
/** RFLAGS that SYSRET takes from R11. */
const SYSRET_FLAGS = 0x3c7fd7;

/** SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS and RDFSBASE and its like (SDM Vol 2A, 2B). */
export class FastCalls {
  readonly #access: SystemAccess;
  readonly #system: Msrs;

  constructor(access: SystemAccess, msrs: Msrs) {
    this.#access = access;
    this.#system = msrs;
  }

  get #msrs(): MsrState {
    return this.#system.state;
  }

  syscall(next: bigint): number {
    const { state } = this.#access;
    const msrs = this.#msrs;
    if (state.codeBits !== 64 || (state.efer & EFER_SCE) === 0) return this.#access.undefinedOpcode();
    state.setRegister(RCX, next);
    const flags = state.rflagsNumber & ~RFLAGS.rf;
    state.setRegister(R11, BigInt(flags));
    state.rip = msrs.lstar;
    state.rflagsNumber = flags & ~Number(msrs.fmask & MASK_32);
    const selector = Number((msrs.star >> 32n) & 0xfffcn);
    this.#flat(SEGMENT.cs, selector, CODE_64);
    this.#flat(SEGMENT.ss, selector + 8, DATA);
    return DONE;
  }

  sysret(bytes: number): number {
    const access = this.#access;
    const { state } = access;
    const msrs = this.#msrs;
    if (state.codeBits !== 64 || (state.efer & EFER_SCE) === 0) return access.undefinedOpcode();
    if (state.cpl !== 0) return access.generalProtection(0);
    const target = state.getRegister(RCX);
    if (bytes === 8 && !isCanonical(target)) return access.generalProtection(0);
    state.rip = bytes === 8 ? target : target & MASK_32;
    state.rflagsNumber = (Number(state.getRegister(R11) & MASK_32) & SYSRET_FLAGS) | RFLAGS.fixed;
    const selector = Number((msrs.star >> 48n) & 0xffffn);
    const cs = bytes === 8 ? selector + 16 : selector;
    this.#flat(SEGMENT.cs, (cs | 3) & 0xffff, (bytes === 8 ? CODE_64 : CODE_32) | DPL_3);
    this.#flat(SEGMENT.ss, ((selector + 8) | 3) & 0xffff, DATA | DPL_3);
    return DONE;
  }

  sysenter(): number {
    const access = this.#access;
    const { state } = access;
    const msrs = this.#msrs;
    const selector = Number(msrs.sysenterCs & 0xfffcn);
    if (state.isRealMode || selector === 0) return access.generalProtection(0);
    const isLong = state.isLongMode;
    state.rflagsNumber &= ~(RFLAGS.vm | RFLAGS.if);
    state.setRegister(RSP, isLong ? msrs.sysenterEsp : msrs.sysenterEsp & MASK_32);
    state.rip = isLong ? msrs.sysenterEip : msrs.sysenterEip & MASK_32;
    this.#flat(SEGMENT.cs, selector, isLong ? CODE_64 : CODE_32);
    this.#flat(SEGMENT.ss, selector + 8, DATA);
    return DONE;
  }

  sysexit(bytes: number): number {
    const access = this.#access;
    const { state } = access;
    const selector = Number(this.#msrs.sysenterCs & 0xfffcn);
    if (selector === 0 || state.isRealMode || state.cpl !== 0) return access.generalProtection(0);
    const [rip, rsp] = [state.getRegister(RDX), state.getRegister(RCX)];
    const isLong = bytes === 8;
    if (isLong && !(isCanonical(rip) && isCanonical(rsp))) return access.generalProtection(0);
    state.rip = isLong ? rip : rip & MASK_32;
    state.setRegister(RSP, isLong ? rsp : rsp & MASK_32);
    const cs = selector + (isLong ? 32 : 16);
    this.#flat(SEGMENT.cs, (cs | 3) & 0xffff, (isLong ? CODE_64 : CODE_32) | DPL_3);
    this.#flat(SEGMENT.ss, ((cs + 8) | 3) & 0xffff, DATA | DPL_3);
    return DONE;
  }

  swapGs(next: bigint): number {
    const access = this.#access;
    const { state } = access;
    if (state.codeBits !== 64) return access.undefinedOpcode();
    if (state.cpl !== 0) return access.generalProtection(0);
    const gs = state.segmentBase(SEGMENT.gs);
    state.setSegmentBase(SEGMENT.gs, this.#msrs.kernelGsBase);
    this.#msrs.kernelGsBase = gs;
    state.rip = next;
    return DONE;
  }

  /** RDFSBASE and RDGSBASE. */
  readBase(record: number, segment: number, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    if (state.codeBits !== 64 || (state.cr4 & CR4_FSGSBASE) === 0) return access.undefinedOpcode();
    // There is no operand size of 16 bits.
    const bytes = access.operandBytes(record) === 8 ? 8 : 4;
    access.writeRegister(access.rm(record), bytes, state.segmentBase(segment));
    state.rip = next;
    return DONE;
  }

  /** WRFSBASE and WRGSBASE. */
  writeBase(record: number, segment: number, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    if (state.codeBits !== 64 || (state.cr4 & CR4_FSGSBASE) === 0) return access.undefinedOpcode();
    const register = state.getRegister(access.rm(record));
    const value = access.operandBytes(record) === 8 ? register : register & MASK_32;
    if (!isCanonical(value)) return access.raise(VECTOR.gp, 0);
    state.setSegmentBase(segment, value);
    state.rip = next;
    return DONE;
  }

  #flat(register: number, selector: number, rights: number): void {
    this.#access.state.setSegmentRaw(register, selector, 0, 0, 0xffffffff, rights);
  }
}
