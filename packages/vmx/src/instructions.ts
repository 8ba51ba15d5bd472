import { INTERCEPT } from "@likex/cpu-executor";
import { secondaryControls } from "./control-checks.ts";
import type { ControlRegisters } from "./control-registers.ts";
import { ACTIVITY_STATE, CPU_BASED, CPU_BASED2 } from "./controls.ts";
import type { Events } from "./events.ts";
import type { Exits } from "./exits.ts";
import { type Guest, OUTCOME } from "./guest.ts";
import { CR4 } from "./guest-checks.ts";
import { MSR, type MsrFile } from "./msrs.ts";
import { EXIT_REASON, VECTOR } from "./numbers.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const SS = 2;
const LOW32 = 0xffffffffn;

/** Instructions that exit whatever the controls are (SDM Vol 3C, "Instructions That Cause VM Exits Unconditionally"). */
const UNCONDITIONAL: ReadonlyMap<number, number> = new Map([
  [INTERCEPT.cpuid, EXIT_REASON.CPUID],
  [INTERCEPT.invd, EXIT_REASON.INVD],
  [INTERCEPT.xsetbv, EXIT_REASON.XSETBV],
  [INTERCEPT.vmcall, EXIT_REASON.VMCALL],
  [INTERCEPT.vmclear, EXIT_REASON.VMCLEAR],
  [INTERCEPT.vmlaunch, EXIT_REASON.VMLAUNCH],
  [INTERCEPT.vmptrld, EXIT_REASON.VMPTRLD],
  [INTERCEPT.vmptrst, EXIT_REASON.VMPTRST],
  [INTERCEPT.vmread, EXIT_REASON.VMREAD],
  [INTERCEPT.vmresume, EXIT_REASON.VMRESUME],
  [INTERCEPT.vmwrite, EXIT_REASON.VMWRITE],
  [INTERCEPT.vmxoff, EXIT_REASON.VMXOFF],
  [INTERCEPT.vmxon, EXIT_REASON.VMXON],
  [INTERCEPT.invept, EXIT_REASON.INVEPT],
  [INTERCEPT.invvpid, EXIT_REASON.INVVPID],
]);

/** Those that are #GP above CPL 0 before they exit. */
const PRIVILEGED: ReadonlySet<number> = new Set([
  INTERCEPT.hlt,
  INTERCEPT.rdmsr,
  INTERCEPT.wrmsr,
  INTERCEPT.movToCr,
  INTERCEPT.movFromCr,
  INTERCEPT.movToDr,
  INTERCEPT.movFromDr,
  INTERCEPT.invlpg,
  INTERCEPT.wbinvd,
  INTERCEPT.invd,
  INTERCEPT.clts,
  INTERCEPT.lmsw,
  INTERCEPT.xsetbv,
]);

/** Instructions that the processor leaves to system software: they exit, or are carried out here. */
export class Instructions {
  readonly #guest: Guest;
  readonly #exits: Exits;
  readonly #events: Events;
  readonly #controlRegisters: ControlRegisters;
  readonly #msrs: MsrFile;

  constructor(guest: Guest, exits: Exits, events: Events, controlRegisters: ControlRegisters, msrs: MsrFile) {
    this.#guest = guest;
    this.#exits = exits;
    this.#events = events;
    this.#controlRegisters = controlRegisters;
    this.#msrs = msrs;
  }

  /** The instruction at RIP that the processor's stop names; returns OUTCOME.*. */
  handle(): number {
    const { cpu, vmcs } = this.#guest;
    const { instruction, instructionLength, operandReg, operandRm } = cpu.stop;
    const controls = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL);
    if (PRIVILEGED.has(instruction) && this.#cpl() !== 0) return this.#fault();
    const always = UNCONDITIONAL.get(instruction);
    if (always !== undefined) return this.#exits.plain(always, 0, instructionLength);
    switch (instruction) {
      case INTERCEPT.hlt:
        return this.#hlt(controls);
      case INTERCEPT.rdtsc:
      case INTERCEPT.rdtscp:
        return this.#readTsc(controls);
      case INTERCEPT.rdmsr:
        return this.#readMsr();
      case INTERCEPT.wrmsr:
        return this.#writeMsr();
      case INTERCEPT.movToCr:
        return this.#controlRegisters.moveTo(operandReg, operandRm);
      case INTERCEPT.movFromCr:
        return this.#controlRegisters.moveFrom(operandReg, operandRm);
      case INTERCEPT.clts:
        return this.#controlRegisters.clts();
      case INTERCEPT.lmsw:
        return operandRm < 0 ? this.#undefined() : this.#controlRegisters.lmsw(operandRm);
      case INTERCEPT.smsw:
        return operandRm < 0 ? this.#undefined() : this.#controlRegisters.smsw(operandRm);
      case INTERCEPT.movToDr:
      case INTERCEPT.movFromDr:
        return this.#debugRegister(controls);
      case INTERCEPT.invlpg:
        if (controls & CPU_BASED.invlpgExiting) return this.#exit(EXIT_REASON.INVLPG);
        cpu.flushTlb();
        return OUTCOME.advance;
      case INTERCEPT.monitor:
        return controls & CPU_BASED.monitorExiting ? this.#exit(EXIT_REASON.MONITOR) : OUTCOME.advance;
      case INTERCEPT.mwait:
        return controls & CPU_BASED.mwaitExiting ? this.#exit(EXIT_REASON.MWAIT) : OUTCOME.advance;
      case INTERCEPT.pause:
        return controls & CPU_BASED.pauseExiting ? this.#exit(EXIT_REASON.PAUSE) : OUTCOME.advance;
      case INTERCEPT.rdpmc:
        // There are no performance counters.
        return controls & CPU_BASED.rdpmcExiting ? this.#exit(EXIT_REASON.RDPMC) : this.#fault();
      case INTERCEPT.wbinvd:
        return secondaryControls(vmcs) & CPU_BASED2.wbinvdExiting ? this.#exit(EXIT_REASON.WBINVD) : OUTCOME.advance;
      default:
        return this.#descriptorTable(instruction);
    }
  }

  #cpl(): number {
    return (this.#guest.cpu.segmentAccessRights(SS) >> 5) & 3;
  }

  #exit(reason: number): number {
    return this.#exits.plain(reason, 0, this.#guest.cpu.stop.instructionLength);
  }

  #undefined(): number {
    return this.#events.raise(VECTOR.ud, -1, 0);
  }

  #fault(): number {
    return this.#events.raise(VECTOR.gp, (this.#guest.cpu.cr0 & 1) !== 0 ? 0 : -1, 0);
  }

  #hlt(controls: number): number {
    if (controls & CPU_BASED.hltExiting) return this.#exit(EXIT_REASON.HLT);
    this.#guest.state.activity = ACTIVITY_STATE.hlt;
    return OUTCOME.advance;
  }

  #readTsc(controls: number): number {
    const { cpu, vmcs } = this.#guest;
    const withAux = cpu.stop.instruction === INTERCEPT.rdtscp;
    if (withAux && (secondaryControls(vmcs) & CPU_BASED2.enableRdtscp) === 0) return this.#undefined();
    if ((cpu.cr4 & CR4.tsd) !== 0 && this.#cpl() !== 0) return this.#fault();
    if (controls & CPU_BASED.rdtscExiting) return this.#exit(withAux ? EXIT_REASON.RDTSCP : EXIT_REASON.RDTSC);
    this.#setPair(this.#msrs.guestTsc());
    if (withAux) cpu.setRegister(RCX, this.#msrs.read(MSR.IA32_TSC_AUX) ?? 0n);
    return OUTCOME.advance;
  }

  #readMsr(): number {
    const index = this.#msrIndex();
    if (this.#msrs.exits(index, 0)) return this.#exit(EXIT_REASON.RDMSR);
    const value = this.#msrs.read(index);
    if (value === undefined) return this.#fault();
    this.#setPair(value);
    return OUTCOME.advance;
  }

  #writeMsr(): number {
    const { cpu } = this.#guest;
    const index = this.#msrIndex();
    if (this.#msrs.exits(index, 1)) return this.#exit(EXIT_REASON.WRMSR);
    const value = ((cpu.getRegister(RDX) & LOW32) << 32n) | (cpu.getRegister(RAX) & LOW32);
    return this.#msrs.write(index, value) ? OUTCOME.advance : this.#fault();
  }

  #msrIndex(): number {
    return Number(this.#guest.cpu.getRegister(RCX) & LOW32);
  }

  #setPair(value: bigint): void {
    const { cpu } = this.#guest;
    cpu.setRegister(RAX, value & LOW32);
    cpu.setRegister(RDX, value >> 32n);
  }

  /** Exit qualification: register 2:0, direction 4 (1 from the debug register), general register 11:8. */
  #debugRegister(controls: number): number {
    const { cpu } = this.#guest;
    const { operandReg, operandRm, instructionLength } = cpu.stop;
    const isRead = cpu.stop.instruction === INTERCEPT.movFromDr;
    if (controls & CPU_BASED.movDrExiting) {
      const qualification = (operandReg & 7) | (isRead ? 1 << 4 : 0) | (operandRm << 8);
      return this.#exits.plain(EXIT_REASON.DR_ACCESS, qualification, instructionLength);
    }
    // DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE is set.
    const isAlias = operandReg === 4 || operandReg === 5;
    if (operandReg > 7 || (isAlias && (cpu.cr4 & CR4.de) !== 0)) return this.#undefined();
    const register = isAlias ? operandReg + 2 : operandReg;
    if (isRead) {
      cpu.setRegister(operandRm, this.#readDebug(register));
      return OUTCOME.advance;
    }
    const value = cpu.getRegister(operandRm);
    if (register >= 6 && value >> 32n !== 0n) return this.#fault();
    this.#writeDebug(register, value);
    return OUTCOME.advance;
  }

  #readDebug(register: number): bigint {
    const { cpu } = this.#guest;
    if (register === 6) return BigInt(cpu.dr6 >>> 0);
    if (register === 7) return BigInt(cpu.dr7 >>> 0);
    return [cpu.dr0, cpu.dr1, cpu.dr2, cpu.dr3][register] ?? 0n;
  }

  #writeDebug(register: number, value: bigint): void {
    const { cpu } = this.#guest;
    if (register === 0) cpu.dr0 = value;
    else if (register === 1) cpu.dr1 = value;
    else if (register === 2) cpu.dr2 = value;
    else if (register === 3) cpu.dr3 = value;
    else if (register === 6) cpu.dr6 = ((Number(value) & 0xe00f) | 0xffff0ff0) >>> 0;
    else cpu.dr7 = ((Number(value) & ~0xd000) | 0x400) >>> 0;
  }

  /** LGDT and its like exit under descriptor-table exiting; otherwise they are #UD here: their operand is not known. */
  #descriptorTable(instruction: number): number {
    const exiting = (secondaryControls(this.#guest.vmcs) & CPU_BASED2.descriptorTableExiting) !== 0;
    if (exiting && instruction >= INTERCEPT.lgdt && instruction <= INTERCEPT.sidt)
      return this.#exit(EXIT_REASON.GDTR_IDTR_ACCESS);
    if (exiting && instruction >= INTERCEPT.lldt && instruction <= INTERCEPT.str)
      return this.#exit(EXIT_REASON.LDTR_TR_ACCESS);
    return this.#undefined();
  }
}
