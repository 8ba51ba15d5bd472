import { XSTATE } from "@likex/cpu-executor";
import { VECTOR } from "@likex/vmx";
import { xcr0Of } from "../cpuid-table.ts";
import { GPR } from "../gpr.ts";
import type { Vcpu } from "../vcpu.ts";
import { injectException, NEXT, skipInstruction } from "./exit.ts";

/** XSETBV: #GP(0) for a register other than XCR0, x87 state off, or a component that the vCPU's CPUID table lacks. */
export const handleXsetbv = (vcpu: Vcpu): number => {
  const { kernel, processor } = vcpu.vm;
  const { u32 } = kernel.memory;
  const at = processor.registerIndex;
  const value = u32[at + GPR.rax * 2]!;
  const isXcr0 = u32[at + GPR.rcx * 2] === 0 && u32[at + GPR.rdx * 2] === 0;
  const allowed = XSTATE.x87 | (xcr0Of(vcpu.cpuid) & XSTATE.sse);
  if (!isXcr0 || (value & XSTATE.x87) === 0 || (value & ~allowed) !== 0) {
    injectException(processor.vmx, VECTOR.gp, 0);
    return NEXT.resume;
  }
  processor.cpu.xcr0 = BigInt(value);
  skipInstruction(vcpu);
  return NEXT.resume;
};
