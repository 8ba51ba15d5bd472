import { KVM_EXIT, KVM_EXIT_IO } from "@likex/kvm-abi";
import { RUN } from "../run-area.ts";
import { PENDING, type Vcpu } from "../vcpu.ts";
import { NEXT } from "./exit.ts";
import { handleStringIo } from "./string-io.ts";

/** Exit qualification of an I/O instruction (SDM Vol 3C, table "Exit Qualification for I/O Instructions"). */
const QUALIFICATION = { sizeMinus1: 7, in: 1 << 3, string: 1 << 4 } as const;

// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const { sizeMinus1: SIZE_MINUS_1, in: IS_IN, string: IS_STRING } = QUALIFICATION;
const { IN, OUT } = KVM_EXIT_IO;
const { IO } = KVM_EXIT;
const { user: USER, resume: RESUME } = NEXT;
const { in: PENDING_IN } = PENDING;
const { exitReason: EXIT_REASON, ioDirection, ioSize, ioPort, ioCount, ioDataOffset } = RUN;

/**
 * IN and OUT go to the VMM. OUT is done when it exits, RIP past it; IN completes at the next KVM_RUN, until when RIP
 * stays at it.
 */
export const handleIo = (vcpu: Vcpu): number => {
  const { vmx } = vcpu;
  const qualification = vmx.exitQualification;
  if ((qualification & IS_STRING) !== 0) return handleStringIo(vcpu, qualification);
  const size = (qualification & SIZE_MINUS_1) + 1;
  const port = qualification >>> 16;
  const length = vmx.exitInstructionLength;
  if ((qualification & IS_IN) !== 0) {
    vcpu.pending = PENDING_IN;
    vcpu.ioSize = size;
    vcpu.ioInstructionLength = length;
    vcpu.ioRipLow = vmx.guestRipLow;
    vcpu.ioRipHigh = vmx.guestRipHigh;
    return exitIo(vcpu, IN, port, size, 1);
  }
  const { memory, registerIndex, ioData } = vcpu;
  const rax = memory.u32[registerIndex]!;
  if (size === 1) memory.u8[ioData] = rax;
  else if (size === 2) memory.u16[ioData >> 1] = rax;
  else memory.u32[ioData >> 2] = rax;
  vmx.completeInstruction(length);
  return exitIo(vcpu, OUT, port, size, 1);
};

/** Fills kvm_run.io. */
export const exitIo = (vcpu: Vcpu, direction: number, port: number, size: number, count: number): number => {
  const { memory, runArea, ioData, trace } = vcpu;
  const { u8, u32 } = memory;
  u32[(runArea + EXIT_REASON) >> 2] = IO;
  u8[runArea + ioDirection] = direction;
  u8[runArea + ioSize] = size;
  memory.u16[(runArea + ioPort) >> 1] = port;
  u32[(runArea + ioCount) >> 2] = count;
  u32[(runArea + ioDataOffset) >> 2] = ioData - runArea;
  u32[(runArea + ioDataOffset + 4) >> 2] = 0;
  if (trace !== undefined) {
    trace({ type: "handle_io", port, size, direction: direction === IN ? "in" : "out", count });
  }
  return USER;
};

/** Puts what the VMM read from the port into AL, AX or EAX (which clears the upper half of RAX). */
export const completeIn = (vcpu: Vcpu): number => {
  const { vmx, memory, registerIndex, ioData } = vcpu;
  // The VMM has moved the vCPU elsewhere: the IN is not its instruction any more.
  if (vmx.guestRipLow !== vcpu.ioRipLow || vmx.guestRipHigh !== vcpu.ioRipHigh) return RESUME;
  const { u8, u16, u32 } = memory;
  const rax = registerIndex << 2;
  if (vcpu.ioSize === 1) u8[rax] = u8[ioData]!;
  else if (vcpu.ioSize === 2) u16[rax >> 1] = u16[ioData >> 1]!;
  else {
    u32[registerIndex] = u32[ioData >> 2]!;
    u32[registerIndex + 1] = 0;
  }
  vmx.completeInstruction(vcpu.ioInstructionLength);
  return RESUME;
};
