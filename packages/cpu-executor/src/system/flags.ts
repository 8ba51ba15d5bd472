import { ARITHMETIC_FLAGS, RFLAGS } from "../context.ts";
import type { CpuState } from "../state.ts";
import { DONE, type SystemAccess } from "./access.ts";

const CR4_VME = 1;
const CR4_PVI = 2;
const IOPL_3 = 3;

const ALWAYS = ARITHMETIC_FLAGS | RFLAGS.tf | RFLAGS.df | RFLAGS.nt;

/**
 * RFLAGS bits that POPF and IRET change at the current privilege: IF from CPL at most IOPL, IOPL at CPL 0 alone (SDM Vol 2B, POPF,
 * table 4-16). Without RF, VM, VIF and VIP, which differ between the two.
 */
export function changeableFlags(state: CpuState, bytes: number): number {
  const { cpl } = state;
  let mask: number = ALWAYS;
  if (bytes !== 2) mask |= RFLAGS.ac | RFLAGS.id;
  if (cpl <= state.iopl) mask |= RFLAGS.if;
  if (cpl === 0) mask |= RFLAGS.iopl;
  return mask;
}

/** RFLAGS behind an IRET outside virtual-8086 mode that pops `popped`, at the privilege from which it returns: VIF and VIP change at CPL 0 only. */
export function returnedFlags(state: CpuState, popped: number, bytes: number): number {
  let mask = changeableFlags(state, bytes);
  if (bytes !== 2) mask |= RFLAGS.rf | (state.cpl === 0 ? RFLAGS.vif | RFLAGS.vip : 0);
  // The mask has every arithmetic flag, so that those of now do not count.
  return (state.flagRest & ~mask) | (popped & mask) | RFLAGS.fixed;
}

/**
 * RFLAGS behind a 16-bit POPF or IRET in virtual-8086 mode with VME and IOPL below 3: VIF stands for IF. undefined where they
 * raise #GP: an interrupt is pending that the guest would enable, or TF would be set (SDM Vol 3A, 21.3.3.4).
 */
export function virtualInterruptFlags(state: CpuState, popped: number): number | undefined {
  const old = state.rflagsNumber;
  if ((popped & RFLAGS.tf) !== 0 || ((popped & RFLAGS.if) !== 0 && (old & RFLAGS.vip) !== 0)) return undefined;
  const mask = (ALWAYS & 0xffff) | RFLAGS.vif;
  const virtual = (popped & RFLAGS.if) !== 0 ? RFLAGS.vif : 0;
  return (old & ~mask) | (popped & ALWAYS & 0xffff) | virtual;
}

/** POPF, and the cases of PUSHF, CLI and STI that depend on IOPL. */
export class FlagInstructions {
  readonly #access: SystemAccess;

  constructor(access: SystemAccess) {
    this.#access = access;
  }

  pop(record: number, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const bytes = access.operandBytes(record);
    const isVirtual = state.isVirtual8086 && state.iopl !== IOPL_3;
    if (isVirtual && (bytes !== 2 || (state.cr4 & CR4_VME) === 0)) return access.generalProtection(0);
    const popped = Number(access.peek(0, bytes) & 0xffffffffn);
    if (access.failed) return access.failure;
    const old = state.rflagsNumber;
    const mask = changeableFlags(state, bytes);
    const cleared = bytes === 2 ? 0 : RFLAGS.rf;
    const flags = isVirtual ? virtualInterruptFlags(state, popped) : (old & ~mask & ~cleared) | (popped & mask);
    if (flags === undefined) return access.generalProtection(0);
    access.setStackPointer(access.stackPointer + BigInt(bytes));
    state.rflagsNumber = flags;
    state.rip = next;
    return DONE;
  }

  /** PUSHF in virtual-8086 mode. */
  push(record: number, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const bytes = access.operandBytes(record);
    let flags = state.rflagsNumber & ~(RFLAGS.vm | RFLAGS.rf);
    if (state.iopl !== IOPL_3) {
      if (bytes !== 2 || (state.cr4 & CR4_VME) === 0) return access.generalProtection(0);
      flags = (flags & ~RFLAGS.if) | RFLAGS.iopl | ((flags & RFLAGS.vif) !== 0 ? RFLAGS.if : 0);
    }
    const pointer = access.push([BigInt(flags >>> 0)], bytes);
    if (access.failed) return access.failure;
    access.setStackPointer(pointer);
    state.rip = next;
    return DONE;
  }

  /** CLI and STI above IOPL: VIF with VME or PVI, else #GP (SDM Vol 2A, CLI; Vol 2B, STI). */
  setInterrupt(value: "clear" | "set", next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const isVirtual = state.isVirtual8086
      ? (state.cr4 & CR4_VME) !== 0
      : state.cpl === 3 && (state.cr4 & CR4_PVI) !== 0;
    if (!isVirtual) return access.generalProtection(0);
    if (value === "set" && (state.flagRest & RFLAGS.vip) !== 0) return access.generalProtection(0);
    if (value === "set") state.changeFlagRest(0, RFLAGS.vif);
    else state.changeFlagRest(RFLAGS.vif, 0);
    state.rip = next;
    return DONE;
  }
}
