import { KVM_EXIT, KVM_EXIT_IO } from "@likex/kvm-abi";
import { RUN_SHIFT, RUN_WORD } from "../run-area.ts";
import type { TraceSink } from "../trace-events.ts";
import { PENDING, type Vcpu } from "../vcpu.ts";
import { NEXT } from "./exit.ts";
import { handleStringIo } from "./string-io.ts";

/** Exit qualification of an I/O instruction (SDM Vol 3C, table "Exit Qualification for I/O Instructions"). */
const QUALIFICATION = { sizeMinus1: 7, in: 1 << 3, string: 1 << 4 } as const;

// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const { IN, OUT } = KVM_EXIT_IO;
const { IO } = KVM_EXIT;
const { user: USER, resume: RESUME } = NEXT;
const { in: PENDING_IN } = PENDING;
const { exitReason: EXIT_REASON, io: IO_WORD, ioCount: IO_COUNT, ioDataOffset: IO_DATA_OFFSET } = RUN_WORD;
const { ioSize: SIZE_SHIFT, ioPort: PORT_SHIFT } = RUN_SHIFT;
const { sizeMinus1: SIZE_MINUS_1, in: IS_IN, string: IS_STRING } = QUALIFICATION;

/**
 * IN and OUT go to the VMM. OUT is done when it exits, RIP past it; IN completes at the next KVM_RUN, until when RIP
 * stays at it.
 */
export const handleIo = (vcpu: Vcpu): number => {
  const { lastExit } = vcpu;
  const qualification = lastExit.portQualification;
  if ((qualification & IS_STRING) !== 0) return handleStringIo(vcpu, qualification);
  const size = (qualification & SIZE_MINUS_1) + 1;
  let direction: number = IN;
  if ((qualification & IS_IN) !== 0) {
    vcpu.pending = PENDING_IN;
    vcpu.ioSize = size;
    vcpu.ioInstructionLength = lastExit.instructionLength;
    vcpu.ioRipLow = lastExit.ripLow;
    vcpu.ioRipHigh = lastExit.ripHigh;
  } else {
    direction = OUT;
    const { memory, registerIndex, ioData } = vcpu;
    // As many bytes as the guest has written last: processors wait before they forward a shorter store to a longer load.
    if (size === 1) memory.u8[ioData] = memory.u8[registerIndex << 2]!;
    else if (size === 2) memory.u16[ioData >> 1] = memory.u16[registerIndex << 1]!;
    else memory.u32[ioData >> 2] = memory.u32[registerIndex]!;
    vcpu.vmx.completeInstruction(lastExit.instructionLength);
  }
  return exitIo(vcpu, ioWord(direction, qualification >>> 16, size), 1);
};

/** The word of kvm_run.io that has direction, size and port. */
export const ioWord = (direction: number, port: number, size: number): number =>
  direction | (size << SIZE_SHIFT) | (port << PORT_SHIFT);

/** Fills kvm_run.io. */
export const exitIo = (vcpu: Vcpu, word: number, count: number): number => {
  const { run, trace } = vcpu;
  run[EXIT_REASON] = IO;
  run[IO_WORD] = word;
  run[IO_COUNT] = count;
  run[IO_DATA_OFFSET] = vcpu.ioDataOffset | 0;
  run[IO_DATA_OFFSET + 1] = 0;
  if (trace !== undefined) tell(trace, word, count);
  return USER;
};

const tell = (trace: TraceSink, word: number, count: number): void => {
  const direction = (word & 0xff) === IN ? "in" : "out";
  trace({ type: "handle_io", port: word >>> PORT_SHIFT, size: (word >>> SIZE_SHIFT) & 0xff, direction, count });
};

/** Puts what the VMM read from the port into AL, AX or EAX (which clears the upper half of RAX). */
export const completeIn = (vcpu: Vcpu): number => {
  const { vmx, memory, registerIndex, ioData } = vcpu;
  // The VMM has moved the vCPU elsewhere: the IN is not its instruction any more.
  if (!vmx.isGuestAt(vcpu.ioRipLow, vcpu.ioRipHigh)) return RESUME;
  const rax = registerIndex << 2;
  if (vcpu.ioSize === 1) memory.u8[rax] = memory.u8[ioData]!;
  else if (vcpu.ioSize === 2) memory.u16[rax >> 1] = memory.u16[ioData >> 1]!;
  else {
    memory.u32[registerIndex] = memory.u32[ioData >> 2]!;
    memory.u32[registerIndex + 1] = 0;
  }
  vmx.completeInstruction(vcpu.ioInstructionLength);
  return RESUME;
};
