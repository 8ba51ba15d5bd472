import { STOP, TASK_SOURCE } from "@likex/cpu-executor";
import { ERRNO } from "@likex/kvm-abi";
import { INTERRUPTION_INFO, INTERRUPTION_TYPE, VECTOR, VMCS, type Vmx } from "@likex/vmx";
import { VcpuDevices } from "../mmio.ts";
import type { Vcpu } from "../vcpu.ts";
import { MAP_RESULT } from "../vm.ts";
import { emulationFailure } from "./emulation-failure.ts";
import { injectException, NEXT, reinjectInterruptedEvent } from "./exit.ts";

const SELECTOR = 0xffff;
const SOURCE_SHIFT = 30;
/** DR6.BT: the new task's TSS asks for a debug trap. */
const DR6_BT = 0x8000;

/**
 * Hardware task switches exit always, and are emulated: by the processor's own, with the pages mapped that it meets. What goes
 * wrong in the new task is delivered there. A task-state segment in device memory is an emulation failure, and so is a fault of
 * the new task that cannot be delivered.
 */
export const handleTaskSwitch = (vcpu: Vcpu): number => {
  const { cpu, vmx, mmu } = vcpu.vm.processor;
  const qualification = vmx.vmread32(VMCS.EXIT_QUALIFICATION);
  const info = vmx.vmread32(VMCS.IDT_VECTORING_INFO);
  const hasErrorCode = (info & INTERRUPTION_INFO.valid) !== 0 && (info & INTERRUPTION_INFO.errorCodeValid) !== 0;
  const devices = new VcpuDevices(vcpu.vm, vcpu.mmio);
  vcpu.mmio.restart();
  vmx.loadGuestState();
  mmu.devices = devices;
  const stop = cpu.switchTask({
    selector: qualification & SELECTOR,
    source: qualification >>> SOURCE_SHIFT,
    instructionLength: instructionLength(vmx, qualification >>> SOURCE_SHIFT, info),
    errorCode: hasErrorCode ? vmx.vmread32(VMCS.IDT_VECTORING_ERROR_CODE) : -1,
  });
  // The new task may have no segments that a VM entry would accept, so its fault is delivered here.
  const { vector, errorCode } = cpu.stop;
  const fault = { vector, type: INTERRUPTION_TYPE.hardwareException, errorCode, instructionLength: 0 };
  const delivery = stop === STOP.exception ? cpu.deliverEvent(fault) : STOP.budget;
  mmu.devices = undefined;
  vcpu.mmio.finish();
  if (stop !== STOP.budget && stop !== STOP.exception) {
    reinjectInterruptedEvent(vmx);
    if (devices.failure === MAP_RESULT.mapped) return emulationFailure(vcpu);
    return devices.failure === MAP_RESULT.outOfMemory ? -ERRNO.ENOMEM : -ERRNO.EFAULT;
  }
  if (delivery !== STOP.budget) return emulationFailure(vcpu);
  cpu.interruptShadow = 0;
  if (isOfType(info, INTERRUPTION_TYPE.nmi)) cpu.nmiBlocked = true;
  // The VMCS has no pending debug exception for the T flag of a TSS: it is injected (SDM Vol 3C, table 24-4).
  const isTrapped = stop === STOP.budget && (cpu.pendingDebug & DR6_BT) !== 0;
  cpu.pendingDebug &= ~DR6_BT;
  vmx.saveGuestState();
  if (isTrapped) {
    cpu.dr6 = (cpu.dr6 | DR6_BT) >>> 0;
    injectException(vmx, VECTOR.db);
  }
  return NEXT.resume;
};

const typeOf = (info: number): number => (info >> 8) & 7;
const isOfType = (info: number, type: number): boolean =>
  (info & INTERRUPTION_INFO.valid) !== 0 && typeOf(info) === type;

/** Of what asked for the switch: 0 for exceptions and interrupts, which return to where they came. */
const instructionLength = (vmx: Vmx, source: number, info: number): number => {
  const isInstruction = source !== TASK_SOURCE.gate || typeOf(info) >= INTERRUPTION_TYPE.softwareInterrupt;
  return isInstruction ? vmx.vmread32(VMCS.VM_EXIT_INSTRUCTION_LEN) : 0;
};
