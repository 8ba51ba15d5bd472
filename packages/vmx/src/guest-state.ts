import { secondaryControls } from "./control-checks.ts";
import { CPU_BASED2, INTERRUPTIBILITY, VM_ENTRY, VM_EXIT } from "./controls.ts";
import { DIRTY } from "./dirty.ts";
import { CR4 } from "./guest-checks.ts";
import { ACCESS_RIGHTS, SEGMENTS } from "./guest-segment-checks.ts";
import { EFER } from "./host-checks.ts";
import type { MmuConfiguration, VmxCpu, VmxMmu } from "./processor.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";
import { SLOT } from "./vmcs-slots.ts";

const RSP = 4;
const CS = 1;
/** Bits of a linear address with 4-level paging. */
const CANONICAL_BITS = 48;
const CR0_ET = 0x10;
const CR0_PG = 0x80000000;
/** VM entry leaves ET, NW, CD and the reserved bits 15:6, 17, 28:19 of CR0 as they were (SDM Vol 3C, "Loading Guest Control Registers"). */
const CR0_LOADED = 0x8005002f;
const RFLAGS_RF = 0x10000;
/**
 * RF as an exit saves it (SDM Vol 3C, "Saving RIP, RSP, RFLAGS, and SSP"): set where a fault led to the exit, clear where
 * an instruction did, else as it is.
 */
export type ResumeFlag = "set" | "clear" | "keep";
// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const {
  GUEST_RIP,
  GUEST_INTERRUPTIBILITY_INFO: INTERRUPTIBILITY_INFO,
  GUEST_ACTIVITY_STATE: ACTIVITY,
  GUEST_PENDING_DBG_EXCEPTIONS: PENDING_DEBUG,
} = F;
const { processor: PROCESSOR, exit: EXIT } = SLOT;
const HELD = PROCESSOR | EXIT;
const { nmi: BLOCKED_NMI } = INTERRUPTIBILITY;
/** DR7 bits 12, 14, 15 are always 0 and bit 10 is always 1. */
const DR7_ZERO = 0xd000;
const DR7_ONE = 0x400;

/**
 * What the last VM exit, or the last entry that failed like one, was: what a hypervisor asks first, without a VMREAD. Numbers of
 * a port access are int32.
 */
export class LastExit {
  /** As in VM_EXIT_REASON. */
  reason = 0;
  /** Of IN, OUT, INS and OUTS: EXIT_QUALIFICATION, VM_EXIT_INSTRUCTION_LEN and the halves of GUEST_RIP. */
  portQualification = 0;
  instructionLength = 0;
  ripLow = 0;
  ripHigh = 0;
}

/** Moves guest state between the current VMCS and the processor (SDM Vol 3C, "Loading Guest State" and "Saving Guest State"). */
export class GuestState {
  readonly #vmcs: Vmcs;
  readonly #cpu: VmxCpu;
  readonly #mmu: VmxMmu;
  readonly #configuration: MmuConfiguration = { eptPointer: 0, cr0: 0, cr3Low: 0, cr3High: 0, cr4: 0, efer: 0 };
  /** ACTIVITY_STATE.*. */
  activity = 0;
  /** The last exit has saved debug exceptions, which come before the guest's next instruction. */
  hasPendingDebug = false;
  /**
   * Whether an exit leaves in the processor what only a few hypervisor handlers look at: `settle` then brings it to the
   * VMCS before somebody reads it there, or loads the processor.
   */
  isLazy = false;
  /** Whether an exit for IN or OUT may be left in the processor altogether: `isLazy`, and nothing else happens at an exit. */
  holdsExits = false;
  readonly lastExit: LastExit = new LastExit();
  /** What the exit that left state in the processor says of RF. */
  #resumeFlag: ResumeFlag = "keep";
  // 64-bit registers as the VMCS holds them, so that an exit stores only those that changed.
  #cr3 = 0n;
  #gdtrBase = 0n;
  #idtrBase = 0n;

  constructor(vmcs: Vmcs, cpu: VmxCpu, mmu: VmxMmu) {
    this.#vmcs = vmcs;
    this.#cpu = cpu;
    this.#mmu = mmu;
  }

  /** Loads the parts whose DIRTY bit is set. */
  load(dirty: number): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    if (dirty & DIRTY.rip) cpu.setRipPair(vmcs.low(F.GUEST_RIP), vmcs.high(F.GUEST_RIP));
    if (dirty & DIRTY.rsp) cpu.setRegister(RSP, vmcs.wide(F.GUEST_RSP));
    if (dirty & DIRTY.rflags) cpu.rflagsNumber = vmcs.low(F.GUEST_RFLAGS);
    if (dirty & DIRTY.control) this.#loadControlRegisters();
    const segments = (dirty >> 8) & 0xff;
    if (segments !== 0) this.#loadSegments(segments);
    if (dirty & DIRTY.tables) this.#loadTables();
    if (dirty & DIRTY.debug && vmcs.low(F.VM_ENTRY_CONTROLS) & VM_ENTRY.loadDebugControls) {
      cpu.dr7 = (vmcs.low(F.GUEST_DR7) & ~DR7_ZERO) | DR7_ONE;
    }
    if (dirty & DIRTY.nonRegister) {
      const blocking = vmcs.low(F.GUEST_INTERRUPTIBILITY_INFO);
      cpu.interruptShadow = blocking & (INTERRUPTIBILITY.sti | INTERRUPTIBILITY.movSs);
      cpu.nmiBlocked = (blocking & INTERRUPTIBILITY.nmi) !== 0;
      this.activity = vmcs.low(F.GUEST_ACTIVITY_STATE);
    }
    if (dirty & (DIRTY.control | (DIRTY.segment << CS))) this.contextChanged();
    if (this.#usesPae()) this.#loadPdptes(dirty);
  }

  /** PAE paging is in use. */
  #usesPae(): boolean {
    const { cr0, cr4, efer } = this.#cpu;
    return (cr0 & CR0_PG) !== 0 && (cr4 & CR4.pae) !== 0 && (efer & EFER.lma) === 0;
  }

  #usesEpt(): boolean {
    return (secondaryControls(this.#vmcs) & CPU_BASED2.enableEpt) !== 0;
  }

  /** The PDPTE registers: with EPT from the VMCS, else from memory at every entry (SDM Vol 3C, "Loading Page-Directory-Pointer-Table Entries"). */
  #loadPdptes(dirty: number): void {
    if (!this.#usesEpt()) {
      // The entry's checks have read the same entries, so this does not fail.
      this.#mmu.loadPdptes(Number(BigInt.asIntN(32, this.#cpu.cr3)));
      this.#cpu.flushTlb();
      return;
    }
    if ((dirty & DIRTY.control) === 0) return;
    for (let i = 0; i < 4; i++) {
      this.#mmu.setPdpteHalf(2 * i, this.#vmcs.low(F.GUEST_PDPTR0 + i * 8) | 0);
      this.#mmu.setPdpteHalf(2 * i + 1, this.#vmcs.high(F.GUEST_PDPTR0 + i * 8) | 0);
    }
  }

  #loadControlRegisters(): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    const entry = vmcs.low(F.VM_ENTRY_CONTROLS);
    cpu.cr0 = ((vmcs.low(F.GUEST_CR0) & CR0_LOADED) | CR0_ET) >>> 0;
    this.#cr3 = vmcs.wide(F.GUEST_CR3);
    cpu.cr3 = this.#cr3;
    cpu.cr4 = vmcs.low(F.GUEST_CR4);
    let efer = entry & VM_ENTRY.loadEfer ? vmcs.low(F.GUEST_IA32_EFER) : cpu.efer;
    const long = entry & VM_ENTRY.ia32eModeGuest ? EFER.lma | EFER.lme : 0;
    efer = (efer & ~EFER.lma) | (long & EFER.lma);
    if (cpu.cr0 & CR0_PG) efer = (efer & ~EFER.lme) | (long & EFER.lme);
    cpu.efer = efer;
  }

  #loadSegments(segments: number): void {
    for (let index = 0; index < 8; index++) {
      if ((segments & (1 << index)) === 0) continue;
      const from = SEGMENTS[index]!;
      const vmcs = this.#vmcs;
      this.#cpu.setSegmentRaw(
        index,
        vmcs.word(from.selector),
        vmcs.low(from.base) | 0,
        vmcs.high(from.base) | 0,
        vmcs.low(from.limit),
        vmcs.low(from.rights),
      );
    }
  }

  #loadTables(): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    this.#gdtrBase = vmcs.wide(F.GUEST_GDTR_BASE);
    this.#idtrBase = vmcs.wide(F.GUEST_IDTR_BASE);
    cpu.gdtrBase = this.#gdtrBase;
    cpu.gdtrLimit = vmcs.low(F.GUEST_GDTR_LIMIT);
    cpu.idtrBase = this.#idtrBase;
    cpu.idtrLimit = vmcs.low(F.GUEST_IDTR_LIMIT);
    cpu.msrState.sysenterCs = BigInt(vmcs.low(F.GUEST_SYSENTER_CS));
    cpu.msrState.sysenterEsp = vmcs.wide(F.GUEST_SYSENTER_ESP);
    cpu.msrState.sysenterEip = vmcs.wide(F.GUEST_SYSENTER_EIP);
  }

  /** Tells the MMU and the processor of a change of CR0, CR3, CR4, EFER, CS or the EPT pointer. */
  contextChanged(): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    const configuration = this.#configuration;
    configuration.eptPointer = this.#usesEpt() ? vmcs.number(F.EPT_POINTER) : 0;
    configuration.cr0 = cpu.cr0;
    configuration.cr3Low = Number(BigInt.asIntN(32, cpu.cr3));
    configuration.cr3High = Number(cpu.cr3 >> 32n) | 0;
    configuration.cr4 = cpu.cr4;
    configuration.efer = cpu.efer;
    this.#mmu.configure(configuration);
    // The width of code depends on EFER and CS: storing CS makes the processor derive it again.
    cpu.setSegmentRaw(
      CS,
      cpu.segmentSelector(CS),
      cpu.segmentBaseLow(CS),
      cpu.segmentBaseHigh(CS),
      cpu.segmentLimit(CS),
      cpu.segmentAccessRights(CS),
    );
    cpu.flushTlb();
  }

  /**
   * Loads RIP into a processor that holds all the other guest state; false where VM entry refuses RIP (SDM Vol 3C, "Checks
   * on Guest RIP, RFLAGS, and SSP").
   */
  loadRip(): boolean {
    const low = this.#vmcs.low(GUEST_RIP);
    const high = this.#vmcs.high(GUEST_RIP);
    if (high !== 0) {
      const upper = (high | 0) >> (CANONICAL_BITS - 33);
      if (!this.is64Bit || (upper !== 0 && upper !== -1)) return false;
    }
    this.#cpu.setRipPair(low, high);
    return true;
  }

  /** The processor is in 64-bit mode. */
  get is64Bit(): boolean {
    return (this.#cpu.efer & EFER.lma) !== 0 && (this.#cpu.segmentAccessRights(CS) & ACCESS_RIGHTS.l) !== 0;
  }

  /** Saves guest state at an exit; `resumeFlag` says what becomes of RF. */
  leave(resumeFlag: ResumeFlag): void {
    this.hasPendingDebug = this.#cpu.pendingDebug !== 0;
    if (!this.isLazy || this.hasPendingDebug) {
      this.save(resumeFlag);
      return;
    }
    this.#saveInstructionState();
    this.#resumeFlag = resumeFlag;
    this.#vmcs.guard = PROCESSOR;
  }

  /**
   * Leaves an exit for IN or OUT in the processor altogether, RIP and exit information included, so that the VMCS is not written
   * before somebody reads it; false where the exit must be saved.
   */
  hold(): boolean {
    if (!this.holdsExits || this.#cpu.pendingDebug !== 0) return false;
    this.hasPendingDebug = false;
    this.#resumeFlag = "clear";
    this.#vmcs.guard = HELD;
    return true;
  }

  /** The last exit is held. */
  get isHeld(): boolean {
    return this.#vmcs.guard === HELD;
  }

  /** Brings what the last exit left in the processor to the VMCS. */
  settle(): void {
    const { guard } = this.#vmcs;
    if ((guard & PROCESSOR) === 0) return;
    this.#vmcs.guard = 0;
    if ((guard & EXIT) !== 0) {
      this.#saveInstructionState();
      const { reason, portQualification, instructionLength } = this.lastExit;
      this.#vmcs.recordExit(reason, portQualification, instructionLength);
    }
    this.#saveRegisters(this.#resumeFlag);
  }

  /** Saves guest state. */
  save(resumeFlag: ResumeFlag): void {
    this.#vmcs.guard = 0;
    this.#saveInstructionState();
    this.#saveRegisters(resumeFlag);
  }

  /** What each instruction changes: fields that a hypervisor reads at nearly every exit. */
  #saveInstructionState(): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    vmcs.setPair(GUEST_RIP, cpu.ripLow, cpu.ripHigh);
    vmcs.setLow(INTERRUPTIBILITY_INFO, cpu.interruptShadow | (cpu.nmiBlocked ? BLOCKED_NMI : 0));
    vmcs.setLow(ACTIVITY, this.activity);
    vmcs.setPair(PENDING_DEBUG, cpu.pendingDebug, 0);
    cpu.pendingDebug = 0;
  }

  #saveRegisters(resumeFlag: ResumeFlag): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    vmcs.setWide(F.GUEST_RSP, cpu.getRegister(RSP));
    const flags = cpu.rflagsNumber;
    const saved = resumeFlag === "set" ? flags | RFLAGS_RF : resumeFlag === "clear" ? flags & ~RFLAGS_RF : flags;
    vmcs.setPair(F.GUEST_RFLAGS, saved, 0);
    vmcs.setPair(F.GUEST_CR0, cpu.cr0, 0);
    vmcs.setPair(F.GUEST_CR4, cpu.cr4, 0);
    if (cpu.cr3 !== this.#cr3) {
      this.#cr3 = cpu.cr3;
      vmcs.setWide(F.GUEST_CR3, cpu.cr3);
    }
    if (this.#usesPae() && this.#usesEpt()) this.#savePdptes();
    this.#saveSegments();
    this.#saveTables();
    const exit = vmcs.low(F.VM_EXIT_CONTROLS);
    if (exit & VM_EXIT.saveDebugControls) vmcs.setPair(F.GUEST_DR7, cpu.dr7, 0);
    if (exit & VM_EXIT.saveEfer) vmcs.setPair(F.GUEST_IA32_EFER, cpu.efer, 0);
    // IA32_VMX_MISC bit 5: an exit stores EFER.LMA into the entry control "IA-32e mode guest".
    const entry = vmcs.low(F.VM_ENTRY_CONTROLS);
    const long = cpu.efer & EFER.lma ? VM_ENTRY.ia32eModeGuest : 0;
    vmcs.setLow(F.VM_ENTRY_CONTROLS, (entry & ~VM_ENTRY.ia32eModeGuest) | long);
  }

  #savePdptes(): void {
    for (let i = 0; i < 4; i++)
      this.#vmcs.setPair(F.GUEST_PDPTR0 + i * 8, this.#mmu.pdpteHalf(2 * i), this.#mmu.pdpteHalf(2 * i + 1));
  }

  #saveSegments(): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    for (let index = 0; index < 8; index++) {
      const to = SEGMENTS[index]!;
      vmcs.setWord(to.selector, cpu.segmentSelector(index));
      vmcs.setPair(to.base, cpu.segmentBaseLow(index), cpu.segmentBaseHigh(index));
      vmcs.setLow(to.limit, cpu.segmentLimit(index));
      vmcs.setLow(to.rights, cpu.segmentAccessRights(index));
    }
  }

  #saveTables(): void {
    const cpu = this.#cpu;
    const vmcs = this.#vmcs;
    if (cpu.gdtrBase !== this.#gdtrBase) {
      this.#gdtrBase = cpu.gdtrBase;
      vmcs.setWide(F.GUEST_GDTR_BASE, cpu.gdtrBase);
    }
    if (cpu.idtrBase !== this.#idtrBase) {
      this.#idtrBase = cpu.idtrBase;
      vmcs.setWide(F.GUEST_IDTR_BASE, cpu.idtrBase);
    }
    vmcs.setLow(F.GUEST_GDTR_LIMIT, cpu.gdtrLimit);
    vmcs.setLow(F.GUEST_IDTR_LIMIT, cpu.idtrLimit);
  }
}
