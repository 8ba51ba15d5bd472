/**
 * Why {@link Vcpu.run} came back. `reason` tells which of the forms it is.
 *
 * The object belongs to the vCPU and is written over by its next `run()`: copy what must live longer.
 */
export type VcpuExit =
  | IoExit
  | MmioExit
  | HltExit
  | ShutdownExit
  | IntrExit
  | FailEntryExit
  | InternalErrorExit
  | DebugExit
  | IrqWindowOpenExit
  | SystemEventExit
  | IoapicEoiExit
  | UnknownExit
  | OtherExit;

/** KVM_EXIT_IO: the guest executed IN, OUT, INS or OUTS. */
export interface IoExit {
  readonly reason: "io";
  readonly direction: "in" | "out";
  readonly port: number;
  /** Bytes of one transfer: 1, 2 or 4. */
  readonly size: number;
  /** Number of transfers, above 1 for a string instruction with a REP prefix. */
  readonly count: number;
  /** Live view of `size * count` bytes in the run page: what was written, or what to fill before the next `run()`. */
  readonly data: Uint8Array;
}

/** KVM_EXIT_MMIO: the guest accessed a guest-physical address that no memory slot backs, or wrote to a read-only one. */
export interface MmioExit {
  readonly reason: "mmio";
  /** Guest-physical address, below 2^52. */
  readonly physAddr: number;
  /** Live view of the 1 to 8 bytes of the access: what was written, or what to fill before the next `run()`. */
  readonly data: Uint8Array;
  readonly isWrite: boolean;
}

/** KVM_EXIT_HLT: the guest executed HLT and no interrupt controller in the kernel waits for it. */
export interface HltExit {
  readonly reason: "hlt";
}

/** KVM_EXIT_SHUTDOWN: triple fault. */
export interface ShutdownExit {
  readonly reason: "shutdown";
}

/** The run ended before the guest did anything for the VMM to handle: a signal, or `immediateExit`. */
export interface IntrExit {
  readonly reason: "intr";
}

/** KVM_EXIT_FAIL_ENTRY: the processor refused the guest's state. */
export interface FailEntryExit {
  readonly reason: "failEntry";
  /** The processor's own code, such as the VM-instruction error or the VM-exit reason with bit 31 set. */
  readonly hardwareEntryFailureReason: bigint;
}

/** KVM_EXIT_INTERNAL_ERROR: the hypervisor could not go on. */
export interface InternalErrorExit {
  readonly reason: "internalError";
  /** KVM_INTERNAL_ERROR_*: 1 is an instruction that could not be emulated. */
  readonly suberror: number;
  /** Up to 16 words whose meaning depends on `suberror`. */
  readonly data: readonly bigint[];
}

/** KVM_EXIT_DEBUG: a breakpoint or single step that the VMM asked for. */
export interface DebugExit {
  readonly reason: "debug";
  readonly exception: number;
  readonly pc: bigint;
  readonly dr6: bigint;
  readonly dr7: bigint;
}

/** KVM_EXIT_IRQ_WINDOW_OPEN: the guest can take an interrupt now, as the VMM asked to be told. */
export interface IrqWindowOpenExit {
  readonly reason: "irqWindowOpen";
}

/** KVM_EXIT_SYSTEM_EVENT: the guest asked to be shut down or reset. */
export interface SystemEventExit {
  readonly reason: "systemEvent";
  /** KVM_SYSTEM_EVENT_*: 1 shutdown, 2 reset, 3 crash. */
  readonly type: number;
  readonly data: readonly bigint[];
}

/** KVM_EXIT_IOAPIC_EOI: end of interrupt for an IOAPIC in user space. */
export interface IoapicEoiExit {
  readonly reason: "ioapicEoi";
  readonly vector: number;
}

/** KVM_EXIT_UNKNOWN: the processor left the guest for a reason that the hypervisor has no handler for. */
export interface UnknownExit {
  readonly reason: "unknown";
  readonly hardwareExitReason: bigint;
}

/** An exit reason whose data this client does not decode. */
export interface OtherExit {
  readonly reason: "other";
  /** The KVM_EXIT_* number. */
  readonly exitReason: number;
}
