import { INTERRUPTION_INFO, VECTOR, VMCS } from "@likex/vmx";
import type { Vcpu } from "../vcpu.ts";
import { internalErrorEmulation, internalErrorUnexpectedExit } from "./exit.ts";

/**
 * An exception that the exception bitmap intercepts. The guest cannot cause the machine check, the only one that
 * `/dev/kvm` intercepts; `/dev/rust_kvm` also stops at #UD, #DB and #AC, which it has no handler for.
 */
export const handleException = (vcpu: Vcpu): number => {
  const { vmx } = vcpu.vm.processor;
  const vector = vmx.vmread32(VMCS.VM_EXIT_INTR_INFO) & INTERRUPTION_INFO.vector;
  return vector === VECTOR.ud
    ? internalErrorEmulation(vcpu)
    : internalErrorUnexpectedExit(vcpu, vmx.vmread32(VMCS.VM_EXIT_REASON));
};
