import { VM_ENTRY, VMCS, type Vmx } from "@likex/vmx";
import { CR0, CR4, EFER } from "./control-registers.ts";

/** CR0 as the guest sees it: its own bits, and the read shadow for those that it does not own. Unsigned. */
export const readCr0 = (vmx: Vmx): number =>
  ((vmx.vmread32(VMCS.GUEST_CR0) & CR0.TS) | (vmx.vmread32(VMCS.CR0_READ_SHADOW) & ~CR0.TS)) >>> 0;

/** Takes a CR0 value: paging and protection as asked, with caches always on and NE always set, as VMX demands. */
export const writeCr0 = (vmx: Vmx, value: number): void => {
  vmx.vmwriteNumber(VMCS.CR0_READ_SHADOW, value >>> 0);
  vmx.vmwriteNumber(VMCS.GUEST_CR0, ((value & CR0.defined & ~(CR0.CD | CR0.NW)) | CR0.NE | CR0.ET) >>> 0);
};

/** CR4 as the guest sees it. */
export const readCr4 = (vmx: Vmx): number => {
  const hostOwned = vmx.vmread32(VMCS.CR4_GUEST_HOST_MASK);
  return ((vmx.vmread32(VMCS.GUEST_CR4) & ~hostOwned) | (vmx.vmread32(VMCS.CR4_READ_SHADOW) & hostOwned)) >>> 0;
};

export const writeCr4 = (vmx: Vmx, value: number): void => {
  vmx.vmwriteNumber(VMCS.CR4_READ_SHADOW, value >>> 0);
  vmx.vmwriteNumber(VMCS.GUEST_CR4, (value | CR4.fixed) >>> 0);
};

/** Writes EFER: 32 bits. */
export const applyEfer = (vmx: Vmx, efer: number): void => {
  vmx.vmwriteNumber(VMCS.GUEST_IA32_EFER, efer);
  followLongMode(vmx, efer);
};

/** Keeps the VM-entry control "IA-32e mode guest" equal to EFER.LMA, as VM entry demands. */
export const followLongMode = (vmx: Vmx, efer: number): void => {
  const entry = vmx.vmread32(VMCS.VM_ENTRY_CONTROLS);
  const wanted = (efer & EFER.LMA) !== 0 ? entry | VM_ENTRY.ia32eModeGuest : entry & ~VM_ENTRY.ia32eModeGuest;
  if (wanted >>> 0 !== entry) vmx.vmwriteNumber(VMCS.VM_ENTRY_CONTROLS, wanted >>> 0);
};
