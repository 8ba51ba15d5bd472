import { VECTOR, VMCS, type Vmx } from "@likex/vmx";
import { CR0, CR4, EFER } from "../control-registers.ts";
import { GPR } from "../gpr.ts";
import { applyEfer, readCr0, readCr4, writeCr0, writeCr4 } from "../paging-mode.ts";
import { CR0_LOADS_PDPTES, CR4_LOADS_PDPTES, isPaePaging, loadPdptes, usesPaePaging } from "../pdptes.ts";
import type { Vcpu } from "../vcpu.ts";
import { injectException, internalErrorUnexpectedExit, isLongMode, NEXT, skipInstruction } from "./exit.ts";

// Exit qualification for control-register accesses (SDM Vol 3C, table of that name).
const ACCESS = { movTo: 0, movFrom: 1, clts: 2, lmsw: 3 } as const;
/** LMSW changes PE (only to 1), MP, EM and TS. */
const LMSW_BITS = 0xf;
/** CS.L in the access rights. */
const CS_L = 0x2000;

/** MOV to and from CR0, CR3, CR4 and CR8, CLTS and LMSW. */
export const handleControlRegister = (vcpu: Vcpu): number => {
  const { vmx } = vcpu.vm.processor;
  const qualification = vmx.vmread32(VMCS.EXIT_QUALIFICATION);
  const control = qualification & 15;
  const register = (qualification >> 8) & 15;
  switch ((qualification >> 4) & 3) {
    case ACCESS.movTo:
      return moveTo(vcpu, control, register);
    case ACCESS.movFrom:
      return moveFrom(vcpu, control, register);
    case ACCESS.clts:
      return finish(vcpu, setCr0(vcpu, readCr0(vmx) & ~CR0.TS));
    default: {
      const cr0 = readCr0(vmx);
      const source = (qualification >>> 16) & LMSW_BITS;
      return finish(vcpu, setCr0(vcpu, (cr0 & ~(LMSW_BITS & ~CR0.PE)) | source));
    }
  }
};

const moveTo = (vcpu: Vcpu, control: number, register: number): number => {
  const { vmx } = vcpu.vm.processor;
  const low = readGpr(vcpu, register, 0);
  const high = readGpr(vcpu, register, 1);
  switch (control) {
    case 0:
      return finish(vcpu, high === 0 && setCr0(vcpu, low));
    case 3:
      return finish(vcpu, setCr3(vcpu, low, high));
    case 4:
      return finish(vcpu, high === 0 && setCr4(vcpu, low));
    case 8:
      if (high !== 0 || low > 15) return finish(vcpu, false);
      vcpu.cr8 = low;
      return finish(vcpu, true);
    default:
      return internalErrorUnexpectedExit(vcpu, vmx.vmread32(VMCS.VM_EXIT_REASON));
  }
};

const moveFrom = (vcpu: Vcpu, control: number, register: number): number => {
  const { kernel, processor } = vcpu.vm;
  const { vmx } = processor;
  if (control !== 3 && control !== 8) return internalErrorUnexpectedExit(vcpu, vmx.vmread32(VMCS.VM_EXIT_REASON));
  const value = control === 3 ? (vmx.vmread(VMCS.GUEST_CR3) ?? 0n) : BigInt(vcpu.cr8);
  if (register === GPR.rsp) {
    vmx.vmwrite(VMCS.GUEST_RSP, value);
  } else {
    const at = processor.registerIndex + register * 2;
    kernel.memory.u32[at] = Number(value & 0xffffffffn);
    kernel.memory.u32[at + 1] = Number(value >> 32n);
  }
  return finish(vcpu, true);
};

/** Half of a general register; RSP's value is in the VMCS. Outside 64-bit mode the upper half is not an operand. */
const readGpr = (vcpu: Vcpu, register: number, half: 0 | 1): number => {
  const { kernel, processor } = vcpu.vm;
  const { vmx } = processor;
  if (half === 1 && !isLongMode(vmx)) return 0;
  if (register !== GPR.rsp) return kernel.memory.u32[processor.registerIndex + register * 2 + half]!;
  const rsp = vmx.vmread(VMCS.GUEST_RSP) ?? 0n;
  return Number(half === 0 ? rsp & 0xffffffffn : rsp >> 32n);
};

/** The instruction is done, or raises #GP(0). */
const finish = (vcpu: Vcpu, valid: boolean): number => {
  if (valid) skipInstruction(vcpu);
  else injectException(vcpu.vm.processor.vmx, VECTOR.gp, 0);
  return NEXT.resume;
};

/** False for what raises #GP(0) (SDM Vol 2B, MOV to control register). */
const setCr0 = (vcpu: Vcpu, value: number): boolean => {
  const { vmx } = vcpu.vm.processor;
  const cr0 = (value | CR0.ET) >>> 0;
  if ((cr0 & CR0.PG) !== 0 && (cr0 & CR0.PE) === 0) return false;
  if ((cr0 & CR0.NW) !== 0 && (cr0 & CR0.CD) === 0) return false;
  const before = readCr0(vmx);
  const wasPaging = (before & CR0.PG) !== 0;
  const isPaging = (cr0 & CR0.PG) !== 0;
  const cr4 = readCr4(vmx);
  // 64-bit mode and PCIDs end with paging: both must end before it (SDM Vol 3A, 4.1.2 and 4.10.1).
  if (wasPaging && !isPaging && (isLongMode(vmx) || (cr4 & CR4.PCIDE) !== 0)) return false;
  const efer = vmx.vmread32(VMCS.GUEST_IA32_EFER);
  const isPae = (efer & EFER.LME) === 0 && isPaePaging(cr0, cr4, efer);
  if (isPae && ((cr0 ^ before) & CR0_LOADS_PDPTES) !== 0 && !loadPdptes(vcpu, vmx.vmread32(VMCS.GUEST_CR3)))
    return false;
  if (!wasPaging && isPaging && (efer & EFER.LME) !== 0) {
    if ((cr4 & CR4.PAE) === 0 || hasLongCode(vmx)) return false;
    applyEfer(vmx, efer | EFER.LMA);
  } else if (wasPaging && !isPaging && (efer & EFER.LMA) !== 0) {
    applyEfer(vmx, efer & ~EFER.LMA);
  }
  writeCr0(vmx, cr0 & CR0.defined);
  return true;
};

/** Bit 63 is no part of the register: with PCIDs it keeps translations, of which the processor caches none longer. */
const setCr3 = (vcpu: Vcpu, low: number, high: number): boolean => {
  const { vmx, personality } = vcpu.vm.processor;
  const address = (readCr4(vmx) & CR4.PCIDE) !== 0 ? high & 0x7fffffff : high;
  if (address >= 2 ** (personality.profile.physicalAddressWidth - 32)) return false;
  if (usesPaePaging(vcpu) && !loadPdptes(vcpu, low)) return false;
  vmx.vmwrite(VMCS.GUEST_CR3, (BigInt(address) << 32n) | BigInt(low));
  return true;
};

const hasLongCode = (vmx: Vmx): boolean => (vmx.vmread32(VMCS.GUEST_CS_AR_BYTES) & CS_L) !== 0;

const setCr4 = (vcpu: Vcpu, value: number): boolean => {
  const { vmx } = vcpu.vm.processor;
  if ((value & (~CR4.defined | vcpu.reservedCr4)) !== 0) return false;
  const efer = vmx.vmread32(VMCS.GUEST_IA32_EFER);
  if ((efer & EFER.LMA) !== 0 && (value & CR4.PAE) === 0) return false;
  // PCIDs begin in IA-32e mode, with PCID 0.
  const startsPcids = (value & ~readCr4(vmx) & CR4.PCIDE) !== 0;
  if (startsPcids && ((efer & EFER.LMA) === 0 || (vmx.vmread32(VMCS.GUEST_CR3) & 0xfff) !== 0)) return false;
  const loads = ((value ^ readCr4(vmx)) & CR4_LOADS_PDPTES) !== 0 && isPaePaging(readCr0(vmx), value, efer);
  if (loads && !loadPdptes(vcpu, vmx.vmread32(VMCS.GUEST_CR3))) return false;
  writeCr4(vmx, value);
  return true;
};
