import { ERRNO, kvm_sregs, offsetOf } from "@likex/kvm-abi";
import { INTERRUPTION_INFO, INTERRUPTION_TYPE, VMCS, type Vmx } from "@likex/vmx";
import { CR0, CR4, EFER } from "./control-registers.ts";
import { followLongMode, readCr0, readCr4, writeCr0, writeCr4 } from "./paging-mode.ts";
import { loadPdptes, usesPaePaging } from "./pdptes.ts";
import { CS_L, getSegments, setSegments } from "./segment-registers.ts";
import type { Vcpu } from "./vcpu.ts";

const AT = {
  cr0: offsetOf(kvm_sregs, "cr0"),
  cr2: offsetOf(kvm_sregs, "cr2"),
  cr3: offsetOf(kvm_sregs, "cr3"),
  cr4: offsetOf(kvm_sregs, "cr4"),
  cr8: offsetOf(kvm_sregs, "cr8"),
  efer: offsetOf(kvm_sregs, "efer"),
  apicBase: offsetOf(kvm_sregs, "apic_base"),
  interruptBitmap: offsetOf(kvm_sregs, "interrupt_bitmap"),
} as const;
const BITMAP_BYTES = 32;
const LARGEST_CR8 = 15n;
/** IA32_APIC_BASE bits that must be 0, beside those above the physical address: 7:0, 9, and x2APIC enable (there is none). */
const APIC_BASE_RESERVED = 0x6ffn;

/** KVM_GET_SREGS. */
export const getSregs = (vcpu: Vcpu, out: DataView): void => {
  const { processor } = vcpu.vm;
  const { cpu, vmx } = processor;
  processor.load(vcpu);
  getSegments(vmx, out);
  out.setBigUint64(AT.cr0, BigInt(readCr0(vmx)), true);
  out.setBigUint64(AT.cr2, cpu.cr2, true);
  out.setBigUint64(AT.cr3, vmx.vmread(VMCS.GUEST_CR3) ?? 0n, true);
  out.setBigUint64(AT.cr4, BigInt(readCr4(vmx)), true);
  out.setBigUint64(AT.cr8, BigInt(vcpu.cr8), true);
  out.setBigUint64(AT.efer, vmx.vmread(VMCS.GUEST_IA32_EFER) ?? 0n, true);
  out.setBigUint64(AT.apicBase, vcpu.apicBase, true);
  const vector = pendingInterrupt(vmx);
  if (vector >= 0) out.setUint8(AT.interruptBitmap + (vector >> 3), 1 << (vector & 7));
};

/**
 * KVM_SET_SREGS: 0, or -EINVAL for a mode or a control bit that the processor does not have; then nothing is changed. As on
 * Linux, a CR8 above 15 is ignored, and undefined bits of EFER are taken: the next VM entry fails for them.
 */
export const setSregs = (vcpu: Vcpu, sregs: DataView): number => {
  if (!isValid(vcpu, sregs)) return -ERRNO.EINVAL;
  const { processor } = vcpu.vm;
  const { cpu, vmx } = processor;
  processor.load(vcpu);
  setSegments(vmx, sregs);
  cpu.cr2 = sregs.getBigUint64(AT.cr2, true);
  vmx.vmwrite(VMCS.GUEST_CR3, sregs.getBigUint64(AT.cr3, true));
  const cr8 = sregs.getBigUint64(AT.cr8, true);
  if (cr8 <= LARGEST_CR8) vcpu.cr8 = Number(cr8);
  vcpu.apicBase = sregs.getBigUint64(AT.apicBase, true);
  const efer = sregs.getBigUint64(AT.efer, true);
  vmx.vmwrite(VMCS.GUEST_IA32_EFER, efer);
  followLongMode(vmx, Number(efer & 0xffff_ffffn));
  writeCr0(vmx, Number(sregs.getBigUint64(AT.cr0, true)));
  writeCr4(vmx, Number(sregs.getBigUint64(AT.cr4, true)));
  // As on Linux a table that cannot be loaded is no error here: the old registers stay.
  if (usesPaePaging(vcpu)) loadPdptes(vcpu, vmx.vmread32(VMCS.GUEST_CR3));
  const vector = firstBit(sregs);
  if (vector >= 0) {
    const info = INTERRUPTION_INFO.valid | (INTERRUPTION_TYPE.externalInterrupt << 8) | vector;
    vmx.vmwriteNumber(VMCS.VM_ENTRY_INTR_INFO, info >>> 0);
  }
  return 0;
};

const isValid = (vcpu: Vcpu, sregs: DataView): boolean => {
  const cr0 = sregs.getBigUint64(AT.cr0, true);
  const cr4 = sregs.getBigUint64(AT.cr4, true);
  const efer = sregs.getBigUint64(AT.efer, true);
  const has = (value: bigint, bit: number): boolean => (value & BigInt(bit)) !== 0n;
  const isPhysical = (value: bigint): boolean => value >> BigInt(vcpu.physicalAddressWidth) === 0n;
  if (cr0 >> 32n !== 0n || (cr4 & ~BigInt(CR4.defined)) !== 0n || has(cr4, vcpu.reservedCr4)) return false;
  if (has(cr0, CR0.PG) && !has(cr0, CR0.PE)) return false;
  if (has(cr0, CR0.NW) && !has(cr0, CR0.CD)) return false;
  if (has(efer, EFER.LME) && has(cr0, CR0.PG)) {
    if (!has(cr4, CR4.PAE) || !has(efer, EFER.LMA)) return false;
    if (!isPhysical(sregs.getBigUint64(AT.cr3, true))) return false;
  } else if (has(efer, EFER.LMA) || sregs.getUint8(CS_L) !== 0) {
    return false;
  }
  const apicBase = sregs.getBigUint64(AT.apicBase, true);
  return (apicBase & APIC_BASE_RESERVED) === 0n && isPhysical(apicBase);
};

/** Vector of an external interrupt that the next entry will deliver, or -1. */
const pendingInterrupt = (vmx: Vmx): number => {
  const info = vmx.vmread32(VMCS.VM_ENTRY_INTR_INFO);
  const isExternal = ((info >> 8) & 7) === INTERRUPTION_TYPE.externalInterrupt;
  return (info & INTERRUPTION_INFO.valid) !== 0 && isExternal ? info & INTERRUPTION_INFO.vector : -1;
};

const firstBit = (sregs: DataView): number => {
  for (let index = 0; index < BITMAP_BYTES; index++) {
    const bits = sregs.getUint8(AT.interruptBitmap + index);
    if (bits !== 0) return index * 8 + 31 - Math.clz32(bits & -bits);
  }
  return -1;
};
