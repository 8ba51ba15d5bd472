import { readCpuid } from "@likex/cpu-executor";
import { GPR } from "../gpr.ts";
import type { Vcpu } from "../vcpu.ts";
import { NEXT, skipInstruction } from "./exit.ts";

/** CPUID never goes to the VMM: answered from the vCPU's table. Each result clears the upper half of its register. */
export const handleCpuid = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { u32 } = kernel.memory;
  const at = processor.registerIndex;
  kernel.trace?.({ type: "handle_cpuid" });
  const leaf = u32[at + GPR.rax * 2]!;
  const { eax, ebx, ecx, edx } = readCpuid(vcpu.cpuid, leaf, u32[at + GPR.rcx * 2]!, vcpu.cpuidState());
  setRegister32(u32, at + GPR.rax * 2, eax);
  setRegister32(u32, at + GPR.rbx * 2, ebx);
  setRegister32(u32, at + GPR.rcx * 2, ecx);
  setRegister32(u32, at + GPR.rdx * 2, edx);
  skipInstruction(vcpu);
  kernel.trace?.({ type: "cpuid", rax: eax, rbx: ebx, rcx: ecx, rdx: edx });
  return NEXT.resume;
};

const setRegister32 = (u32: Uint32Array, index: number, value: number): void => {
  u32[index] = value;
  u32[index + 1] = 0;
};
