import type { VmxTraceEvent } from "@likex/vmx";

/** The six control words of a VMCS, unsigned. */
export interface ControlWords {
  readonly pin: number;
  readonly cpu: number;
  readonly cpu2: number;
  readonly exit: number;
  readonly entry: number;
}

/** One entry written into an EPT paging structure. */
export interface TdpMapEvent {
  readonly type: "tdp_map";
  /** Level of the table that holds the entry, 4 to 1. */
  readonly level: number;
  readonly gfn: number;
  /** The entry's 64 bits. */
  readonly spte: bigint;
  /** Host-physical address of the table, and the entry's index in it. */
  readonly tableHpa: number;
  readonly index: number;
}

/** What the hypervisor itself does. Addresses named `…Hpa` and `…Region` are host-physical: offsets in the arena. */
export type KvmTraceEvent =
  | { readonly type: "open"; readonly path: string; readonly fd: number }
  | { readonly type: "mmap"; readonly userspaceAddr: bigint; readonly length: number }
  /** A region that holds its revision identifier and nothing else yet. */
  | { readonly type: "vmx_region"; readonly use: "vmxon" | "vmcs"; readonly hpa: number; readonly revision: number }
  | { readonly type: "cr4"; readonly value: number }
  /** A request that is carried out. */
  | { readonly type: "ioctl"; readonly name: string; readonly fd: number }
  | {
      readonly type: "memory_region";
      readonly slot: number;
      readonly flags: number;
      readonly guestPhysAddr: number;
      readonly pages: number;
      readonly userspaceAddr: number;
      readonly result: number;
    }
  | {
      readonly type: "mmu_create";
      readonly rootHpa: number;
      readonly adDisabled: boolean;
      readonly executeOnly: boolean;
    }
  | { readonly type: "controls"; readonly controls: ControlWords }
  | { readonly type: "vmcs_init"; readonly vmcs: number }
  | { readonly type: "mmu_root"; readonly rootHpa: number; readonly eptPointer: number }
  | { readonly type: "vcpu_created"; readonly id: number; readonly runHpa: number }
  | { readonly type: "set_regs"; readonly rip: bigint; readonly rax: bigint }
  | { readonly type: "vcpu_run"; readonly id: number; readonly rip: bigint }
  | { readonly type: "ept_violation"; readonly guestPhysicalAddress: number; readonly qualification: number }
  | { readonly type: "page_fault"; readonly gfn: number; readonly pfn: number; readonly writable: boolean }
  | {
      readonly type: "handle_io";
      readonly port: number;
      readonly size: number;
      readonly direction: "in" | "out";
      readonly count: number;
    }
  | { readonly type: "handle_mmio"; readonly physAddr: number; readonly length: number; readonly isWrite: boolean }
  | { readonly type: "handle_cpuid" }
  | {
      readonly type: "cpuid";
      readonly rax: number;
      readonly rbx: number;
      readonly rcx: number;
      readonly rdx: number;
    }
  | { readonly type: "handle_hlt" }
  | { readonly type: "interrupt"; readonly idtVectoringInfo: number }
  | { readonly type: "unhandled_exit"; readonly reason: number }
  /** A handler is done: `resume` re-enters the guest, `user` returns to the VMM. */
  | { readonly type: "handled"; readonly next: "resume" | "user" }
  | { readonly type: "entry_failed"; readonly rflags: number; readonly error: number }
  | { readonly type: "vcpu_dropped"; readonly id: number }
  | { readonly type: "guest_dropped" };

/** Everything that the hypervisor, the VMX facility and the EPT builder tell an optional sink, in the order of happening. */
export type TraceEvent = KvmTraceEvent | VmxTraceEvent | TdpMapEvent;

export type TraceSink = (event: TraceEvent) => void;
