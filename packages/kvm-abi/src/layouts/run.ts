/** `struct kvm_run`, what it holds, and the ring beside it: the pages that a vCPU's file maps. */
export const RUN_LAYOUTS = {
  kvm_debug_exit_arch: { exception: "u32", pad: "u32", pc: "u64", dr6: "u64", dr7: "u64" },

  kvm_hyperv_exit: {
    type: "u32",
    pad1: "u32",
    u: {
      union: {
        synic: { struct: { msr: "u32", pad2: "u32", control: "u64", evt_page: "u64", msg_page: "u64" } },
        hcall: { struct: { input: "u64", result: "u64", params: ["u64", 2] } },
        syndbg: {
          struct: {
            msr: "u32",
            pad2: "u32",
            control: "u64",
            status: "u64",
            send_page: "u64",
            recv_page: "u64",
            pending_page: "u64",
          },
        },
      },
    },
  },

  kvm_xen_exit: {
    type: "u32",
    u: {
      union: {
        hcall: { struct: { longmode: "u32", cpl: "u32", input: "u64", result: "u64", params: ["u64", 6] } },
      },
    },
  },

  kvm_sync_regs: { regs: "kvm_regs", sregs: "kvm_sregs", events: "kvm_vcpu_events" },

  kvm_run: {
    request_interrupt_window: "u8",
    immediate_exit: "u8",
    padding1: ["u8", 6],
    exit_reason: "u32",
    ready_for_interrupt_injection: "u8",
    if_flag: "u8",
    flags: "u16",
    cr8: "u64",
    apic_base: "u64",
    $exit: {
      union: {
        hw: { struct: { hardware_exit_reason: "u64" } },
        fail_entry: { struct: { hardware_entry_failure_reason: "u64", cpu: "u32" } },
        ex: { struct: { exception: "u32", error_code: "u32" } },
        io: { struct: { direction: "u8", size: "u8", port: "u16", count: "u32", data_offset: "u64" } },
        debug: { struct: { arch: "kvm_debug_exit_arch" } },
        mmio: { struct: { phys_addr: "u64", data: ["u8", 8], len: "u32", is_write: "u8" } },
        hypercall: { struct: { nr: "u64", args: ["u64", 6], ret: "u64", longmode: "u32", pad: "u32" } },
        tpr_access: { struct: { rip: "u64", is_write: "u32", pad: "u32" } },
        internal: { struct: { suberror: "u32", ndata: "u32", data: ["u64", 16] } },
        emulation_failure: {
          struct: {
            suberror: "u32",
            ndata: "u32",
            flags: "u64",
            $instruction: { union: { $bytes: { struct: { insn_size: "u8", insn_bytes: ["u8", 15] } } } },
          },
        },
        system_event: {
          struct: { type: "u32", ndata: "u32", $payload: { union: { flags: "u64", data: ["u64", 16] } } },
        },
        eoi: { struct: { vector: "u8" } },
        hyperv: "kvm_hyperv_exit",
        msr: { struct: { error: "u8", pad: ["u8", 7], reason: "u32", index: "u32", data: "u64" } },
        xen: "kvm_xen_exit",
        notify: { struct: { flags: "u32" } },
        memory_fault: { struct: { flags: "u64", gpa: "u64", size: "u64" } },
        padding: ["char", 256],
      },
    },
    kvm_valid_regs: "u64",
    kvm_dirty_regs: "u64",
    s: { union: { regs: "kvm_sync_regs", padding: ["char", 2048] } },
  },

  kvm_coalesced_mmio: {
    phys_addr: "u64",
    len: "u32",
    $kind: { union: { pad: "u32", pio: "u32" } },
    data: ["u8", 8],
  },
  kvm_coalesced_mmio_ring: { first: "u32", last: "u32", coalesced_mmio: ["kvm_coalesced_mmio", "flexible"] },
} as const;
