import { VMCS } from "@likex/vmx";
import { GUEST_ACCESS, transferOperand } from "../guest-memory.ts";
import { RUN } from "../run-area.ts";
import type { Vcpu } from "../vcpu.ts";
import { internalErrorEmulation } from "./exit.ts";

const LONGEST_INSTRUCTION = 15;
const PAGE = 4096;

/**
 * An instruction that the hypervisor set out to emulate and cannot. Where its bytes can be read they are reported: a size and
 * fifteen bytes in the second and third word of the data (Linux's struct kvm_run, emulation_failure).
 */
export const emulationFailure = (vcpu: Vcpu): number => {
  const { vmx } = vcpu.vm.processor;
  const at = (vmx.vmread(VMCS.GUEST_CS_BASE) ?? 0n) + (vmx.vmread(VMCS.GUEST_RIP) ?? 0n);
  const inPage = Math.min(LONGEST_INSTRUCTION, PAGE - Number(at % BigInt(PAGE)));
  const { u8 } = vcpu.vm.kernel.memory;
  const words = vcpu.runArea + RUN.internalData + 8;
  const bytes = new Uint8Array(16);
  for (const size of new Set([LONGEST_INSTRUCTION, inPage])) {
    const read = transferOperand(vcpu, { linear: at, size, access: "read", hostPhysical: words + 1 });
    if (read !== GUEST_ACCESS.done) continue;
    bytes[0] = size;
    bytes.set(u8.subarray(words + 1, words + 1 + size), 1);
    return internalErrorEmulation(vcpu, bytes);
  }
  return internalErrorEmulation(vcpu);
};
