import { SEGMENTS } from "./guest-segment-checks.ts";
import { VMCS_FIELDS, type VmcsField } from "./vmcs-fields.ts";
import type { VmcsFieldName } from "./vmcs-table.ts";

/**
 * What a write to the VMCS makes out of date: parts of the guest state that the processor holds since the last exit, and
 * checks of VM entry that succeeded. The checks are pure functions of the VMCS's contents (the revision behind a VMCS link
 * pointer excepted, see EntryChecks), so a check whose inputs were not written since cannot fail.
 */
export const DIRTY = {
  rip: 0x1,
  rsp: 0x2,
  rflags: 0x4,
  /** CR0, CR3, CR4, EFER and everything else that translation depends on. */
  control: 0x8,
  tables: 0x10,
  debug: 0x20,
  /** Activity state, interruptibility, pending debug exceptions. */
  nonRegister: 0x40,
  /** Shifted left by the number of the segment register: ES CS SS DS FS GS LDTR TR. */
  segment: 0x100,
  checkControls: 0x10000,
  checkInjection: 0x20000,
  checkHost: 0x40000,
  checkGuest: 0x80000,
  /** RIP alone was written: the one check that runs for each instruction a hypervisor skips. */
  checkRip: 0x100000,
  /** What the processor stops at. */
  intercepts: 0x200000,
  /** All groups of guest state, and all checks. */
  state: 0xffff,
  checks: 0x1f0000,
  all: 0x3fffff,
} as const;

const CHECK_ALL = DIRTY.checkControls | DIRTY.checkInjection | DIRTY.checkHost | DIRTY.checkGuest;
const INJECTION = DIRTY.checkInjection | DIRTY.checkGuest;
const CONTROL_REGISTER = DIRTY.control | DIRTY.checkGuest;

const GROUPS: Partial<Record<VmcsFieldName, number>> = {
  GUEST_RIP: DIRTY.rip | DIRTY.checkRip,
  GUEST_RSP: DIRTY.rsp,
  GUEST_RFLAGS: DIRTY.rflags | DIRTY.checkGuest,
  GUEST_CR0: CONTROL_REGISTER | DIRTY.checkInjection,
  GUEST_CR3: CONTROL_REGISTER,
  GUEST_CR4: CONTROL_REGISTER,
  GUEST_IA32_EFER: CONTROL_REGISTER,
  GUEST_PDPTR0: CONTROL_REGISTER,
  GUEST_PDPTR1: CONTROL_REGISTER,
  GUEST_PDPTR2: CONTROL_REGISTER,
  GUEST_PDPTR3: CONTROL_REGISTER,
  GUEST_DR7: DIRTY.debug | DIRTY.checkGuest,
  GUEST_GDTR_BASE: DIRTY.tables | DIRTY.checkGuest,
  GUEST_GDTR_LIMIT: DIRTY.tables | DIRTY.checkGuest,
  GUEST_IDTR_BASE: DIRTY.tables | DIRTY.checkGuest,
  GUEST_IDTR_LIMIT: DIRTY.tables | DIRTY.checkGuest,
  GUEST_SYSENTER_CS: DIRTY.tables | DIRTY.checkGuest,
  GUEST_SYSENTER_ESP: DIRTY.tables | DIRTY.checkGuest,
  GUEST_SYSENTER_EIP: DIRTY.tables | DIRTY.checkGuest,
  GUEST_ACTIVITY_STATE: DIRTY.nonRegister | DIRTY.checkGuest,
  GUEST_INTERRUPTIBILITY_INFO: DIRTY.nonRegister | DIRTY.checkGuest,
  GUEST_PENDING_DBG_EXCEPTIONS: DIRTY.nonRegister | DIRTY.checkGuest,
  EPT_POINTER: DIRTY.control | DIRTY.checkControls,
  CPU_BASED_VM_EXEC_CONTROL: DIRTY.control | CHECK_ALL,
  SECONDARY_VM_EXEC_CONTROL: DIRTY.control | CHECK_ALL,
  VM_ENTRY_CONTROLS: DIRTY.control | DIRTY.debug | CHECK_ALL,
  VM_ENTRY_INTR_INFO: INJECTION,
  VM_ENTRY_EXCEPTION_ERROR_CODE: INJECTION,
  VM_ENTRY_INSTRUCTION_LEN: INJECTION,
  // Any value is valid.
  EXCEPTION_BITMAP: DIRTY.intercepts,
  PAGE_FAULT_ERROR_CODE_MASK: DIRTY.intercepts,
  PAGE_FAULT_ERROR_CODE_MATCH: DIRTY.intercepts,
  CR0_GUEST_HOST_MASK: DIRTY.intercepts,
  // Read when they matter, too.
  CR4_GUEST_HOST_MASK: 0,
  CR0_READ_SHADOW: 0,
  CR4_READ_SHADOW: 0,
  CR3_TARGET_VALUE0: 0,
  CR3_TARGET_VALUE1: 0,
  CR3_TARGET_VALUE2: 0,
  CR3_TARGET_VALUE3: 0,
  TSC_OFFSET: 0,
};

/** Numbers of segment registers by the places of their fields in the region. */
const SEGMENT_AT: ReadonlyMap<number, number> = new Map(
  SEGMENTS.flatMap(({ selector, base, limit, rights }, segment) =>
    [selector, base, limit, rights].map((offset): [number, number] => [offset, segment]),
  ),
);

const groupOf = (field: VmcsField): number => {
  const known = GROUPS[field.name];
  if (known !== undefined) return known;
  const segment = SEGMENT_AT.get(field.offset);
  if (segment !== undefined) return (DIRTY.segment << segment) | DIRTY.checkGuest;
  if (field.kind === "guest") return DIRTY.checkGuest;
  if (field.kind === "host") return DIRTY.checkHost;
  return field.kind === "control" ? CHECK_ALL : 0;
};

/** DIRTY bits that a write to a field sets, by index in VMCS_FIELDS. */
export const DIRTIED: Int32Array = Int32Array.from(VMCS_FIELDS, groupOf);
