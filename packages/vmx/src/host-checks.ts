import { type CheckContext, OK } from "./control-checks.ts";
import { VM_EXIT } from "./controls.ts";
import type { ControlRange } from "./profile.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** Bits of IA32_EFER that exist: SCE, LME, LMA, NXE. */
export const EFER = { sce: 1, lme: 0x100, lma: 0x400, nxe: 0x800, defined: 0xd01 } as const;

/** A linear address is canonical when bits 63:47 are equal. */
export const isCanonical = (vmcs: Vmcs, offset: number): boolean => {
  const high = vmcs.high(offset);
  return high < 0x8000 || high >= 0xffff8000;
};

/** Each byte of IA32_PAT, given as its two halves, is a memory type: UC 0, WC 1, WT 4, WP 5, WB 6, UC- 7. */
export const isPatValid = (low: number, high: number): boolean => areMemoryTypes(low) && areMemoryTypes(high);

/** Four bytes: none above 7, and bit 1 of each only together with bit 2, so neither 2 nor 3. */
const areMemoryTypes = (bytes: number): boolean =>
  (bytes & 0xf8f8f8f8) === 0 && ((bytes << 1) & 0x04040404 & ~bytes) === 0;

/** CR0 and CR4 against IA32_VMX_CRx_FIXED0 and FIXED1; `exempt` bits are not looked at. */
export const isFixed = (vmcs: Vmcs, offset: number, range: ControlRange, exempt: number): boolean => {
  const value = vmcs.low(offset);
  return (
    vmcs.high(offset) === 0 && (range.mustBeOne & ~value & ~exempt) === 0 && (value & ~range.mayBeOne & ~exempt) === 0
  );
};

export const CR0_NW_CD = 0x60000000;

/**
 * SDM Vol 3C, "Checks on Host Control Registers, MSRs, and SSP", "... Host Segment and Descriptor-Table Registers" and
 * "Checks Related to Address-Space Size": failing any is VM-instruction error 8. The host is a 64-bit one.
 */
export const checkHostState = (context: CheckContext): string =>
  checkHostRegisters(context) || checkHostSegments(context.vmcs) || checkHostAddressSpace(context.vmcs);

const checkHostRegisters = ({ vmcs, capabilities, physicalLimit }: CheckContext): string => {
  if (!isFixed(vmcs, F.HOST_CR0, capabilities.cr0, CR0_NW_CD)) return "host CR0";
  if (!isFixed(vmcs, F.HOST_CR4, capabilities.cr4, 0)) return "host CR4";
  if (vmcs.number(F.HOST_CR3) >= physicalLimit) return "host CR3";
  if (!isCanonical(vmcs, F.HOST_IA32_SYSENTER_ESP)) return "host IA32_SYSENTER_ESP";
  if (!isCanonical(vmcs, F.HOST_IA32_SYSENTER_EIP)) return "host IA32_SYSENTER_EIP";
  const exit = vmcs.low(F.VM_EXIT_CONTROLS);
  if (exit & VM_EXIT.loadPat && !isPatValid(vmcs.low(F.HOST_IA32_PAT), vmcs.high(F.HOST_IA32_PAT)))
    return "host IA32_PAT";
  if (exit & VM_EXIT.loadEfer) {
    const efer = vmcs.low(F.HOST_IA32_EFER);
    if (vmcs.high(F.HOST_IA32_EFER) !== 0 || (efer & ~EFER.defined) !== 0) return "host IA32_EFER: reserved bits";
    const longMode = exit & VM_EXIT.hostAddressSpaceSize ? EFER.lma | EFER.lme : 0;
    if ((efer & (EFER.lma | EFER.lme)) !== longMode) return "host IA32_EFER: LMA and LME";
  }
  return OK;
};

const HOST_SELECTORS = [
  [F.HOST_CS_SELECTOR, "host CS selector"],
  [F.HOST_SS_SELECTOR, "host SS selector"],
  [F.HOST_DS_SELECTOR, "host DS selector"],
  [F.HOST_ES_SELECTOR, "host ES selector"],
  [F.HOST_FS_SELECTOR, "host FS selector"],
  [F.HOST_GS_SELECTOR, "host GS selector"],
  [F.HOST_TR_SELECTOR, "host TR selector"],
] as const;

const HOST_BASES = [
  [F.HOST_FS_BASE, "host FS base"],
  [F.HOST_GS_BASE, "host GS base"],
  [F.HOST_GDTR_BASE, "host GDTR base"],
  [F.HOST_IDTR_BASE, "host IDTR base"],
  [F.HOST_TR_BASE, "host TR base"],
] as const;

const checkHostSegments = (vmcs: Vmcs): string => {
  for (const [offset, name] of HOST_SELECTORS) if ((vmcs.word(offset) & 7) !== 0) return `${name}: RPL or TI`;
  if (vmcs.word(F.HOST_CS_SELECTOR) === 0) return "host CS selector is 0";
  if (vmcs.word(F.HOST_TR_SELECTOR) === 0) return "host TR selector is 0";
  for (const [offset, name] of HOST_BASES) if (!isCanonical(vmcs, offset)) return name;
  return OK;
};

const CR4_PAE = 1 << 5;

const checkHostAddressSpace = (vmcs: Vmcs): string => {
  // VMX root operation is in IA-32e mode here, so a return to a 32-bit host is not possible.
  if ((vmcs.low(F.VM_EXIT_CONTROLS) & VM_EXIT.hostAddressSpaceSize) === 0) return "host address-space size";
  if ((vmcs.low(F.HOST_CR4) & CR4_PAE) === 0) return "host CR4.PAE";
  if (!isCanonical(vmcs, F.HOST_RIP)) return "host RIP";
  return OK;
};
