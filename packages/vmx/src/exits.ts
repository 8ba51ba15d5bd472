import { INTERRUPTION_INFO, VM_EXIT } from "./controls.ts";
import { VmxAbortError } from "./errors.ts";
import { type Guest, OUTCOME } from "./guest.ts";
import type { GuestState, ResumeFlag } from "./guest-state.ts";
import type { MsrFile } from "./msrs.ts";
import { EXIT_REASON } from "./numbers.ts";
import type { VmxTraceSink } from "./trace.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F, VMCS_REGION } from "./vmcs-fields.ts";

const { exited: EXITED } = OUTCOME;
/** VMX-abort indicators (SDM Vol 3C, "VMX Aborts"). */
const ABORT = { savingGuestMsrs: 1, loadingHostMsrs: 4 } as const;

/** Records VM exits: saves guest state and fills in the exit-information fields (SDM Vol 3C, "VM Exits"). */
export class Exits {
  readonly #guest: Guest;
  readonly #vmcs: Vmcs;
  readonly #state: GuestState;
  readonly #msrs: MsrFile;
  readonly #trace: VmxTraceSink | undefined;
  readonly #interruptVector: number;

  constructor(guest: Guest, msrs: MsrFile, interruptVector: number, trace: VmxTraceSink | undefined) {
    this.#guest = guest;
    this.#vmcs = guest.vmcs;
    this.#state = guest.state;
    this.#msrs = msrs;
    this.#interruptVector = interruptVector;
    this.#trace = trace;
  }

  /**
   * Saves guest state and sets the fields that every exit has. Exits with more to tell set it afterwards, before `finish`.
   */
  begin(reason: number, qualification: number, instructionLength: number, resumeFlag: ResumeFlag): void {
    this.#state.leave(resumeFlag);
    this.#state.lastExit.reason = reason;
    this.#vmcs.recordExit(reason, qualification, instructionLength);
  }

  /** What follows the saving of guest state. */
  finish(): number {
    if (this.#vmcs.hasExitMsrs) {
      const { vmcs } = this.#guest;
      if (vmcs.low(F.VM_EXIT_MSR_STORE_COUNT) !== 0) this.#storeMsrs();
      if (vmcs.low(F.VM_EXIT_MSR_LOAD_COUNT) !== 0) this.#loadMsrs();
    }
    if (this.#trace !== undefined) this.#tell(this.#trace);
    return EXITED;
  }

  /** An exit with nothing but reason, qualification and instruction length. */
  plain(reason: number, qualification: number, instructionLength: number): number {
    this.begin(reason, qualification, instructionLength, instructionLength > 0 ? "clear" : "keep");
    return this.finish();
  }

  /** An interrupt of the host is pending. */
  externalInterrupt(): number {
    const { vmcs } = this.#guest;
    this.begin(EXIT_REASON.EXTERNAL_INTERRUPT, 0, 0, "keep");
    if (vmcs.low(F.VM_EXIT_CONTROLS) & VM_EXIT.acknowledgeInterruptOnExit)
      vmcs.setLow(F.VM_EXIT_INTR_INFO, INTERRUPTION_INFO.valid | this.#interruptVector);
    return this.finish();
  }

  /** The MMU stopped an access: EPT violation or misconfiguration. Caller adds IDT-vectoring information before `finish`. */
  beginMmuStop(resumeFlag: ResumeFlag): void {
    const { vmcs, mmu } = this.#guest;
    const violation = mmu.stopReason === EXIT_REASON.EPT_VIOLATION;
    const reason = violation ? EXIT_REASON.EPT_VIOLATION : EXIT_REASON.EPT_MISCONFIGURATION;
    this.begin(reason, violation ? mmu.qualification : 0, 0, resumeFlag);
    vmcs.setNumber(F.GUEST_PHYSICAL_ADDRESS, mmu.guestPhysicalAddress);
    vmcs.setPair(F.GUEST_LINEAR_ADDRESS, mmu.guestLinearLow, mmu.guestLinearHigh);
  }

  /** EPT violation or misconfiguration by an instruction's own access. */
  mmuStop(): number {
    this.beginMmuStop("set");
    const { vmcs, cpu } = this.#guest;
    if (cpu.stop.unblockedNmi && vmcs.low(F.VM_EXIT_REASON) === EXIT_REASON.EPT_VIOLATION)
      vmcs.setLow(F.EXIT_QUALIFICATION, vmcs.low(F.EXIT_QUALIFICATION) | INTERRUPTION_INFO.nmiUnblocking);
    return this.finish();
  }

  /** A task switch, which always exits (SDM Vol 3C, 25.4.2). Caller adds IDT-vectoring information before `finish`. */
  beginTaskSwitch(instructionLength: number, resumeFlag: ResumeFlag): void {
    const { taskSelector, taskSource } = this.#guest.cpu.stop;
    const qualification = (taskSelector | (taskSource << 30)) >>> 0;
    this.begin(EXIT_REASON.TASK_SWITCH, qualification, instructionLength, resumeFlag);
  }

  /** An entry that failed: guest state and the other exit-information fields stay as they are. */
  entryFailure(reason: number, qualification: number, check: string): void {
    const { vmcs } = this.#guest;
    this.#state.lastExit.reason = reason;
    vmcs.setLow(F.VM_EXIT_REASON, reason);
    vmcs.setPair(F.EXIT_QUALIFICATION, qualification, 0);
    if (this.#trace !== undefined) this.#tell(this.#trace, check);
  }

  #storeMsrs(): void {
    const { vmcs } = this.#guest;
    if (this.#msrs.store(vmcs.number(F.VM_EXIT_MSR_STORE_ADDR), vmcs.low(F.VM_EXIT_MSR_STORE_COUNT)) !== 0)
      this.#abort(ABORT.savingGuestMsrs, "the VM-exit MSR-store area names an MSR that cannot be read");
  }

  #loadMsrs(): void {
    const { vmcs } = this.#guest;
    if (this.#msrs.loadHost(vmcs.number(F.VM_EXIT_MSR_LOAD_ADDR), vmcs.low(F.VM_EXIT_MSR_LOAD_COUNT)) !== 0)
      this.#abort(ABORT.loadingHostMsrs, "the VM-exit MSR-load area has an entry that cannot be loaded");
  }

  #abort(indicator: number, what: string): never {
    this.#guest.vmcs.setLow(VMCS_REGION.abortIndicator, indicator);
    throw new VmxAbortError(
      `VMX abort ${indicator}: ${what}. Correct the area or its count in the VMCS before the next VM entry.`,
    );
  }

  #tell(trace: VmxTraceSink, check = ""): void {
    const { vmcs } = this.#guest;
    trace({
      type: "vmexit",
      reason: vmcs.low(F.VM_EXIT_REASON),
      rip: vmcs.wide(F.GUEST_RIP),
      qualification: vmcs.wide(F.EXIT_QUALIFICATION),
      instructionLength: vmcs.low(F.VM_EXIT_INSTRUCTION_LEN),
      interruptionInfo: vmcs.low(F.VM_EXIT_INTR_INFO),
      guestPhysicalAddress: vmcs.number(F.GUEST_PHYSICAL_ADDRESS),
      check,
    });
  }
}
