import { ERRNO, KVM_EXIT_IO } from "@likex/kvm-abi";
import { VECTOR, VMCS } from "@likex/vmx";
import { GPR } from "../gpr.ts";
import { GUEST_ACCESS, type GuestOperand, transferOperand } from "../guest-memory.ts";
import { PENDING, type Vcpu } from "../vcpu.ts";
import { emulationFailure } from "./emulation-failure.ts";
import { advance, injectException, isLongMode, NEXT, RFLAGS_RF } from "./exit.ts";
import { exitIo, ioWord } from "./io.ts";

const QUALIFICATION = { sizeMinus1: 7, in: 1 << 3, rep: 1 << 5 } as const;
const RFLAGS_DF = 1 << 10;
const PAGE = 4096;
/** Linux reads at most this many bytes ahead for INS. */
const INS_BYTES = 1024;
const ES = 0;
const SS = 2;
const FS = 4;

/**
 * INS and OUTS, with REP. OUTS goes out element by element, its registers advanced at the exit; with REP, RIP stays
 * at it until it is met with RCX 0. INS asks for as many elements as fit the rest of the page and 1024 bytes; they are stored at the next
 * KVM_RUN, until when nothing has changed.
 */
export const handleStringIo = (vcpu: Vcpu, qualification: number): number => {
  const { vmx } = vcpu.vm.processor;
  const size = (qualification & QUALIFICATION.sizeMinus1) + 1;
  const port = qualification >>> 16;
  const isRep = (qualification & QUALIFICATION.rep) !== 0;
  const info = vmx.vmread32(VMCS.VMX_INSTRUCTION_INFO);
  vcpu.ioPort = port;
  vcpu.ioSize = size;
  vcpu.ioInstructionLength = vcpu.lastExit.instructionLength;
  vcpu.ioRipLow = vcpu.lastExit.ripLow;
  vcpu.ioRipHigh = vcpu.lastExit.ripHigh;
  vcpu.ioAddressMask = ADDRESS_MASKS[(info >> 7) & 7]!;
  vcpu.ioIsRep = isRep;
  if (isRep && remaining(vcpu) === 0) {
    advance(vcpu, vcpu.ioInstructionLength);
    return NEXT.resume;
  }
  if ((qualification & QUALIFICATION.in) === 0) return outs(vcpu, (info >> 15) & 7);
  const count = isRep ? Math.max(1, Math.min(remaining(vcpu), elementsAhead(vcpu))) : 1;
  vcpu.pending = PENDING.stringIn;
  vcpu.ioCount = count;
  return exitIo(vcpu, ioWord(KVM_EXIT_IO.IN, port, size), count);
};

/** By the address-size code of the VM-exit instruction information: 16, 32, 64 bits. */
const ADDRESS_MASKS: readonly bigint[] = [0xffffn, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn];

const outs = (vcpu: Vcpu, segment: number): number => {
  const data = vcpu.ioData;
  const result = transfer(vcpu, segment, GPR.rsi, data, "read");
  if (result !== NEXT.resume) return result === FAULT_INJECTED ? NEXT.resume : result;
  step(vcpu, GPR.rsi);
  if (vcpu.ioIsRep) suspendRepetition(vcpu);
  else advance(vcpu, vcpu.ioInstructionLength);
  return exitIo(vcpu, ioWord(KVM_EXIT_IO.OUT, vcpu.ioPort, vcpu.ioSize), 1);
};

/** Stores what the VMM read from the port. A fault leaves the elements before it stored. */
export const completeStringIn = (vcpu: Vcpu): number => {
  if (!vcpu.vmx.isGuestAt(vcpu.ioRipLow, vcpu.ioRipHigh)) return NEXT.resume;
  const data = vcpu.ioData;
  for (let index = 0; index < vcpu.ioCount; index++) {
    const result = transfer(vcpu, ES, GPR.rdi, data + index * vcpu.ioSize, "write");
    if (result !== NEXT.resume) return result === FAULT_INJECTED ? NEXT.resume : result;
    step(vcpu, GPR.rdi);
  }
  if (!vcpu.ioIsRep || remaining(vcpu) === 0) advance(vcpu, vcpu.ioInstructionLength);
  else suspendRepetition(vcpu);
  return NEXT.resume;
};

/** RIP stays at the instruction until it is met with RCX 0, and RFLAGS.RF tells that it has begun. */
const suspendRepetition = ({ vm }: Vcpu): void => {
  const { vmx } = vm.processor;
  vmx.vmwriteNumber(VMCS.GUEST_RFLAGS, vmx.vmread32(VMCS.GUEST_RFLAGS) | RFLAGS_RF);
};

/** Not a NEXT nor a negated errno: the guest gets an exception instead of the element. */
const FAULT_INJECTED = 2;

/** Moves one element between guest memory and host-physical `data`. */
const transfer = (vcpu: Vcpu, segment: number, index: number, data: number, access: "read" | "write"): number => {
  const { cpu, vmx } = vcpu.vm.processor;
  vmx.loadGuestState();
  const offset = cpu.getRegister(index) & vcpu.ioAddressMask;
  const isLong = isLongMode(vmx);
  if (!isLong && offset + BigInt(vcpu.ioSize) - 1n > BigInt(cpu.segmentLimit(segment))) {
    injectException(vmx, segment === SS ? VECTOR.ss : VECTOR.gp, 0);
    return FAULT_INJECTED;
  }
  const hasBase = !isLong || segment >= FS;
  const base = hasBase ? cpu.getSegment(segment).base : 0n;
  const operand: GuestOperand = {
    linear: BigInt.asUintN(isLong ? 64 : 32, base + offset),
    size: vcpu.ioSize,
    access,
    hostPhysical: data,
  };
  switch (transferOperand(vcpu, operand)) {
    case GUEST_ACCESS.done:
      return NEXT.resume;
    case GUEST_ACCESS.pageFault:
      cpu.cr2 = operand.linear;
      injectException(vmx, VECTOR.pf, vcpu.vm.processor.mmu.pageFaultErrorCode);
      return FAULT_INJECTED;
    case GUEST_ACCESS.nonCanonical:
      injectException(vmx, segment === SS ? VECTOR.ss : VECTOR.gp, 0);
      return FAULT_INJECTED;
    case GUEST_ACCESS.badUserAddress:
      return -ERRNO.EFAULT;
    case GUEST_ACCESS.outOfMemory:
      return -ERRNO.ENOMEM;
    default:
      return emulationFailure(vcpu);
  }
};

/** RCX in the instruction's address size, at most 2^31. */
const remaining = (vcpu: Vcpu): number => {
  const count = vcpu.vm.processor.cpu.getRegister(GPR.rcx) & vcpu.ioAddressMask;
  return count > 0x8000_0000n ? 0x8000_0000 : Number(count);
};

/** Elements that Linux would ask for: what is left of the page, in bytes whatever the size, and of its buffer. */
const elementsAhead = (vcpu: Vcpu): number => {
  const { cpu, vmx } = vcpu.vm.processor;
  const offset = Number(cpu.getRegister(GPR.rdi) & 0xfffn);
  const inPage = (vmx.vmread32(VMCS.GUEST_RFLAGS) & RFLAGS_DF) !== 0 ? offset : PAGE - offset;
  return Math.min(inPage, INS_BYTES / vcpu.ioSize);
};

/** Advances the index register by one element and, with REP, counts it. A 32-bit register is zero-extended. */
const step = (vcpu: Vcpu, index: number): void => {
  const { vmx } = vcpu.vm.processor;
  const size = BigInt(vcpu.ioSize);
  addMasked(vcpu, index, (vmx.vmread32(VMCS.GUEST_RFLAGS) & RFLAGS_DF) !== 0 ? -size : size);
  if (vcpu.ioIsRep) addMasked(vcpu, GPR.rcx, -1n);
};

const addMasked = (vcpu: Vcpu, index: number, amount: bigint): void => {
  const { cpu } = vcpu.vm.processor;
  const mask = vcpu.ioAddressMask;
  const value = cpu.getRegister(index);
  const keep = mask === 0xffffn ? value & ~mask & 0xffff_ffff_ffff_ffffn : 0n;
  cpu.setRegister(index, keep | ((value + amount) & mask));
};
