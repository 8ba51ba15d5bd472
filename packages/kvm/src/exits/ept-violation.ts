import { ERRNO } from "@likex/kvm-abi";
import { INTERRUPTIBILITY, INTERRUPTION_INFO, VECTOR, VMCS, type Vmx } from "@likex/vmx";
import { emulateMmio, reportMmio } from "../mmio.ts";
import type { Vcpu } from "../vcpu.ts";
import { MAP_RESULT } from "../vm.ts";
import { injectException, internalErrorDelivery, NEXT, reinjectInterruptedEvent } from "./exit.ts";

/** Bits of the exit qualification (SDM Vol 3C, table "Exit Qualification for EPT Violations"): a data write; a linear address is known. */
const WRITE = 1 << 1;
const LINEAR_ADDRESS = 1 << 7;

/**
 * The guest touched a page that the EPT does not map, or not for this access: maps what stands behind it, or treats it
 * as device memory if no slot does. -EFAULT if the slot's user address is not mapped, -ENOMEM without a free frame.
 */
export const handleEptViolation = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { vmx } = processor;
  const guestPhysicalAddress = vmx.vmreadNumber(VMCS.GUEST_PHYSICAL_ADDRESS);
  const qualification = vmx.vmread32(VMCS.EXIT_QUALIFICATION);
  kernel.trace?.({ type: "ept_violation", guestPhysicalAddress, qualification });
  const duringDelivery = reinjectInterruptedEvent(vmx);
  // The IRET is executed again, as one that still has to unblock NMIs (SDM Vol 3C, 27.2.3).
  if (!duringDelivery && (qualification & INTERRUPTION_INFO.nmiUnblocking) !== 0) blockNmis(vmx);
  const isWrite = (qualification & WRITE) !== 0;
  switch (vcpu.vm.mapPage(guestPhysicalAddress, isWrite ? "write" : "read")) {
    case MAP_RESULT.mapped:
      return NEXT.resume;
    case MAP_RESULT.badUserAddress:
      return -ERRNO.EFAULT;
    case MAP_RESULT.outOfMemory:
      return -ERRNO.ENOMEM;
    default:
      // Without a linear address it was MOV to a control register that reads PDPTEs: there is no memory to read.
      if ((qualification & LINEAR_ADDRESS) === 0) {
        injectException(vmx, VECTOR.gp, 0);
        return NEXT.resume;
      }
      if (duringDelivery) return internalErrorDelivery(vcpu);
      return processor.personality.mmio === "emulated"
        ? emulateMmio(vcpu)
        : reportMmio(vcpu, guestPhysicalAddress, isWrite);
  }
};

const blockNmis = (vmx: Vmx): void => {
  const interruptibility = vmx.vmread32(VMCS.GUEST_INTERRUPTIBILITY_INFO);
  vmx.vmwriteNumber(VMCS.GUEST_INTERRUPTIBILITY_INFO, interruptibility | INTERRUPTIBILITY.nmi);
};
