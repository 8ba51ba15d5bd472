export * from "./controls.ts";
export { InvalidBudgetError, NoCurrentVmcsError, NotInVmxOperationError, VmxAbortError, VmxError } from "./errors.ts";
export type { LastExit } from "./guest-state.ts";
export type { VmxPorts } from "./io.ts";
export {
  EXIT_REASON,
  EXIT_REASON_ENTRY_FAILURE,
  INVEPT_TYPE,
  VECTOR,
  VM_INSTRUCTION_ERROR,
  VMX_STATUS,
} from "./numbers.ts";
export type { MmuConfiguration, VmxCpu, VmxEvent, VmxMemory, VmxMmu, VmxStopDetails } from "./processor.ts";
export { PROFILES, VMX_MSR, type VmxMsrName, type VmxProfile } from "./profile.ts";
export type { VmxTraceEvent, VmxTraceSink } from "./trace.ts";
export {
  VMCS_FIELDS,
  VMCS_OFFSET,
  VMCS_REGION,
  type VmcsField,
  type VmcsFieldKind,
  type VmcsFieldWidth,
} from "./vmcs-fields.ts";
export { VMCS, type VmcsFieldName } from "./vmcs-table.ts";
export { Vmx, type VmxOptions } from "./vmx.ts";
