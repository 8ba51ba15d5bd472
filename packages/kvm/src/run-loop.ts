import { ERRNO, KVM_EXIT } from "@likex/kvm-abi";
import { EXIT_REASON, EXIT_REASON_ENTRY_FAILURE, VMCS, VMX_STATUS } from "@likex/vmx";
import { handleControlRegister } from "./exits/control-register.ts";
import { handleCpuid } from "./exits/cpuid.ts";
import { handleDebugRegister } from "./exits/debug-register.ts";
import { handleEptViolation } from "./exits/ept-violation.ts";
import { handleException } from "./exits/exception.ts";
import { failEntry, internalErrorUnexpectedExit, NEXT, reinjectInterruptedEvent } from "./exits/exit.ts";
import { handleHlt, handleIdleHint } from "./exits/hlt.ts";
import { completeIn, handleIo } from "./exits/io.ts";
import { handleMsrRead, handleMsrWrite } from "./exits/msr.ts";
import { completeStringIn } from "./exits/string-io.ts";
import { handleTaskSwitch } from "./exits/task-switch.ts";
import { handleXsetbv } from "./exits/xsetbv.ts";
import { completeMmioRead, completeMmioWrites } from "./mmio.ts";
import { RUN, RUN_SHIFT, RUN_WORD } from "./run-area.ts";
import { ENTRY, PENDING, type Vcpu } from "./vcpu.ts";

/** Instructions of one VM entry, where the caller set no limit: then the entry is repeated. */
const INSTRUCTIONS_PER_ENTRY = 1 << 30;
const STALLED_EXITS = 100;

// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const { EINVAL, EINTR } = ERRNO;
const { IO_INSTRUCTION } = EXIT_REASON;
const { succeed: SUCCEED } = VMX_STATUS;
const { UNKNOWN } = KVM_EXIT;
const { resume: RESUME } = NEXT;
const { none: NONE_PENDING } = PENDING;
const { plain: PLAIN } = ENTRY;
const {
  requests: REQUESTS,
  exitReason: EXIT_REASON_WORD,
  interrupts: INTERRUPTS,
  cr8: CR8,
  apicBase: APIC_BASE_WORD,
  validRegs: VALID_REGS,
} = RUN_WORD;
const IMMEDIATE_EXIT = 0xff << RUN_SHIFT.immediateExit;
const READY = 1;
const IF_FLAG = 1 << RUN_SHIFT.ifFlag;
const FLAGS = 0xffff << RUN_SHIFT.flags;
const RFLAGS_IF = 0x200;
const ENTRY_FAILURE = EXIT_REASON_ENTRY_FAILURE;

/** KVM_RUN: 0 for an exit to the VMM, or the negated errno. */
export const runVcpu = (vcpu: Vcpu): number => {
  const { run } = vcpu;
  if (run[VALID_REGS] !== 0) return -EINVAL;
  vcpu.processor.load(vcpu);
  let result = vcpu.pending === NONE_PENDING ? RESUME : complete(vcpu);
  if (result === RESUME) {
    if ((run[REQUESTS]! & IMMEDIATE_EXIT) === 0) {
      run[EXIT_REASON_WORD] = UNKNOWN;
      result = vcpu.entry === PLAIN ? resumeUntilExit(vcpu) : enterUntilExit(vcpu);
    } else result = -EINTR;
  }
  saveRunState(vcpu);
  return result;
};

const complete = (vcpu: Vcpu): number => {
  const { pending } = vcpu;
  vcpu.pending = PENDING.none;
  switch (pending) {
    case PENDING.in:
      return completeIn(vcpu);
    case PENDING.stringIn:
      return completeStringIn(vcpu);
    case PENDING.mmioRead:
      return completeMmioRead(vcpu);
    default:
      return completeMmioWrites(vcpu);
  }
};

/** Enters a guest that has run before, and that nobody watches. */
const resumeUntilExit = (vcpu: Vcpu): number => {
  const { vmx, lastExit } = vcpu;
  for (;;) {
    const status = vmx.vmresume(INSTRUCTIONS_PER_ENTRY);
    const isPort = status === SUCCEED && lastExit.reason === IO_INSTRUCTION;
    const next = isPort ? handleIo(vcpu) : exited(vcpu, status);
    if (next !== RESUME) return next;
  }
};

const enterUntilExit = (vcpu: Vcpu): number => {
  vcpu.hasEntered = true;
  if (vcpu.isLimited || vcpu.trace !== undefined) return enterWithinLimit(vcpu);
  const next = enter(vcpu, INSTRUCTIONS_PER_ENTRY);
  if (vcpu.launched) vcpu.entry = PLAIN;
  return next === RESUME ? resumeUntilExit(vcpu) : next;
};

/** The same with a limit of instructions, and told to the trace. */
const enterWithinLimit = (vcpu: Vcpu): number => {
  const { vmx, trace, isLimited } = vcpu;
  const { cpu } = vcpu.processor;
  let retired = cpu.instructionsRetired;
  let end = retired + vcpu.vm.kernel.instructionsPerRun;
  let stalled = 0;
  trace?.({ type: "vcpu_run", id: vcpu.id, rip: vmx.vmread(VMCS.GUEST_RIP) ?? 0n });
  for (;;) {
    const left = end - cpu.instructionsRetired;
    if (left <= 0) return interrupted(vcpu);
    const budget = Math.min(left, INSTRUCTIONS_PER_ENTRY);
    const next = enter(vcpu, budget);
    if (next !== RESUME) return next;
    if (!isLimited) continue;
    const executed = cpu.instructionsRetired - retired;
    // Events beyond one for each instruction count as instructions: a guest may fault without ever executing one.
    const events = budget - vmx.budgetLeft - executed;
    if (events > executed) end -= events - executed;
    // And after a while each exit does, where nothing was executed in between.
    stalled = executed === 0 ? stalled + 1 : 0;
    retired += executed;
    if (stalled > STALLED_EXITS) end--;
  }
};

/** One VM entry and what its exit asks for: NEXT.resume, NEXT.user, or the negated errno of KVM_RUN. */
const enter = (vcpu: Vcpu, budget: number): number => {
  const { vmx } = vcpu;
  return exited(vcpu, vcpu.launched ? vmx.vmresume(budget) : vmx.vmlaunch(budget));
};

/** The same behind the VM entry, which has returned a VMX_STATUS. */
const exited = (vcpu: Vcpu, status: number): number => {
  if (status !== SUCCEED) {
    const error = status === VMX_STATUS.failValid ? vcpu.vmx.vmread32(VMCS.VM_INSTRUCTION_ERROR) : 0;
    return failEntry(vcpu, error);
  }
  const { reason } = vcpu.lastExit;
  if (reason >= ENTRY_FAILURE) return failEntry(vcpu, reason);
  vcpu.launched = true;
  const next = reason === IO_INSTRUCTION ? handleIo(vcpu) : handleExit(vcpu, reason);
  const { trace } = vcpu;
  if (trace !== undefined && next >= 0) trace({ type: "handled", next: next === RESUME ? "resume" : "user" });
  return next;
};

/** Returns NEXT.resume, NEXT.user, or the negated errno of KVM_RUN. */
const handleExit = (vcpu: Vcpu, reason: number): number => {
  switch (reason) {
    case EXIT_REASON.EPT_VIOLATION:
      return handleEptViolation(vcpu);
    case EXIT_REASON.HLT:
      return handleHlt(vcpu);
    case EXIT_REASON.CPUID:
      return handleCpuid(vcpu);
    case EXIT_REASON.CR_ACCESS:
      return handleControlRegister(vcpu);
    case EXIT_REASON.DR_ACCESS:
      return handleDebugRegister(vcpu);
    case EXIT_REASON.RDMSR:
      return handleMsrRead(vcpu);
    case EXIT_REASON.WRMSR:
      return handleMsrWrite(vcpu);
    case EXIT_REASON.XSETBV:
      return handleXsetbv(vcpu);
    case EXIT_REASON.EXCEPTION_OR_NMI:
      return handleException(vcpu);
    case EXIT_REASON.EXTERNAL_INTERRUPT:
      return handleExternalInterrupt(vcpu);
    case EXIT_REASON.MWAIT:
    case EXIT_REASON.MONITOR:
    case EXIT_REASON.PAUSE:
    case EXIT_REASON.WBINVD:
    case EXIT_REASON.INVD:
      return handleIdleHint(vcpu);
    case EXIT_REASON.TASK_SWITCH:
      return handleTaskSwitch(vcpu);
    case EXIT_REASON.TRIPLE_FAULT:
      vcpu.vm.kernel.memory.u32[(vcpu.runArea + RUN.exitReason) >> 2] = KVM_EXIT.SHUTDOWN;
      return NEXT.user;
    default:
      return internalErrorUnexpectedExit(vcpu, reason);
  }
};

/** The budget of one entry is used up: the host's timer interrupt, as far as the guest can tell. */
const handleExternalInterrupt = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  reinjectInterruptedEvent(processor.vmx);
  kernel.trace?.({ type: "interrupt", idtVectoringInfo: processor.vmx.vmread32(VMCS.IDT_VECTORING_INFO) });
  return NEXT.resume;
};

/** As if a signal had arrived. */
const interrupted = (vcpu: Vcpu): number => {
  vcpu.vm.kernel.memory.u32[(vcpu.runArea + RUN.exitReason) >> 2] = KVM_EXIT.INTR;
  return -ERRNO.EINTR;
};

/** The fields of kvm_run that every return from KVM_RUN sets. */
const saveRunState = ({ vmx, run, cr8, apicBaseLow, apicBaseHigh }: Vcpu): void => {
  const { interruptState } = vmx;
  const interrupts = (interruptState & RFLAGS_IF) === 0 ? 0 : interruptState === RFLAGS_IF ? READY | IF_FLAG : IF_FLAG;
  run[INTERRUPTS] = (run[INTERRUPTS]! & FLAGS) | interrupts;
  run[CR8] = cr8;
  run[APIC_BASE_WORD] = apicBaseLow;
  run[APIC_BASE_WORD + 1] = apicBaseHigh;
};
