import { CPU_BASED, CPU_BASED2, INTERRUPTION_INFO, INTERRUPTION_TYPE, PIN_BASED } from "./controls.ts";
import type { Capabilities, ControlRange } from "./profile.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** What the checks look at. A check that fails is named by the text that the function returns; "" is success. */
export interface CheckContext {
  readonly vmcs: Vmcs;
  readonly capabilities: Capabilities;
  /** First physical address that does not exist, as a bigint and as a number. */
  readonly physicalLimit: number;
  /** Reads 4 bytes of host-physical memory; all ones where there is none. */
  readonly readPhysical32: (address: number) => number;
}

export const OK = "";

/** True when the control has each bit that must be 1 and none that must be 0. */
const inRange = (value: number, range: ControlRange): boolean =>
  (value & range.mustBeOne) >>> 0 === range.mustBeOne && (value & ~range.mayBeOne) === 0;

const isPageAddress = (address: number, limit: number): boolean => address % 4096 === 0 && address < limit;

export const hasSecondaryControls = (vmcs: Vmcs): boolean =>
  (vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL) & CPU_BASED.secondaryControls) !== 0;

/** The secondary controls, 0 when they are not activated. */
export const secondaryControls = (vmcs: Vmcs): number =>
  hasSecondaryControls(vmcs) ? vmcs.low(F.SECONDARY_VM_EXEC_CONTROL) : 0;

export const isUnrestrictedGuest = (vmcs: Vmcs): boolean =>
  (secondaryControls(vmcs) & CPU_BASED2.unrestrictedGuest) !== 0;

/** SDM Vol 3C, "Checks on VMX Controls": failing any is VM-instruction error 7. Event injection is checked apart. */
export const checkControls = (context: CheckContext): string =>
  checkExecutionControls(context) || checkExitControls(context) || checkEntryControls(context);

const checkExecutionControls = (context: CheckContext): string => {
  const { vmcs, capabilities, physicalLimit } = context;
  const pin = vmcs.low(F.PIN_BASED_VM_EXEC_CONTROL);
  const cpu = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL);
  if (!inRange(pin, capabilities.pin)) return "pin-based controls: reserved bits";
  if (!inRange(cpu, capabilities.cpu)) return "primary processor-based controls: reserved bits";
  if (hasSecondaryControls(vmcs) && !inRange(vmcs.low(F.SECONDARY_VM_EXEC_CONTROL), capabilities.cpu2)) {
    return "secondary processor-based controls: reserved bits";
  }
  if (vmcs.low(F.CR3_TARGET_COUNT) > capabilities.cr3Targets) return "CR3-target count";
  if (cpu & CPU_BASED.useIoBitmaps) {
    if (!isPageAddress(vmcs.number(F.IO_BITMAP_A), physicalLimit)) return "address of I/O bitmap A";
    if (!isPageAddress(vmcs.number(F.IO_BITMAP_B), physicalLimit)) return "address of I/O bitmap B";
  }
  if (cpu & CPU_BASED.useMsrBitmaps && !isPageAddress(vmcs.number(F.MSR_BITMAP), physicalLimit))
    return "address of MSR bitmaps";
  if (!(pin & PIN_BASED.nmiExiting) && pin & PIN_BASED.virtualNmis) return "virtual NMIs without NMI exiting";
  if (!(pin & PIN_BASED.virtualNmis) && cpu & CPU_BASED.nmiWindowExiting)
    return "NMI-window exiting without virtual NMIs";
  const secondary = secondaryControls(vmcs);
  if (secondary & CPU_BASED2.enableEpt) {
    if (!isEptPointerValid(context, vmcs.wide(F.EPT_POINTER))) return "EPT pointer";
  } else if (secondary & CPU_BASED2.unrestrictedGuest) {
    return "unrestricted guest without EPT";
  }
  return OK;
};

/** Memory type 2:0, walk length minus one 5:3, accessed and dirty flags 6, reserved 11:7 (SDM Vol 3C, "Extended-Page-Table Pointer"). */
export const isEptPointerValid = (
  context: Pick<CheckContext, "capabilities" | "physicalLimit">,
  eptPointer: bigint,
): boolean => {
  const { capabilities, physicalLimit } = context;
  const flags = Number(eptPointer & 0xfffn);
  const memoryType = flags & 7;
  const typeOk = (memoryType === 0 && capabilities.eptUncacheable) || (memoryType === 6 && capabilities.eptWriteBack);
  const accessedDirtyOk = (flags & 0x40) === 0 || capabilities.eptAccessedDirty;
  return (
    typeOk &&
    ((flags >> 3) & 7) === 3 &&
    accessedDirtyOk &&
    (flags & 0xf80) === 0 &&
    (eptPointer & ~0xfffn) < BigInt(physicalLimit)
  );
};

/** An MSR area: 16-byte aligned, and all of it within the physical-address width. */
const isMsrAreaValid = (vmcs: Vmcs, countOffset: number, addressOffset: number, limit: number): boolean => {
  const count = vmcs.low(countOffset);
  if (count === 0) return true;
  const address = vmcs.number(addressOffset);
  return address % 16 === 0 && address + count * 16 <= limit;
};

const checkExitControls = ({ vmcs, capabilities, physicalLimit }: CheckContext): string => {
  if (!inRange(vmcs.low(F.VM_EXIT_CONTROLS), capabilities.exit)) return "VM-exit controls: reserved bits";
  if (!isMsrAreaValid(vmcs, F.VM_EXIT_MSR_STORE_COUNT, F.VM_EXIT_MSR_STORE_ADDR, physicalLimit))
    return "VM-exit MSR-store address";
  if (!isMsrAreaValid(vmcs, F.VM_EXIT_MSR_LOAD_COUNT, F.VM_EXIT_MSR_LOAD_ADDR, physicalLimit))
    return "VM-exit MSR-load address";
  return OK;
};

const checkEntryControls = ({ vmcs, capabilities, physicalLimit }: CheckContext): string => {
  if (!inRange(vmcs.low(F.VM_ENTRY_CONTROLS), capabilities.entry)) return "VM-entry controls: reserved bits";
  if (!isMsrAreaValid(vmcs, F.VM_ENTRY_MSR_LOAD_COUNT, F.VM_ENTRY_MSR_LOAD_ADDR, physicalLimit))
    return "VM-entry MSR-load address";
  return OK;
};

/** Exceptions that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP. */
const WITH_ERROR_CODE = (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17) | (1 << 21);

export const hasErrorCode = (vector: number): boolean => vector < 32 && (WITH_ERROR_CODE & (1 << vector)) !== 0;

/** The VM-entry interruption-information field, when its valid bit is 1; part of the checks on VM-entry control fields. */
export const checkInjection = ({ vmcs, capabilities }: CheckContext): string => {
  const info = vmcs.low(F.VM_ENTRY_INTR_INFO);
  if ((info & INTERRUPTION_INFO.valid) === 0) return OK;
  const type = (info >> 8) & 7;
  const vector = info & INTERRUPTION_INFO.vector;
  if (type === 1) return "injected event: reserved type";
  if (type === INTERRUPTION_TYPE.nmi && vector !== 2) return "injected event: NMI with a vector other than 2";
  if (type === INTERRUPTION_TYPE.hardwareException && vector > 31)
    return "injected event: hardware exception with a vector above 31";
  if (type === INTERRUPTION_TYPE.other && vector !== 0) return "injected event: other event with a vector other than 0";
  const protectedMode = !isUnrestrictedGuest(vmcs) || (vmcs.low(F.GUEST_CR0) & 1) !== 0;
  const wantsErrorCode = protectedMode && type === INTERRUPTION_TYPE.hardwareException && hasErrorCode(vector);
  if (((info & INTERRUPTION_INFO.errorCodeValid) !== 0) !== wantsErrorCode)
    return "injected event: deliver-error-code bit";
  if ((info & 0x7ffff000) !== 0) return "injected event: reserved bits";
  if (wantsErrorCode && vmcs.low(F.VM_ENTRY_EXCEPTION_ERROR_CODE) > 0xffff)
    return "injected event: reserved bits of the error code";
  if (
    type === INTERRUPTION_TYPE.softwareInterrupt ||
    type === INTERRUPTION_TYPE.privilegedSoftwareException ||
    type === INTERRUPTION_TYPE.softwareException
  ) {
    const length = vmcs.low(F.VM_ENTRY_INSTRUCTION_LEN);
    if (length > 15 || (length === 0 && !capabilities.softwareEventsOfLength0))
      return "injected event: instruction length";
  }
  return OK;
};
