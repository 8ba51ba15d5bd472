import type { Regs, Sregs } from "@likex/kvm-client";

/** Why the guest stopped. */
export type Stop =
  /** HLT. `run()` again goes on after it. */
  | { readonly reason: "hlt" }
  /** Triple fault. */
  | { readonly reason: "shutdown" }
  /** As many exits as `exitLimit` allows were handled. `run()` again goes on. */
  | { readonly reason: "exitLimit" }
  /** The driver ended KVM_RUN with EINTR: a signal, or its limit of instructions. `run()` again goes on. */
  | { readonly reason: "interrupted" }
  /** The guest wrote to the debug-exit device: the code is odd, up to 2^32 - 1. `run()` again goes on. */
  | { readonly reason: "debugExit"; readonly code: number }
  /** A handler called `stop()`. `run()` again goes on. */
  | { readonly reason: "stopped" }
  /** The processor refused the guest's state: the VM-instruction error, or the VM-exit reason with bit 31. */
  | { readonly reason: "failEntry"; readonly hardwareEntryFailureReason: bigint }
  /** KVM cannot go on: KVM_INTERNAL_ERROR_* and its words. */
  | { readonly reason: "internalError"; readonly suberror: number; readonly data: readonly bigint[] }
  /** Device memory on `/dev/rust_kvm`, which leaves carrying out the instruction to the VMM. */
  | { readonly reason: "deviceMemory"; readonly physAddr: number; readonly isWrite: boolean }
  /** KVM_SYSTEM_EVENT_*: 1 shutdown, 2 reset, 3 crash. */
  | { readonly reason: "systemEvent"; readonly type: number }
  /** An exit that needs a VMM with more than this one has. */
  | { readonly reason: "unhandledExit"; readonly exit: string; readonly code: bigint };

/** What {@link MicroVm.run} returns: how the guest stopped, and its state then. */
export type RunResult = Stop & {
  /** Exits to the VMM in this run, the last one included. */
  readonly exits: number;
  /** The value of RIP after the stop; past the instruction for HLT. */
  readonly rip: bigint;
  readonly registers: Regs;
  readonly specialRegisters: Sregs;
  /** What the guest wrote to the console in this run. */
  readonly output: Uint8Array;
  /** Bytes of output after the limit, which are not in `output`. */
  readonly outputDropped: number;
};

/** Limits of one {@link MicroVm.run}. */
export interface RunOptions {
  /** Exits to the VMM, 1 or more. Default: no limit. */
  readonly exitLimit?: number;
}
