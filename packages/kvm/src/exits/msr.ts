import { VECTOR, VMCS, type Vmx } from "@likex/vmx";
import { CR0, EFER } from "../control-registers.ts";
import { GPR } from "../gpr.ts";
import { applyEfer, readCr0 } from "../paging-mode.ts";
import type { Vcpu } from "../vcpu.ts";
import { injectException, NEXT, skipInstruction } from "./exit.ts";

const IA32_TSC = 0x10;
const IA32_APIC_BASE = 0x1b;
const IA32_EFER = 0xc0000080;

/** MSRs whose value is a field of the VMCS. */
const VMCS_MSRS: ReadonlyMap<number, number> = new Map([
  [0x174, VMCS.GUEST_SYSENTER_CS],
  [0x175, VMCS.GUEST_SYSENTER_ESP],
  [0x176, VMCS.GUEST_SYSENTER_EIP],
  [0x277, VMCS.GUEST_IA32_PAT],
  [0xc0000100, VMCS.GUEST_FS_BASE],
  [0xc0000101, VMCS.GUEST_GS_BASE],
]);

/** RDMSR: EDX:EAX; #GP(0) for an MSR that there is not. */
export const handleMsrRead = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { u32 } = kernel.memory;
  const at = processor.registerIndex;
  const value = readMsr(vcpu, u32[at + GPR.rcx * 2]!);
  if (value === undefined) return generalProtection(vcpu);
  u32[at + GPR.rax * 2] = Number(value & 0xffffffffn);
  u32[at + GPR.rax * 2 + 1] = 0;
  u32[at + GPR.rdx * 2] = Number(value >> 32n);
  u32[at + GPR.rdx * 2 + 1] = 0;
  skipInstruction(vcpu);
  return NEXT.resume;
};

/** WRMSR: #GP(0) for an MSR that there is not, and for a value that it cannot hold. */
export const handleMsrWrite = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { u32 } = kernel.memory;
  const at = processor.registerIndex;
  const value = (BigInt(u32[at + GPR.rdx * 2]!) << 32n) | BigInt(u32[at + GPR.rax * 2]!);
  if (!writeMsr(vcpu, u32[at + GPR.rcx * 2]!, value)) return generalProtection(vcpu);
  skipInstruction(vcpu);
  return NEXT.resume;
};

const readMsr = (vcpu: Vcpu, index: number): bigint | undefined => {
  const { vmx, cpu } = vcpu.vm.processor;
  const field = VMCS_MSRS.get(index);
  if (field !== undefined) return vmx.vmread(field);
  if (index === IA32_EFER) return vmx.vmread(VMCS.GUEST_IA32_EFER);
  if (index === IA32_APIC_BASE) return vcpu.apicBase;
  if (index === IA32_TSC) return BigInt(cpu.instructionsRetired);
  return cpu.msrs.read(index);
};

const writeMsr = (vcpu: Vcpu, index: number, value: bigint): boolean => {
  const { vmx, cpu } = vcpu.vm.processor;
  if (index === IA32_EFER) return writeEfer(vmx, value);
  // The local APIC is not here, so its page cannot be moved.
  if (index === IA32_APIC_BASE) return value === vcpu.apicBase;
  if (!cpu.msrs.write(index, value)) return false;
  const field = VMCS_MSRS.get(index);
  if (field !== undefined) vmx.vmwrite(field, value);
  return true;
};

/** LMA is the processor's to set, and LME cannot change while paging is on (SDM Vol 3A, "IA32_EFER"). */
const writeEfer = (vmx: Vmx, value: bigint): boolean => {
  if ((value & ~BigInt(EFER.defined)) !== 0n) return false;
  const old = vmx.vmread32(VMCS.GUEST_IA32_EFER);
  const wanted = (Number(value) & ~EFER.LMA) | (old & EFER.LMA);
  if ((readCr0(vmx) & CR0.PG) !== 0 && ((wanted ^ old) & EFER.LME) !== 0) return false;
  applyEfer(vmx, wanted);
  return true;
};

const generalProtection = (vcpu: Vcpu): number => {
  injectException(vcpu.vm.processor.vmx, VECTOR.gp, 0);
  return NEXT.resume;
};
