import { KVM_EXIT } from "@likex/kvm-abi";
import { RUN } from "../run-area.ts";
import type { Vcpu } from "../vcpu.ts";
import { NEXT, skipInstruction } from "./exit.ts";

/** Without an interrupt controller in the kernel nothing here can end the halt: the VMM decides. RIP is past the HLT. */
export const handleHlt = (vcpu: Vcpu): number => {
  const { kernel } = vcpu.vm;
  kernel.trace?.({ type: "handle_hlt" });
  skipInstruction(vcpu);
  kernel.memory.u32[(vcpu.runArea + RUN.exitReason) >> 2] = KVM_EXIT.HLT;
  return NEXT.user;
};

/** MONITOR, MWAIT, PAUSE, WBINVD and INVD: nothing to wait for and no cache to write back. */
export const handleIdleHint = (vcpu: Vcpu): number => {
  skipInstruction(vcpu);
  return NEXT.resume;
};
