import { ERRNO, KVM_EXIT } from "@likex/kvm-abi";
import { EXIT_REASON, EXIT_REASON_ENTRY_FAILURE, VMCS, VMX_STATUS } from "@likex/vmx";
import { handleControlRegister } from "./exits/control-register.ts";
import { handleCpuid } from "./exits/cpuid.ts";
import { handleDebugRegister } from "./exits/debug-register.ts";
import { handleEptViolation } from "./exits/ept-violation.ts";
import { handleException } from "./exits/exception.ts";
import { failEntry, internalErrorUnexpectedExit, NEXT, RFLAGS_IF, reinjectInterruptedEvent } from "./exits/exit.ts";
import { handleHlt, handleIdleHint } from "./exits/hlt.ts";
import { completeIn, handleIo } from "./exits/io.ts";
import { handleMsrRead, handleMsrWrite } from "./exits/msr.ts";
import { completeStringIn } from "./exits/string-io.ts";
import { handleTaskSwitch } from "./exits/task-switch.ts";
import { handleXsetbv } from "./exits/xsetbv.ts";
import { completeMmioRead, completeMmioWrites } from "./mmio.ts";
import { RUN } from "./run-area.ts";
import { PENDING, type Vcpu } from "./vcpu.ts";

/** Instructions of one VM entry, where the caller set no limit: then the entry is repeated. */
const INSTRUCTIONS_PER_ENTRY = 1 << 30;
const STALLED_EXITS = 100;
const BLOCKED_BY_STI_OR_MOV_SS = 3;

/** KVM_RUN: 0 for an exit to the VMM, or the negated errno. */
export const runVcpu = (vcpu: Vcpu): number => {
  const { vm } = vcpu;
  const { memory } = vm.kernel;
  if (memory.u32[(vcpu.runArea + RUN.validRegs) >> 2] !== 0) return -ERRNO.EINVAL;
  vm.processor.load(vcpu);
  const completed = vcpu.pending === PENDING.none ? NEXT.resume : complete(vcpu);
  let result: number = -ERRNO.EINTR;
  if (completed !== NEXT.resume) result = completed;
  else if (memory.u8[vcpu.runArea + RUN.immediateExit] === 0) result = enterUntilExit(vcpu);
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

const enterUntilExit = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { vmx, cpu } = processor;
  const { trace, memory } = kernel;
  let end = cpu.instructionsRetired + kernel.instructionsPerRun;
  let retired = cpu.instructionsRetired;
  let stalled = 0;
  vcpu.hasEntered = true;
  memory.u32[(vcpu.runArea + RUN.exitReason) >> 2] = KVM_EXIT.UNKNOWN;
  trace?.({ type: "vcpu_run", id: vcpu.id, rip: vmx.vmread(VMCS.GUEST_RIP) ?? 0n });
  for (;;) {
    const left = end - cpu.instructionsRetired;
    if (left <= 0) return interrupted(vcpu);
    const budget = Math.min(left, INSTRUCTIONS_PER_ENTRY);
    const status = vcpu.launched ? vmx.vmresume(budget) : vmx.vmlaunch(budget);
    if (status !== VMX_STATUS.succeed) {
      const error = status === VMX_STATUS.failValid ? vmx.vmread32(VMCS.VM_INSTRUCTION_ERROR) : 0;
      return failEntry(vcpu, error);
    }
    const reason = vmx.vmread32(VMCS.VM_EXIT_REASON);
    if (reason >= EXIT_REASON_ENTRY_FAILURE) return failEntry(vcpu, reason);
    vcpu.launched = true;
    const next = handleExit(vcpu, reason);
    if (trace !== undefined && next >= 0) trace({ type: "handled", next: next === NEXT.resume ? "resume" : "user" });
    if (next !== NEXT.resume) return next;
    // A guest that only faults retires nothing: after a while each of its exits counts as an instruction.
    stalled = cpu.instructionsRetired === retired ? stalled + 1 : 0;
    retired = cpu.instructionsRetired;
    if (stalled > STALLED_EXITS) end--;
  }
};

/** Returns NEXT.resume, NEXT.user, or the negated errno of KVM_RUN. */
const handleExit = (vcpu: Vcpu, reason: number): number => {
  switch (reason) {
    case EXIT_REASON.IO_INSTRUCTION:
      return handleIo(vcpu);
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
const saveRunState = (vcpu: Vcpu): void => {
  const { vmx } = vcpu.vm.processor;
  const { u8, u32 } = vcpu.vm.kernel.memory;
  const area = vcpu.runArea;
  const interruptFlag = (vmx.vmread32(VMCS.GUEST_RFLAGS) & RFLAGS_IF) !== 0;
  const shadow = vmx.vmread32(VMCS.GUEST_INTERRUPTIBILITY_INFO) & BLOCKED_BY_STI_OR_MOV_SS;
  u8[area + RUN.ifFlag] = interruptFlag ? 1 : 0;
  u8[area + RUN.readyForInterruptInjection] = interruptFlag && shadow === 0 ? 1 : 0;
  u32[(area + RUN.cr8) >> 2] = vcpu.cr8;
  u32[(area + RUN.apicBase) >> 2] = vcpu.apicBase;
  u32[(area + RUN.apicBase + 4) >> 2] = Math.floor(vcpu.apicBase / 0x1_0000_0000);
};
