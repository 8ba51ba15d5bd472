import { STOP, WINDOW } from "@likex/cpu-executor";
import { ACTIVITY_STATE, CPU_BASED, INTERRUPTIBILITY, INTERRUPTION_INFO, INTERRUPTION_TYPE } from "./controls.ts";
import type { Events } from "./events.ts";
import type { Exits } from "./exits.ts";
import { type Guest, OUTCOME } from "./guest.ts";
import type { GuestState } from "./guest-state.ts";
import { EFER } from "./host-checks.ts";
import type { Instructions } from "./instructions.ts";
import type { Io } from "./io.ts";
import { EXIT_REASON, VECTOR } from "./numbers.ts";
import type { VmxCpu } from "./processor.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const { budget: BUDGET_STOP, window: WINDOW_STOP, port: PORT_STOP } = STOP;
const { exited: EXITED } = OUTCOME;
const { active: ACTIVE } = ACTIVITY_STATE;
const RFLAGS_TF = 0x100;
const RFLAGS_IF = 0x200;
const DR6_BS = 1 << 14;
const CS = 1;
const CS_L = 1 << 13;
/** B3:B0 and BS of the pending debug exceptions; bit 12 says that a breakpoint was met and enabled. */
const PENDING_DEBUG = 0x500f;
/** Without bit 12, which DR6 does not have. */
const PENDING_TRAPS = 0x400f;
const WINDOWS = CPU_BASED.interruptWindowExiting | CPU_BASED.nmiWindowExiting;

/** Runs the guest from a successful entry to the next VM exit. */
export class NonRoot {
  readonly #guest: Guest;
  readonly #cpu: VmxCpu;
  readonly #state: GuestState;
  readonly #exits: Exits;
  readonly #events: Events;
  readonly #instructions: Instructions;
  readonly #io: Io;

  /** What the last `run` or `resume` has left of its budget. */
  budgetLeft = 0;
  /** Controls of the last `run`. */
  #stepping = 0;
  #windows = 0;

  constructor(guest: Guest, exits: Exits, events: Events, instructions: Instructions, io: Io) {
    this.#guest = guest;
    this.#cpu = guest.cpu;
    this.#state = guest.state;
    this.#exits = exits;
    this.#events = events;
    this.#instructions = instructions;
    this.#io = io;
  }

  /** `budget`: instructions until a host interrupt is pending. Ends when an exit is recorded. */
  run(budget: number): void {
    const { cpu, vmcs } = this.#guest;
    this.budgetLeft = budget;
    const controls = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL);
    const windows = controls & WINDOWS;
    this.#stepping = controls & CPU_BASED.monitorTrapFlag;
    this.#windows = windows;
    this.#io.enter();
    cpu.windowRequest =
      (windows & CPU_BASED.interruptWindowExiting ? WINDOW.interrupt : 0) |
      (windows & CPU_BASED.nmiWindowExiting ? WINDOW.nmi : 0);
    if (this.#enter() === OUTCOME.exited) return;
    this.resume(budget);
  }

  /** As `run`, under the controls of the last one, where nothing comes before the guest's first instruction. */
  resume(budget: number): void {
    this.budgetLeft = budget;
    this.#runToExit(budget);
  }

  /** As `resume`, where the last exit is held: the guest was active, is as that exit has left it, and no control looks at each instruction. */
  resumeHeld(budget: number): void {
    const cpu = this.#cpu;
    const stop = cpu.run(budget);
    this.budgetLeft = cpu.budgetLeft;
    if (stop !== PORT_STOP || !this.#io.holdsNext()) this.#stopped(stop);
  }

  #stopped(stop: number): void {
    if (stop === WINDOW_STOP || stop === BUDGET_STOP) this.#runToExit(this.budgetLeft);
    else if (this.#handle(stop) !== EXITED) this.#runToExit(this.budgetLeft - 1);
  }

  #runToExit(budget: number): void {
    const cpu = this.#cpu;
    const stepping = this.#stepping;
    const windows = this.#windows;
    let left = budget;
    for (;;) {
      if (windows !== 0 && this.#windowOpen(windows)) return;
      if (left <= 0 || this.#state.activity !== ACTIVE) {
        this.#exits.externalInterrupt();
        return;
      }
      const slice = stepping === 0 ? left : 1;
      const stop = cpu.run(slice);
      // The processor counts the events that it delivers by itself, too.
      left -= slice - cpu.budgetLeft;
      this.budgetLeft = left;
      if (stop === WINDOW_STOP) continue;
      if (stop !== BUDGET_STOP) {
        if (this.#handle(stop) === EXITED) return;
        // What is carried out here counts as one instruction, so that every path uses up the budget.
        left--;
      }
      if (stepping !== 0) {
        this.#exits.plain(EXIT_REASON.MONITOR_TRAP_FLAG, 0, 0);
        return;
      }
    }
  }

  /** What happens before the guest's first instruction: the injected event, or pending debug exceptions. */
  #enter(): number {
    const { vmcs, cpu } = this.#guest;
    const info = vmcs.low(F.VM_ENTRY_INTR_INFO);
    if (info & INTERRUPTION_INFO.valid) return this.#inject(info);
    const pending = vmcs.low(F.GUEST_PENDING_DBG_EXCEPTIONS) & PENDING_DEBUG;
    if (pending !== 0 && (cpu.interruptShadow & INTERRUPTIBILITY.movSs) === 0) {
      cpu.dr6 = (cpu.dr6 | pending) >>> 0;
      return this.#events.raise(VECTOR.db, -1, 0);
    }
    cpu.pendingDebug = pending & PENDING_TRAPS;
    return OUTCOME.resume;
  }

  #inject(info: number): number {
    const { vmcs, cpu } = this.#guest;
    const type = (info >> 8) & 7;
    // Type 7 is a pending MTF VM exit, which comes before any instruction.
    if (type === INTERRUPTION_TYPE.other) return this.#exits.plain(EXIT_REASON.MONITOR_TRAP_FLAG, 0, 0);
    const errorCode = info & INTERRUPTION_INFO.errorCodeValid ? vmcs.low(F.VM_ENTRY_EXCEPTION_ERROR_CODE) : -1;
    const length = type >= INTERRUPTION_TYPE.softwareInterrupt ? vmcs.low(F.VM_ENTRY_INSTRUCTION_LEN) : 0;
    const outcome = this.#events.deliver(info & INTERRUPTION_INFO.vector, type, errorCode, length);
    if (outcome !== OUTCOME.resume) return outcome;
    if (type === INTERRUPTION_TYPE.nmi) cpu.nmiBlocked = true;
    if (vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL) & CPU_BASED.monitorTrapFlag)
      return this.#exits.plain(EXIT_REASON.MONITOR_TRAP_FLAG, 0, 0);
    return OUTCOME.resume;
  }

  /** Interrupt-window and NMI-window exits; both also end HLT. */
  #windowOpen(controls: number): boolean {
    const { cpu } = this.#guest;
    if (cpu.interruptShadow !== 0) return false;
    if (controls & CPU_BASED.nmiWindowExiting && !cpu.nmiBlocked) {
      this.#exits.plain(EXIT_REASON.NMI_WINDOW, 0, 0);
      return true;
    }
    if (controls & CPU_BASED.interruptWindowExiting && (cpu.rflagsNumber & RFLAGS_IF) !== 0) {
      this.#exits.plain(EXIT_REASON.INTERRUPT_WINDOW, 0, 0);
      return true;
    }
    return false;
  }

  #handle(stop: number): number {
    const { cpu } = this.#guest;
    switch (stop) {
      case STOP.port:
        return this.#advanceAfter(this.#io.handle());
      case STOP.instruction:
        return this.#advanceAfter(this.#instructions.handle());
      case STOP.exception:
        return this.#events.raise(cpu.stop.vector, cpu.stop.errorCode, cpu.stop.instructionLength, cpu.stop.eventType);
      case STOP.mmu:
      case STOP.mmio:
        return this.#exits.mmuStop();
      case STOP.taskSwitch:
        this.#exits.beginTaskSwitch(cpu.stop.instructionLength, "clear");
        return this.#exits.finish();
      default:
        return this.#exits.plain(EXIT_REASON.TRIPLE_FAULT, 0, 0);
    }
  }

  /** Moves past an instruction that was carried out here, with the single-step trap that follows it. */
  #advanceAfter(outcome: number): number {
    if (outcome !== OUTCOME.advance) return outcome;
    const { cpu } = this.#guest;
    const traps = (cpu.rflagsNumber & RFLAGS_TF) !== 0;
    const next = cpu.rip + BigInt(cpu.stop.instructionLength);
    const is64Bit = (cpu.efer & EFER.lma) !== 0 && (cpu.segmentAccessRights(CS) & CS_L) !== 0;
    cpu.rip = BigInt.asUintN(is64Bit ? 64 : 32, next);
    cpu.interruptShadow = 0;
    if (!traps) return OUTCOME.resume;
    cpu.dr6 = (cpu.dr6 | DR6_BS) >>> 0;
    return this.#events.raise(VECTOR.db, -1, 0);
  }
}
