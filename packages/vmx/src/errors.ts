/** Base of all errors that this package throws: the caller asked for something that no software can ask of a processor. */
export class VmxError extends Error {
  override readonly name: string = "VmxError";
}

/** A VMX instruction other than VMXON was used outside VMX operation, where a processor raises #UD. */
export class NotInVmxOperationError extends VmxError {
  override readonly name: string = "NotInVmxOperationError";
}

/** A budget is not an integer from 1 to 2^31-1. */
export class InvalidBudgetError extends VmxError {
  override readonly name: string = "InvalidBudgetError";
}

/** A guest-state function was called while there is no current VMCS. */
export class NoCurrentVmcsError extends VmxError {
  override readonly name: string = "NoCurrentVmcsError";
}

/** A VMX abort (SDM Vol 3C, "VMX Aborts"): the hypervisor's MSR areas are wrong. The VMCS region holds the indicator. */
export class VmxAbortError extends VmxError {
  override readonly name: string = "VmxAbortError";
}
