import { type CheckContext, isUnrestrictedGuest, OK, secondaryControls } from "./control-checks.ts";
import {
  ACTIVITY_STATE,
  CPU_BASED2,
  INTERRUPTIBILITY,
  INTERRUPTION_INFO,
  INTERRUPTION_TYPE,
  PIN_BASED,
  VM_ENTRY,
} from "./controls.ts";
import { ACCESS_RIGHTS, checkGuestSegments } from "./guest-segment-checks.ts";
import { CR0_NW_CD, EFER, isCanonical, isFixed, isPatValid } from "./host-checks.ts";
import { VECTOR } from "./numbers.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** Exit qualifications of an entry failure due to invalid guest state (SDM Vol 3C, "VM-Entry Failures During or After Loading Guest State"). */
export const ENTRY_FAILURE_QUALIFICATION = { other: 0, pdptes: 2, nmiBlockedBySti: 3, vmcsLinkPointer: 4 } as const;

export const CR0 = {
  pe: 1,
  mp: 2,
  em: 4,
  ts: 8,
  et: 0x10,
  ne: 0x20,
  wp: 0x10000,
  nw: 0x20000000,
  cd: 0x40000000,
  pg: 0x80000000,
} as const;
export const CR4 = {
  tsd: 4,
  de: 8,
  pse: 0x10,
  pae: 0x20,
  pge: 0x80,
  vmxe: 0x2000,
  pcide: 0x20000,
  osxsave: 0x40000,
  smep: 0x100000,
} as const;
export const RFLAGS_BIT = { fixed: 2, tf: 0x100, if: 0x200, vm: 0x20000 } as const;

/** RFLAGS bits 31:22, 15, 5 and 3 are reserved. */
const RFLAGS_RESERVED = 0xffc08028;
/** IA32_DEBUGCTL: LBR 0, BTF 1, TR 6 to FREEZE_WHILE_SMM 14, RTM 15. */
const DEBUGCTL_DEFINED = 0xffc3;
const DEBUGCTL_BTF = 2;
const PENDING_DEBUG = { bs: 1 << 14, defined: 0x1500f } as const;

/** The failed check's name, or ""; `qualification` is valid after a failure. */
export interface GuestCheckResult {
  qualification: number;
}

/**
 * SDM Vol 3C, "Checking and Loading Guest State": all of "Checks on the Guest State Area". A failure is a VM exit with reason 33
 * and bit 31, with `result.qualification`.
 */
export const checkGuestState = (context: CheckContext, result: GuestCheckResult): string => {
  result.qualification = ENTRY_FAILURE_QUALIFICATION.other;
  const failed =
    checkControlRegisters(context) ||
    checkGuestSegments(context.vmcs, isIa32eGuest(context), isUnrestrictedGuest(context.vmcs)) ||
    checkDescriptorTables(context) ||
    checkRipAndRflags(context) ||
    checkNonRegisterState(context);
  if (failed !== OK) return failed;
  const link = checkLinkPointer(context);
  if (link !== OK) {
    result.qualification = ENTRY_FAILURE_QUALIFICATION.vmcsLinkPointer;
    return link;
  }
  const pdptes = checkPdptes(context);
  if (pdptes !== OK) result.qualification = ENTRY_FAILURE_QUALIFICATION.pdptes;
  return pdptes;
};

const isIa32eGuest = ({ vmcs }: CheckContext): boolean =>
  (vmcs.low(F.VM_ENTRY_CONTROLS) & VM_ENTRY.ia32eModeGuest) !== 0;

/** "Checks on Guest Control Registers, Debug Registers, and MSRs". */
const checkControlRegisters = (context: CheckContext): string => {
  const { vmcs, capabilities, physicalLimit } = context;
  const exempt = isUnrestrictedGuest(vmcs) ? (CR0.pe | CR0.pg | CR0_NW_CD) >>> 0 : CR0_NW_CD;
  if (!isFixed(vmcs, F.GUEST_CR0, capabilities.cr0, exempt)) return "guest CR0";
  const cr0 = vmcs.low(F.GUEST_CR0);
  const cr4 = vmcs.low(F.GUEST_CR4);
  if (cr0 & CR0.pg && !(cr0 & CR0.pe)) return "guest CR0: PG without PE";
  if (!isFixed(vmcs, F.GUEST_CR4, capabilities.cr4, 0)) return "guest CR4";
  const entry = vmcs.low(F.VM_ENTRY_CONTROLS);
  const ia32e = isIa32eGuest(context);
  if (
    entry & VM_ENTRY.loadDebugControls &&
    (vmcs.high(F.GUEST_IA32_DEBUGCTL) !== 0 || vmcs.low(F.GUEST_IA32_DEBUGCTL) & ~DEBUGCTL_DEFINED)
  ) {
    return "guest IA32_DEBUGCTL";
  }
  if (ia32e && (!(cr0 & CR0.pg) || !(cr4 & CR4.pae))) return "IA-32e mode guest without paging or PAE";
  if (!ia32e && cr4 & CR4.pcide) return "guest CR4.PCIDE outside IA-32e mode";
  if (vmcs.number(F.GUEST_CR3) >= physicalLimit) return "guest CR3";
  if (entry & VM_ENTRY.loadDebugControls && vmcs.high(F.GUEST_DR7) !== 0) return "guest DR7";
  if (!isCanonical(vmcs, F.GUEST_SYSENTER_ESP)) return "guest IA32_SYSENTER_ESP";
  if (!isCanonical(vmcs, F.GUEST_SYSENTER_EIP)) return "guest IA32_SYSENTER_EIP";
  if (entry & VM_ENTRY.loadPat && !isPatValid(vmcs.low(F.GUEST_IA32_PAT), vmcs.high(F.GUEST_IA32_PAT)))
    return "guest IA32_PAT";
  if (entry & VM_ENTRY.loadEfer) {
    const efer = vmcs.low(F.GUEST_IA32_EFER);
    if (vmcs.high(F.GUEST_IA32_EFER) !== 0 || (efer & ~EFER.defined) !== 0) return "guest IA32_EFER: reserved bits";
    if (((efer & EFER.lma) !== 0) !== ia32e) return "guest IA32_EFER.LMA";
    if (cr0 & CR0.pg && ((efer & EFER.lme) !== 0) !== ia32e) return "guest IA32_EFER.LME";
  }
  return OK;
};

/** "Checks on Guest Descriptor-Table Registers". */
const checkDescriptorTables = ({ vmcs }: CheckContext): string => {
  if (!isCanonical(vmcs, F.GUEST_GDTR_BASE)) return "guest GDTR base";
  if (!isCanonical(vmcs, F.GUEST_IDTR_BASE)) return "guest IDTR base";
  if (vmcs.low(F.GUEST_GDTR_LIMIT) > 0xffff) return "guest GDTR limit";
  if (vmcs.low(F.GUEST_IDTR_LIMIT) > 0xffff) return "guest IDTR limit";
  return OK;
};

/** "Checks on Guest RIP, RFLAGS, and SSP". */
const checkRipAndRflags = (context: CheckContext): string => {
  const { vmcs } = context;
  const ia32e = isIa32eGuest(context);
  const rip = checkGuestRip(context);
  if (rip !== OK) return rip;
  const rflags = vmcs.low(F.GUEST_RFLAGS);
  if (vmcs.high(F.GUEST_RFLAGS) !== 0 || (rflags & RFLAGS_RESERVED) !== 0) return "guest RFLAGS: reserved bits";
  if (!(rflags & RFLAGS_BIT.fixed)) return "guest RFLAGS: bit 1";
  if (rflags & RFLAGS_BIT.vm && (ia32e || !(vmcs.low(F.GUEST_CR0) & CR0.pe))) return "guest RFLAGS.VM";
  if (injectedType(context) === INTERRUPTION_TYPE.externalInterrupt && !(rflags & RFLAGS_BIT.if)) {
    return "guest RFLAGS.IF with an injected external interrupt";
  }
  return OK;
};

/** True when the guest that is entered is in 64-bit mode. */
export const isGuest64Bit = (context: CheckContext): boolean =>
  isIa32eGuest(context) && (context.vmcs.low(F.GUEST_CS_AR_BYTES) & ACCESS_RIGHTS.l) !== 0;

export const checkGuestRip = (context: CheckContext): string => {
  const { vmcs } = context;
  return (isGuest64Bit(context) ? isCanonical(vmcs, F.GUEST_RIP) : vmcs.high(F.GUEST_RIP) === 0) ? OK : "guest RIP";
};

/** Type of the event to be injected, -1 if none. */
const injectedType = ({ vmcs }: CheckContext): number => {
  const info = vmcs.low(F.VM_ENTRY_INTR_INFO);
  return info & INTERRUPTION_INFO.valid ? (info >> 8) & 7 : -1;
};

/** "Checks on Guest Non-Register State", the VMCS link pointer excepted. */
const checkNonRegisterState = (context: CheckContext): string => {
  const { vmcs, capabilities } = context;
  const activity = vmcs.low(F.GUEST_ACTIVITY_STATE);
  const blocking = vmcs.low(F.GUEST_INTERRUPTIBILITY_INFO);
  const rflags = vmcs.low(F.GUEST_RFLAGS);
  if (activity > 3 || !(capabilities.activityStates & (1 << activity))) return "activity state";
  if (activity === ACTIVITY_STATE.hlt && ((vmcs.low(F.GUEST_SS_AR_BYTES) >> 5) & 3) !== 0)
    return "activity state HLT at SS.DPL above 0";
  if (activity !== ACTIVITY_STATE.active && blocking & (INTERRUPTIBILITY.sti | INTERRUPTIBILITY.movSs)) {
    return "activity state with blocking by STI or MOV SS";
  }
  if (!mayInject(context, activity)) return "activity state does not accept the injected event";
  if ((blocking & ~0xf) !== 0) return "interruptibility state: reserved bits";
  const shadow = blocking & (INTERRUPTIBILITY.sti | INTERRUPTIBILITY.movSs);
  if (shadow === 3) return "blocking by both STI and MOV SS";
  if (blocking & INTERRUPTIBILITY.sti && !(rflags & RFLAGS_BIT.if)) return "blocking by STI with RFLAGS.IF 0";
  const type = injectedType(context);
  if (type === INTERRUPTION_TYPE.externalInterrupt && shadow !== 0) return "injected external interrupt is blocked";
  if (type === INTERRUPTION_TYPE.nmi && blocking & INTERRUPTIBILITY.movSs) return "injected NMI is blocked by MOV SS";
  if (blocking & INTERRUPTIBILITY.smi) return "blocking by SMI outside SMM";
  const virtualNmis = (vmcs.low(F.PIN_BASED_VM_EXEC_CONTROL) & PIN_BASED.virtualNmis) !== 0;
  if (virtualNmis && type === INTERRUPTION_TYPE.nmi && blocking & INTERRUPTIBILITY.nmi)
    return "injected NMI is blocked by NMI";
  return checkPendingDebug(context, shadow !== 0 || activity === ACTIVITY_STATE.hlt);
};

/** Events that a state other than active can take (the VMX table on activity state and event injection). */
const mayInject = (context: CheckContext, activity: number): boolean => {
  const type = injectedType(context);
  if (type < 0 || activity === ACTIVITY_STATE.active) return true;
  const vector = context.vmcs.low(F.VM_ENTRY_INTR_INFO) & INTERRUPTION_INFO.vector;
  const isException = type === INTERRUPTION_TYPE.hardwareException;
  if (activity === ACTIVITY_STATE.hlt) {
    return (
      type === INTERRUPTION_TYPE.externalInterrupt ||
      type === INTERRUPTION_TYPE.nmi ||
      type === INTERRUPTION_TYPE.other ||
      (isException && (vector === VECTOR.db || vector === VECTOR.mc))
    );
  }
  return (
    activity === ACTIVITY_STATE.shutdown && (type === INTERRUPTION_TYPE.nmi || (isException && vector === VECTOR.mc))
  );
};

const checkPendingDebug = ({ vmcs }: CheckContext, delayed: boolean): string => {
  const pending = vmcs.low(F.GUEST_PENDING_DBG_EXCEPTIONS);
  if (vmcs.high(F.GUEST_PENDING_DBG_EXCEPTIONS) !== 0 || (pending & ~PENDING_DEBUG.defined & ~PENDING_DEBUG.bs) !== 0) {
    return "pending debug exceptions: reserved bits";
  }
  if (!delayed) return OK;
  const singleStep =
    (vmcs.low(F.GUEST_RFLAGS) & RFLAGS_BIT.tf) !== 0 && (vmcs.low(F.GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF) === 0;
  return ((pending & PENDING_DEBUG.bs) !== 0) === singleStep ? OK : "pending debug exceptions: BS";
};

const checkLinkPointer = ({ vmcs, capabilities, physicalLimit, readPhysical32 }: CheckContext): string => {
  if (vmcs.low(F.VMCS_LINK_POINTER) === 0xffffffff && vmcs.high(F.VMCS_LINK_POINTER) === 0xffffffff) return OK;
  const link = vmcs.number(F.VMCS_LINK_POINTER);
  if (link % 4096 !== 0 || link >= physicalLimit) return "VMCS link pointer";
  // VMCS shadowing does not exist, so the shadow-VMCS indicator (bit 31) must be 0.
  return readPhysical32(link) === capabilities.revision && link !== vmcs.base ? OK : "VMCS link pointer";
};

/** True when the guest that is entered uses PAE paging. */
const isPaeGuest = (context: CheckContext): boolean =>
  (context.vmcs.low(F.GUEST_CR0) & CR0.pg) !== 0 &&
  (context.vmcs.low(F.GUEST_CR4) & CR4.pae) !== 0 &&
  !isIa32eGuest(context);

/** True when VM entry takes the PDPTEs from memory, which software can change without a VMWRITE. */
export const takesPdptesFromMemory = (context: CheckContext): boolean =>
  isPaeGuest(context) && (secondaryControls(context.vmcs) & CPU_BASED2.enableEpt) === 0;

/** "Checks on Guest Page-Directory-Pointer-Table Entries": with EPT they come from the VMCS, else from memory at CR3. */
const checkPdptes = (context: CheckContext): string => {
  const { vmcs, physicalLimit, readPhysical32 } = context;
  if (!isPaeGuest(context)) return OK;
  const fromMemory = takesPdptesFromMemory(context);
  const table = (vmcs.low(F.GUEST_CR3) & ~0x1f) >>> 0;
  for (let i = 0; i < 4; i++) {
    const offset = F.GUEST_PDPTR0 + i * 8;
    const low = fromMemory ? readPhysical32(table + i * 8) : vmcs.low(offset);
    const high = fromMemory ? readPhysical32(table + i * 8 + 4) : vmcs.high(offset);
    if ((low & 1) !== 0 && ((low & 0x1e6) !== 0 || (high >>> 0) * 2 ** 32 >= physicalLimit)) return "guest PDPTE";
  }
  return OK;
};
