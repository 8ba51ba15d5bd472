/** What the VMX facility tells an optional sink. Addresses and register values are numbers or, where they may exceed 2^53, bigints. */
export type VmxTraceEvent =
  | { readonly type: "vmxon"; readonly region: number; readonly revision: number }
  | { readonly type: "vmxoff" }
  | { readonly type: "vmclear"; readonly vmcs: number }
  | { readonly type: "vmptrld"; readonly vmcs: number }
  | { readonly type: "invept"; readonly invalidation: number; readonly eptPointer: number }
  | { readonly type: "vmfail"; readonly instruction: string; readonly error: number; readonly check: string }
  | { readonly type: "vmentry"; readonly launched: boolean; readonly rip: bigint }
  | {
      readonly type: "vmexit";
      /** VM_EXIT_REASON, unsigned: bit 31 set for a failed entry. */
      readonly reason: number;
      readonly rip: bigint;
      readonly qualification: bigint;
      readonly instructionLength: number;
      readonly interruptionInfo: number;
      readonly guestPhysicalAddress: number;
      /** For a failed entry the check that failed, else empty. */
      readonly check: string;
    };

export type VmxTraceSink = (event: VmxTraceEvent) => void;
