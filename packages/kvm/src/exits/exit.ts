import { KVM_EXIT, KVM_INTERNAL_ERROR, KVM_INTERNAL_ERROR_EMULATION_FLAG } from "@likex/kvm-abi";
import { INTERRUPTION_INFO, INTERRUPTION_TYPE, VMCS, type Vmx } from "@likex/vmx";
import { CR0 } from "../control-registers.ts";
import { RUN } from "../run-area.ts";
import type { Vcpu } from "../vcpu.ts";

/** What an exit handler returns when it does not return a negated errno. */
export const NEXT = { user: 0, resume: 1 } as const;

export const RFLAGS_RF = 0x10000;
const CS_LONG = 1 << 13;
const EFER_LMA = 1 << 10;

/** Whether the guest is in 64-bit mode. */
export const isLongMode = (vmx: Vmx): boolean =>
  (vmx.vmread32(VMCS.GUEST_IA32_EFER) & EFER_LMA) !== 0 && (vmx.vmread32(VMCS.GUEST_CS_AR_BYTES) & CS_LONG) !== 0;

/** Moves RIP past the instruction that exited; a shadow of STI or MOV SS ends with it. */
export const skipInstruction = (vcpu: Vcpu): void => {
  advance(vcpu, vcpu.vm.processor.vmx.vmread32(VMCS.VM_EXIT_INSTRUCTION_LEN));
};

/** Moves RIP `bytes` further, as the end of an instruction does. */
export const advance = (vcpu: Vcpu, bytes: number): void => vcpu.vmx.completeInstruction(bytes);

/** Has the next VM entry deliver a hardware exception to the guest; real mode takes no error code. */
export const injectException = (vmx: Vmx, vector: number, errorCode?: number): void => {
  const isProtected = (vmx.vmread32(VMCS.GUEST_CR0) & CR0.PE) !== 0;
  const withError = errorCode === undefined || !isProtected ? 0 : INTERRUPTION_INFO.errorCodeValid;
  const info = INTERRUPTION_INFO.valid | (INTERRUPTION_TYPE.hardwareException << 8) | withError | vector;
  if (errorCode !== undefined) vmx.vmwriteNumber(VMCS.VM_ENTRY_EXCEPTION_ERROR_CODE, errorCode);
  vmx.vmwriteNumber(VMCS.VM_ENTRY_INTR_INFO, info >>> 0);
};

/** An event whose delivery the exit interrupted is delivered again (SDM Vol 3C, "IDT-Vectoring Information"); true if there is one. */
export const reinjectInterruptedEvent = (vmx: Vmx): boolean => {
  const info = vmx.vmread32(VMCS.IDT_VECTORING_INFO);
  if ((info & INTERRUPTION_INFO.valid) === 0) return false;
  // Bit 12 is undefined here and must be 0 there.
  vmx.vmwriteNumber(VMCS.VM_ENTRY_INTR_INFO, (info & ~INTERRUPTION_INFO.nmiUnblocking) >>> 0);
  vmx.vmwriteNumber(VMCS.VM_ENTRY_INSTRUCTION_LEN, vmx.vmread32(VMCS.VM_EXIT_INSTRUCTION_LEN));
  if ((info & INTERRUPTION_INFO.errorCodeValid) !== 0) {
    vmx.vmwriteNumber(VMCS.VM_ENTRY_EXCEPTION_ERROR_CODE, vmx.vmread32(VMCS.IDT_VECTORING_ERROR_CODE));
  }
  return true;
};

/** KVM_EXIT_FAIL_ENTRY: `reason` is the VM-instruction error, or the exit reason with bit 31. */
export const failEntry = (vcpu: Vcpu, reason: number): number => {
  const { kernel, processor } = vcpu.vm;
  const { u32 } = kernel.memory;
  const area = vcpu.runArea;
  kernel.trace?.({ type: "entry_failed", rflags: processor.vmx.vmread32(VMCS.GUEST_RFLAGS), error: reason });
  u32[(area + RUN.exitReason) >> 2] = KVM_EXIT.FAIL_ENTRY;
  u32[(area + RUN.failEntryReason) >> 2] = reason;
  u32[(area + RUN.failEntryReason + 4) >> 2] = 0;
  u32[(area + RUN.failEntryCpu) >> 2] = 0;
  return NEXT.user;
};

const setInternalError = (vcpu: Vcpu, suberror: number, data: readonly (number | bigint)[]): number => {
  const { u32 } = vcpu.vm.kernel.memory;
  const area = vcpu.runArea;
  u32[(area + RUN.exitReason) >> 2] = KVM_EXIT.INTERNAL_ERROR;
  u32[(area + RUN.internalSuberror) >> 2] = suberror;
  u32[(area + RUN.internalNdata) >> 2] = data.length;
  for (const [index, value] of data.entries()) {
    const at = (area + RUN.internalData + index * 8) >> 2;
    const wide = BigInt(value);
    u32[at] = Number(wide & 0xffffffffn);
    u32[at + 1] = Number(wide >> 32n);
  }
  return NEXT.user;
};

/**
 * An instruction that the hypervisor would have to emulate and cannot: flags, then what the exit was. In between the
 * instruction, where it was read: a byte with its size and fifteen of its bytes.
 */
export const internalErrorEmulation = (vcpu: Vcpu, instruction?: Uint8Array): number => {
  const { vmx } = vcpu.vm.processor;
  const words = instruction === undefined ? [] : [...new BigUint64Array(instruction.buffer, instruction.byteOffset, 2)];
  return setInternalError(vcpu, KVM_INTERNAL_ERROR.EMULATION, [
    instruction === undefined ? 0 : KVM_INTERNAL_ERROR_EMULATION_FLAG.INSTRUCTION_BYTES,
    ...words,
    vmx.vmread32(VMCS.VM_EXIT_REASON),
    vmx.vmreadNumber(VMCS.EXIT_QUALIFICATION),
    vmx.vmread32(VMCS.IDT_VECTORING_INFO),
    vmx.vmread32(VMCS.VM_EXIT_INTR_INFO),
    vmx.vmread32(VMCS.VM_EXIT_INTR_ERROR_CODE),
  ]);
};

/** An event of the guest whose delivery needs device memory, such as a stack there: nothing can carry that out. */
export const internalErrorDelivery = (vcpu: Vcpu): number => {
  const { vmx } = vcpu.vm.processor;
  return setInternalError(vcpu, KVM_INTERNAL_ERROR.DELIVERY_EV, [
    vmx.vmread32(VMCS.IDT_VECTORING_INFO),
    vmx.vmread32(VMCS.VM_EXIT_REASON),
    vmx.vmreadNumber(VMCS.EXIT_QUALIFICATION),
    vmx.vmreadNumber(VMCS.GUEST_PHYSICAL_ADDRESS),
  ]);
};

/** A VM exit for which there is no handler: its reason, and the number of the physical processor. */
export const internalErrorUnexpectedExit = (vcpu: Vcpu, reason: number): number => {
  vcpu.vm.kernel.trace?.({ type: "unhandled_exit", reason });
  return setInternalError(vcpu, KVM_INTERNAL_ERROR.UNEXPECTED_EXIT_REASON, [reason, 0]);
};
