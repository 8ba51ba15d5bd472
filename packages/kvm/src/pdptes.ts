import { VMCS } from "@likex/vmx";
import { CR0, CR4, EFER } from "./control-registers.ts";
import { readCr0, readCr4 } from "./paging-mode.ts";
import type { Vcpu } from "./vcpu.ts";

/** Bits whose change by MOV to CR0 or CR4 loads the PDPTE registers (SDM Vol 3A, 4.4.1). */
export const CR0_LOADS_PDPTES: number = CR0.PG | CR0.CD | CR0.NW;
export const CR4_LOADS_PDPTES: number = CR4.PSE | CR4.PAE | CR4.PGE | CR4.SMEP;

const PRESENT = 1;
/** Bits 2:1 and 8:5 of a present entry. */
const RESERVED = 0x1e6;
const FIELDS = [VMCS.GUEST_PDPTR0, VMCS.GUEST_PDPTR1, VMCS.GUEST_PDPTR2, VMCS.GUEST_PDPTR3] as const;

/**
 * Loads the PDPTE registers of the VMCS from the table that bits 31:5 of `cr3Low` name. False, and nothing changed, when a
 * present entry has a reserved bit or there is no memory: #GP(0).
 */
export const loadPdptes = (vcpu: Vcpu, cr3Low: number): boolean => {
  const { kernel, processor } = vcpu.vm;
  const page = vcpu.vm.pageForRead((cr3Low & ~0xfff) >>> 0);
  if (page === undefined) return false;
  const limit = 2 ** (processor.personality.profile.physicalAddressWidth - 32);
  const { u32 } = kernel.memory;
  const at = (page + (cr3Low & 0xfe0)) >>> 2;
  for (let i = 0; i < 8; i += 2) {
    const low = u32[at + i]!;
    if ((low & PRESENT) !== 0 && ((low & RESERVED) !== 0 || u32[at + i + 1]! >= limit)) return false;
  }
  for (const [i, field] of FIELDS.entries())
    processor.vmx.vmwriteNumber(field, u32[at + 2 * i + 1]! * 2 ** 32 + u32[at + 2 * i]!);
  return true;
};

/** True when the guest would use PAE paging with these registers. */
export const isPaePaging = (cr0: number, cr4: number, efer: number): boolean =>
  (cr0 & CR0.PG) !== 0 && (cr4 & CR4.PAE) !== 0 && (efer & EFER.LMA) === 0;

/** True when the guest uses PAE paging. */
export const usesPaePaging = ({ vm }: Vcpu): boolean => {
  const { vmx } = vm.processor;
  return isPaePaging(readCr0(vmx), readCr4(vmx), vmx.vmread32(VMCS.GUEST_IA32_EFER));
};
