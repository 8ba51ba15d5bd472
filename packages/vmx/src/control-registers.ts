import { isUnrestrictedGuest } from "./control-checks.ts";
import { CPU_BASED } from "./controls.ts";
import type { Events } from "./events.ts";
import type { Exits } from "./exits.ts";
import { type Guest, OUTCOME } from "./guest.ts";
import { CR0, CR4 } from "./guest-checks.ts";
import { CR0_NW_CD, EFER } from "./host-checks.ts";
import { EXIT_REASON, VECTOR } from "./numbers.ts";
import { PDPTE_LOAD } from "./processor.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

const ACCESS = { moveTo: 0, moveFrom: 1, clts: 2, lmsw: 3 } as const;
const CR3_NO_INVALIDATE = 1n << 63n;
const PCID = 0xfffn;
const CR0_LMSW = 0xf;
/** Bits whose change by MOV to CR0 or CR4 loads the PDPTE registers (SDM Vol 3A, 4.4.1). */
const CR0_LOADS_PDPTES = (CR0.pg | CR0_NW_CD) >>> 0;
const CR4_LOADS_PDPTES = CR4.pse | CR4.pae | CR4.pge | CR4.smep;

/** MOV CR, CLTS, LMSW and SMSW in non-root operation (SDM Vol 3C, "Changes to Instruction Behavior in VMX Non-Root Operation"). */
export class ControlRegisters {
  readonly #guest: Guest;
  readonly #exits: Exits;
  readonly #events: Events;

  constructor(guest: Guest, exits: Exits, events: Events) {
    this.#guest = guest;
    this.#exits = exits;
    this.#events = events;
  }

  moveTo(register: number, general: number): number {
    const { vmcs, cpu } = this.#guest;
    const value = this.#source(general);
    const controls = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL);
    switch (register) {
      case 0:
        if (this.#differs(F.CR0_GUEST_HOST_MASK, F.CR0_READ_SHADOW, value))
          return this.#exit(0, ACCESS.moveTo, general);
        return this.#setCr0(value);
      case 2:
        cpu.cr2 = value;
        return OUTCOME.advance;
      case 3:
        if (controls & CPU_BASED.cr3LoadExiting && !this.#isCr3Target(value))
          return this.#exit(3, ACCESS.moveTo, general);
        return this.#setCr3(value);
      case 4:
        if (this.#differs(F.CR4_GUEST_HOST_MASK, F.CR4_READ_SHADOW, value))
          return this.#exit(4, ACCESS.moveTo, general);
        return this.#setCr4(value);
      case 8:
        if (controls & CPU_BASED.cr8LoadExiting) return this.#exit(8, ACCESS.moveTo, general);
        if (value > 15n) return this.#fault();
        cpu.cr8 = Number(value);
        return OUTCOME.advance;
      default:
        return this.#events.raise(VECTOR.ud, -1, 0);
    }
  }

  moveFrom(register: number, general: number): number {
    const { vmcs, cpu } = this.#guest;
    const controls = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL);
    switch (register) {
      case 0:
        return this.#store(general, BigInt(this.#visibleCr0()));
      case 2:
        return this.#store(general, cpu.cr2);
      case 3:
        if (controls & CPU_BASED.cr3StoreExiting) return this.#exit(3, ACCESS.moveFrom, general);
        return this.#store(general, cpu.cr3);
      case 4: {
        const mask = vmcs.low(F.CR4_GUEST_HOST_MASK);
        return this.#store(general, BigInt(((vmcs.low(F.CR4_READ_SHADOW) & mask) | (cpu.cr4 & ~mask)) >>> 0));
      }
      case 8:
        if (controls & CPU_BASED.cr8StoreExiting) return this.#exit(8, ACCESS.moveFrom, general);
        return this.#store(general, BigInt(cpu.cr8));
      default:
        return this.#events.raise(VECTOR.ud, -1, 0);
    }
  }

  clts(): number {
    const { vmcs, cpu } = this.#guest;
    if ((vmcs.low(F.CR0_GUEST_HOST_MASK) & CR0.ts) === 0) {
      cpu.cr0 = (cpu.cr0 & ~CR0.ts) >>> 0;
      return OUTCOME.advance;
    }
    // TS belongs to the host: the guest sees the read shadow, and only a 1 there makes CLTS a change.
    if ((vmcs.low(F.CR0_READ_SHADOW) & CR0.ts) === 0) return OUTCOME.advance;
    return this.#exit(0, ACCESS.clts, 0);
  }

  /** LMSW changes PE (never to 0), MP, EM and TS. */
  lmsw(general: number): number {
    const { vmcs, cpu } = this.#guest;
    const source = Number(cpu.getRegister(general) & 0xffffn);
    const mask = vmcs.low(F.CR0_GUEST_HOST_MASK);
    const shadow = vmcs.low(F.CR0_READ_SHADOW);
    const setsPe = (mask & source & ~shadow & CR0.pe) !== 0;
    if (setsPe || (mask & (source ^ shadow) & (CR0_LMSW & ~CR0.pe)) !== 0) {
      return this.#exits.plain(EXIT_REASON.CR_ACCESS, (ACCESS.lmsw << 4) | (source << 16), cpu.stop.instructionLength);
    }
    const changed = CR0_LMSW & ~mask;
    const kept = cpu.cr0 & CR0.pe;
    cpu.cr0 = ((cpu.cr0 & ~changed) | (source & changed) | kept) >>> 0;
    this.#guest.state.contextChanged();
    return OUTCOME.advance;
  }

  /** SMSW to a register. */
  smsw(general: number): number {
    const { cpu } = this.#guest;
    const cr0 = BigInt(this.#visibleCr0());
    const is16 = cpu.stop.operandSize === 16;
    cpu.setRegister(general, is16 ? (cpu.getRegister(general) & ~0xffffn) | (cr0 & 0xffffn) : cr0);
    return OUTCOME.advance;
  }

  #visibleCr0(): number {
    const { vmcs, cpu } = this.#guest;
    const mask = vmcs.low(F.CR0_GUEST_HOST_MASK);
    return ((vmcs.low(F.CR0_READ_SHADOW) & mask) | (cpu.cr0 & ~mask)) >>> 0;
  }

  #source(general: number): bigint {
    const { cpu } = this.#guest;
    return this.#is64Bit() ? cpu.getRegister(general) : cpu.getRegister(general) & 0xffffffffn;
  }

  #store(general: number, value: bigint): number {
    this.#guest.cpu.setRegister(general, this.#is64Bit() ? value : value & 0xffffffffn);
    return OUTCOME.advance;
  }

  #is64Bit(): boolean {
    return (this.#guest.cpu.efer & EFER.lma) !== 0 && this.#hasLongCode();
  }

  /** CS.L */
  #hasLongCode(): boolean {
    return (this.#guest.cpu.segmentAccessRights(1) & (1 << 13)) !== 0;
  }

  /** True when the value has a bit that belongs to the host and differs from the read shadow. */
  #differs(mask: number, shadow: number, value: bigint): boolean {
    const { vmcs } = this.#guest;
    return ((value ^ vmcs.wide(shadow)) & vmcs.wide(mask)) !== 0n;
  }

  #isCr3Target(value: bigint): boolean {
    const { vmcs } = this.#guest;
    const count = vmcs.low(F.CR3_TARGET_COUNT);
    for (let i = 0; i < count; i++) if (vmcs.wide(F.CR3_TARGET_VALUE0 + i * 8) === value) return true;
    return false;
  }

  #setCr0(value: bigint): number {
    const { vmcs, cpu, capabilities, state } = this.#guest;
    const mask = vmcs.low(F.CR0_GUEST_HOST_MASK);
    const next = ((cpu.cr0 & mask) | (Number(value & 0xffffffffn) & ~mask) | CR0.et) >>> 0;
    const pagingWithoutProtection = (next & CR0.pg) !== 0 && (next & CR0.pe) === 0;
    const writeThroughWithoutDisable = (next & CR0.nw) !== 0 && (next & CR0.cd) === 0;
    if (value >> 32n !== 0n || pagingWithoutProtection || writeThroughWithoutDisable) return this.#fault();
    const exempt = isUnrestrictedGuest(vmcs) ? (CR0.pe | CR0.pg | CR0_NW_CD) >>> 0 : CR0_NW_CD;
    if (capabilities.cr0.mustBeOne & ~exempt & ~next) return this.#fault();
    const turnsPaging = ((next ^ cpu.cr0) & CR0.pg) !== 0;
    const isLong = (next & CR0.pg) !== 0 && (cpu.efer & EFER.lme) !== 0;
    const isInvalidEntry = isLong && ((cpu.cr4 & CR4.pae) === 0 || this.#hasLongCode());
    // 64-bit mode and PCIDs end with paging: both must end before it (SDM Vol 3A, 4.1.2 and 4.10.1).
    const isInvalidExit = !isLong && (this.#is64Bit() || (cpu.cr4 & CR4.pcide) !== 0);
    if (turnsPaging && (isInvalidEntry || isInvalidExit)) return this.#fault();
    if (((next ^ cpu.cr0) & CR0_LOADS_PDPTES) !== 0) {
      const outcome = this.#loadPdptes(next, cpu.cr4, isLong ? EFER.lma : 0, cpu.cr3);
      if (outcome !== OUTCOME.advance) return outcome;
    }
    if (turnsPaging) cpu.efer = isLong ? cpu.efer | EFER.lma : cpu.efer & ~EFER.lma;
    cpu.cr0 = next;
    state.contextChanged();
    return OUTCOME.advance;
  }

  #setCr3(value: bigint): number {
    const { cpu, physicalLimit, state } = this.#guest;
    const address = (cpu.cr4 & CR4.pcide) !== 0 ? value & ~CR3_NO_INVALIDATE : value;
    if (this.#is64Bit() && address >= BigInt(physicalLimit)) return this.#fault();
    const outcome = this.#loadPdptes(cpu.cr0, cpu.cr4, cpu.efer, address);
    if (outcome !== OUTCOME.advance) return outcome;
    cpu.cr3 = address;
    state.contextChanged();
    return OUTCOME.advance;
  }

  #setCr4(value: bigint): number {
    const { vmcs, cpu, capabilities, state } = this.#guest;
    const mask = vmcs.low(F.CR4_GUEST_HOST_MASK);
    const next = ((cpu.cr4 & mask) | (Number(value & 0xffffffffn) & ~mask)) >>> 0;
    const wrong = (capabilities.cr4.mustBeOne & ~next) !== 0 || (next & ~capabilities.cr4.mayBeOne) !== 0;
    const leavesLongMode = (cpu.efer & EFER.lma) !== 0 && (next & CR4.pae) === 0;
    // PCIDs begin in IA-32e mode, with PCID 0 (SDM Vol 3A, 4.10.1).
    const startsPcids = (next & ~cpu.cr4 & CR4.pcide) !== 0;
    const isInvalidStart = startsPcids && ((cpu.efer & EFER.lma) === 0 || (cpu.cr3 & PCID) !== 0n);
    if (value >> 32n !== 0n || wrong || leavesLongMode || isInvalidStart) return this.#fault();
    if (((next ^ cpu.cr4) & CR4_LOADS_PDPTES) !== 0) {
      const outcome = this.#loadPdptes(cpu.cr0, next, cpu.efer, cpu.cr3);
      if (outcome !== OUTCOME.advance) return outcome;
    }
    cpu.cr4 = next;
    state.contextChanged();
    return OUTCOME.advance;
  }

  /** Loads the PDPTE registers if PAE paging is in use with these registers: advance, or what a failure led to. */
  #loadPdptes(cr0: number, cr4: number, efer: number, cr3: bigint): number {
    if ((cr0 & CR0.pg) === 0 || (cr4 & CR4.pae) === 0 || (efer & EFER.lma) !== 0) return OUTCOME.advance;
    const result = this.#guest.mmu.loadPdptes(Number(BigInt.asIntN(32, cr3)));
    if (result === PDPTE_LOAD.ok) return OUTCOME.advance;
    if (result === PDPTE_LOAD.reserved) return this.#fault();
    this.#exits.beginMmuStop("set");
    return this.#exits.finish();
  }

  #fault(): number {
    return this.#events.raise(VECTOR.gp, (this.#guest.cpu.cr0 & CR0.pe) !== 0 ? 0 : -1, 0);
  }

  #exit(register: number, access: number, general: number): number {
    const { stop } = this.#guest.cpu;
    const qualification = register | (access << 4) | (general << 8);
    return this.#exits.plain(EXIT_REASON.CR_ACCESS, qualification, stop.instructionLength);
  }
}
