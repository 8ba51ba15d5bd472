import { kvm_regs, offsetOf } from "@likex/kvm-abi";
import { VMCS } from "@likex/vmx";
import { GPR } from "./gpr.ts";
import type { Vcpu } from "./vcpu.ts";

/** Offset in kvm_regs of each general register, by its number. */
const OFFSETS: readonly number[] = [
  offsetOf(kvm_regs, "rax"),
  offsetOf(kvm_regs, "rcx"),
  offsetOf(kvm_regs, "rdx"),
  offsetOf(kvm_regs, "rbx"),
  offsetOf(kvm_regs, "rsp"),
  offsetOf(kvm_regs, "rbp"),
  offsetOf(kvm_regs, "rsi"),
  offsetOf(kvm_regs, "rdi"),
  offsetOf(kvm_regs, "r8"),
  offsetOf(kvm_regs, "r9"),
  offsetOf(kvm_regs, "r10"),
  offsetOf(kvm_regs, "r11"),
  offsetOf(kvm_regs, "r12"),
  offsetOf(kvm_regs, "r13"),
  offsetOf(kvm_regs, "r14"),
  offsetOf(kvm_regs, "r15"),
];
const RIP = offsetOf(kvm_regs, "rip");
const RFLAGS = offsetOf(kvm_regs, "rflags");
/** Bit 1 of RFLAGS is always 1. */
const RFLAGS_FIXED = 2n;

/** KVM_GET_REGS. */
export const getRegs = (vcpu: Vcpu, out: DataView): void => {
  const { processor } = vcpu.vm;
  const { cpu, vmx } = processor;
  processor.load(vcpu);
  for (let index = 0; index < OFFSETS.length; index++) {
    const value = index === GPR.rsp ? (vmx.vmread(VMCS.GUEST_RSP) ?? 0n) : cpu.getRegister(index);
    out.setBigUint64(OFFSETS[index]!, value, true);
  }
  out.setBigUint64(RIP, vmx.vmread(VMCS.GUEST_RIP) ?? 0n, true);
  out.setBigUint64(RFLAGS, vmx.vmread(VMCS.GUEST_RFLAGS) ?? 0n, true);
};

/** KVM_SET_REGS. An event that waits for the next entry is dropped, as its RIP is no longer what it would save. */
export const setRegs = (vcpu: Vcpu, regs: DataView): void => {
  const { processor } = vcpu.vm;
  const { cpu, vmx } = processor;
  processor.load(vcpu);
  for (let index = 0; index < OFFSETS.length; index++) {
    const value = regs.getBigUint64(OFFSETS[index]!, true);
    if (index === GPR.rsp) vmx.vmwrite(VMCS.GUEST_RSP, value);
    else cpu.setRegister(index, value);
  }
  const rip = regs.getBigUint64(RIP, true);
  vmx.vmwrite(VMCS.GUEST_RIP, rip);
  vmx.vmwrite(VMCS.GUEST_RFLAGS, regs.getBigUint64(RFLAGS, true) | RFLAGS_FIXED);
  vmx.vmwriteNumber(VMCS.VM_ENTRY_INTR_INFO, 0);
  vcpu.vm.kernel.trace?.({ type: "set_regs", rip, rax: cpu.getRegister(GPR.rax) });
};
