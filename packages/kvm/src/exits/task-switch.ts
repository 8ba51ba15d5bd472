import { STOP, TASK_SOURCE } from "@likex/cpu-executor";
import { ERRNO } from "@likex/kvm-abi";
import { INTERRUPTION_INFO, INTERRUPTION_TYPE, VMCS, type Vmx } from "@likex/vmx";
import { VcpuDevices } from "../mmio.ts";
import type { Vcpu } from "../vcpu.ts";
import { MAP_RESULT } from "../vm.ts";
import { emulationFailure } from "./emulation-failure.ts";
import { injectException, NEXT, reinjectInterruptedEvent } from "./exit.ts";

const SELECTOR = 0xffff;
const SOURCE_SHIFT = 30;

/**
 * Hardware task switches exit always, and are emulated: by the processor's own, with the pages mapped that it meets. What goes
 * wrong in the new task is injected there. A task-state segment in device memory is an emulation failure.
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
  mmu.devices = undefined;
  vcpu.mmio.finish();
  if (stop !== STOP.budget && stop !== STOP.exception) {
    reinjectInterruptedEvent(vmx);
    if (devices.failure === MAP_RESULT.mapped) return emulationFailure(vcpu);
    return devices.failure === MAP_RESULT.outOfMemory ? -ERRNO.ENOMEM : -ERRNO.EFAULT;
  }
  cpu.interruptShadow = 0;
  if (isOfType(info, INTERRUPTION_TYPE.nmi)) cpu.nmiBlocked = true;
  vmx.saveGuestState();
  const { vector, errorCode } = cpu.stop;
  if (stop === STOP.exception) injectException(vmx, vector, errorCode < 0 ? undefined : errorCode);
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
