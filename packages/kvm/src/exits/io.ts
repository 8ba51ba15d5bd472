import { KVM_EXIT, KVM_EXIT_IO } from "@likex/kvm-abi";
import { VMCS } from "@likex/vmx";
import { RUN } from "../run-area.ts";
import { PENDING, type Vcpu } from "../vcpu.ts";
import { advance, NEXT, skipInstruction } from "./exit.ts";
import { handleStringIo } from "./string-io.ts";

/** Exit qualification of an I/O instruction (SDM Vol 3C, table "Exit Qualification for I/O Instructions"). */
const QUALIFICATION = { sizeMinus1: 7, in: 1 << 3, string: 1 << 4 } as const;

/**
 * IN and OUT go to the VMM. OUT is done when it exits, RIP past it; IN completes at the next KVM_RUN, until when RIP
 * stays at it.
 */
export const handleIo = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { vmx, registerIndex } = processor;
  const qualification = vmx.vmread32(VMCS.EXIT_QUALIFICATION);
  if ((qualification & QUALIFICATION.string) !== 0) return handleStringIo(vcpu, qualification);
  const { u8, u16, u32 } = kernel.memory;
  const size = (qualification & QUALIFICATION.sizeMinus1) + 1;
  const port = qualification >>> 16;
  if ((qualification & QUALIFICATION.in) !== 0) {
    vcpu.pending = PENDING.in;
    vcpu.ioSize = size;
    vcpu.ioInstructionLength = vmx.vmread32(VMCS.VM_EXIT_INSTRUCTION_LEN);
    vcpu.ioRip = vmx.vmreadNumber(VMCS.GUEST_RIP);
    return exitIo(vcpu, KVM_EXIT_IO.IN, port, size, 1);
  }
  const at = vcpu.runArea + processor.personality.ioDataOffset;
  const rax = u32[registerIndex]!;
  if (size === 1) u8[at] = rax;
  else if (size === 2) u16[at >> 1] = rax;
  else u32[at >> 2] = rax;
  skipInstruction(vcpu);
  return exitIo(vcpu, KVM_EXIT_IO.OUT, port, size, 1);
};

/** Fills kvm_run.io. */
export const exitIo = (vcpu: Vcpu, direction: number, port: number, size: number, count: number): number => {
  const { kernel, processor } = vcpu.vm;
  const { u8, u16, u32 } = kernel.memory;
  const area = vcpu.runArea;
  u32[(area + RUN.exitReason) >> 2] = KVM_EXIT.IO;
  u8[area + RUN.ioDirection] = direction;
  u8[area + RUN.ioSize] = size;
  u16[(area + RUN.ioPort) >> 1] = port;
  u32[(area + RUN.ioCount) >> 2] = count;
  u32[(area + RUN.ioDataOffset) >> 2] = processor.personality.ioDataOffset;
  u32[(area + RUN.ioDataOffset + 4) >> 2] = 0;
  kernel.trace?.({ type: "handle_io", port, size, direction: direction === KVM_EXIT_IO.IN ? "in" : "out", count });
  return NEXT.user;
};

/** Puts what the VMM read from the port into AL, AX or EAX (which clears the upper half of RAX). */
export const completeIn = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { vmx, registerIndex } = processor;
  // The VMM has moved the vCPU elsewhere: the IN is not its instruction any more.
  if (vmx.vmreadNumber(VMCS.GUEST_RIP) !== vcpu.ioRip) return NEXT.resume;
  const { u8, u16, u32 } = kernel.memory;
  const at = vcpu.runArea + processor.personality.ioDataOffset;
  const rax = registerIndex << 2;
  if (vcpu.ioSize === 1) u8[rax] = u8[at]!;
  else if (vcpu.ioSize === 2) u16[rax >> 1] = u16[at >> 1]!;
  else {
    u32[registerIndex] = u32[at >> 2]!;
    u32[registerIndex + 1] = 0;
  }
  advance(vcpu, vcpu.ioInstructionLength);
  return NEXT.resume;
};
