/** `kvm_run.exit_reason`: why KVM_RUN returned. Other architectures' reasons are here so that every number has its name. */
export const KVM_EXIT = {
  UNKNOWN: 0,
  EXCEPTION: 1,
  IO: 2,
  HYPERCALL: 3,
  DEBUG: 4,
  HLT: 5,
  MMIO: 6,
  IRQ_WINDOW_OPEN: 7,
  SHUTDOWN: 8,
  FAIL_ENTRY: 9,
  INTR: 10,
  SET_TPR: 11,
  TPR_ACCESS: 12,
  S390_SIEIC: 13,
  S390_RESET: 14,
  DCR: 15,
  NMI: 16,
  INTERNAL_ERROR: 17,
  OSI: 18,
  PAPR_HCALL: 19,
  S390_UCONTROL: 20,
  WATCHDOG: 21,
  S390_TSCH: 22,
  EPR: 23,
  SYSTEM_EVENT: 24,
  S390_STSI: 25,
  IOAPIC_EOI: 26,
  HYPERV: 27,
  ARM_NISV: 28,
  X86_RDMSR: 29,
  X86_WRMSR: 30,
  DIRTY_RING_FULL: 31,
  AP_RESET_HOLD: 32,
  X86_BUS_LOCK: 33,
  XEN: 34,
  RISCV_SBI: 35,
  RISCV_CSR: 36,
  NOTIFY: 37,
  LOONGARCH_IOCSR: 38,
  MEMORY_FAULT: 39,
} as const;

/** The value of `kvm_run.exit_reason` on an exit that this package knows. */
export type KvmExitReason = (typeof KVM_EXIT)[keyof typeof KVM_EXIT];

/** `kvm_run.io.direction`. */
export const KVM_EXIT_IO = { IN: 0, OUT: 1 } as const;

/** `kvm_run.internal.suberror`. */
export const KVM_INTERNAL_ERROR = { EMULATION: 1, SIMUL_EX: 2, DELIVERY_EV: 3, UNEXPECTED_EXIT_REASON: 4 } as const;

/** `kvm_run.emulation_failure.flags`. */
export const KVM_INTERNAL_ERROR_EMULATION_FLAG = { INSTRUCTION_BYTES: 1 } as const;

/** `kvm_run.system_event.type`. */
export const KVM_SYSTEM_EVENT = { SHUTDOWN: 1, RESET: 2, CRASH: 3, WAKEUP: 4, SUSPEND: 5, SEV_TERM: 6 } as const;

/** `kvm_run.msr.reason`: bits. */
export const KVM_MSR_EXIT_REASON = { INVAL: 1, UNKNOWN: 2, FILTER: 4 } as const;

/** `kvm_run.flags`: bits. */
export const KVM_RUN_X86 = { SMM: 1, BUS_LOCK: 2 } as const;

/** `kvm_run.notify.flags`: bits. */
export const KVM_NOTIFY = { CONTEXT_INVALID: 1 } as const;

/** `kvm_run.hyperv.type`. */
export const KVM_EXIT_HYPERV = { SYNIC: 1, HCALL: 2, SYNDBG: 3 } as const;

/** `kvm_run.xen.type`. */
export const KVM_EXIT_XEN = { HCALL: 1 } as const;

/** `kvm_run.memory_fault.flags`: bits. */
export const KVM_MEMORY_EXIT_FLAG = { PRIVATE: 8 } as const;
