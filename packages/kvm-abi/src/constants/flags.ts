/** The version that KVM_GET_API_VERSION answers: the only one there ever was since 2007. */
export const KVM_API_VERSION = 12;

/** Pages of a vCPU's mapping, in units of 4096 bytes: port data, coalesced MMIO ring, dirty ring. `kvm_run` is page 0. */
export const KVM_PIO_PAGE_OFFSET = 1;
export const KVM_COALESCED_MMIO_PAGE_OFFSET = 2;
export const KVM_DIRTY_LOG_PAGE_OFFSET = 64;

/** Interrupt vectors: bits in `kvm_sregs.interrupt_bitmap`. */
export const KVM_NR_INTERRUPTS = 256;

/** Input pins of the in-kernel I/O APIC. */
export const KVM_IOAPIC_NUM_PINS = 24;

/** `kvm_userspace_memory_region.flags`: bits. */
export const KVM_MEM = { LOG_DIRTY_PAGES: 1, READONLY: 2, GUEST_MEMFD: 4 } as const;

/** `kvm_mp_state.mp_state`. */
export const KVM_MP_STATE = {
  RUNNABLE: 0,
  UNINITIALIZED: 1,
  INIT_RECEIVED: 2,
  HALTED: 3,
  SIPI_RECEIVED: 4,
  STOPPED: 5,
  CHECK_STOP: 6,
  OPERATING: 7,
  LOAD: 8,
  AP_RESET_HOLD: 9,
  SUSPENDED: 10,
} as const;

/** `kvm_cpuid_entry2.flags`: bits. */
export const KVM_CPUID_FLAG = { SIGNIFCANT_INDEX: 1, STATEFUL_FUNC: 2, STATE_READ_NEXT: 4 } as const;

/** `kvm_vcpu_events.flags`: bits, each of which says that a group of fields is to be set. */
export const KVM_VCPUEVENT_VALID = {
  NMI_PENDING: 1,
  SIPI_VECTOR: 2,
  SHADOW: 4,
  SMM: 8,
  PAYLOAD: 16,
  TRIPLE_FAULT: 32,
} as const;

/** `kvm_vcpu_events.interrupt.shadow`: bits. */
export const KVM_X86_SHADOW_INT = { MOV_SS: 1, STI: 2 } as const;

/** `kvm_guest_debug.control`: bits. */
export const KVM_GUESTDBG = {
  ENABLE: 0x1,
  SINGLESTEP: 0x2,
  USE_SW_BP: 0x10000,
  USE_HW_BP: 0x20000,
  INJECT_DB: 0x40000,
  INJECT_BP: 0x80000,
  BLOCKIRQ: 0x100000,
} as const;

/** `kvm_run.kvm_valid_regs` and `kvm_dirty_regs`: bits. */
export const KVM_SYNC_X86 = { REGS: 1, SREGS: 2, EVENTS: 4 } as const;

/** `kvm_sregs2.flags`: bits. */
export const KVM_SREGS2_FLAGS = { PDPTRS_VALID: 1 } as const;

/** `kvm_nested_state.format`. */
export const KVM_STATE_NESTED_FORMAT = { VMX: 0, SVM: 1 } as const;

/** `kvm_nested_state.flags`: bits. */
export const KVM_STATE_NESTED = {
  GUEST_MODE: 0x1,
  RUN_PENDING: 0x2,
  EVMCS: 0x4,
  MTF_PENDING: 0x8,
  GIF_SET: 0x100,
} as const;

/** `kvm_vmx_nested_state_hdr.smm.flags`: bits. */
export const KVM_STATE_NESTED_SMM = { GUEST_MODE: 1, VMXON: 2 } as const;

/** `kvm_irqchip.chip_id`. */
export const KVM_IRQCHIP = { PIC_MASTER: 0, PIC_SLAVE: 1, IOAPIC: 2 } as const;

/** `kvm_irq_routing_entry.type`. */
export const KVM_IRQ_ROUTING = { IRQCHIP: 1, MSI: 2, S390_ADAPTER: 3, HV_SINT: 4, XEN_EVTCHN: 5 } as const;

/** `kvm_irqfd.flags`: bits. */
export const KVM_IRQFD_FLAG = { DEASSIGN: 1, RESAMPLE: 2 } as const;

/** `kvm_ioeventfd.flags`: bits. */
export const KVM_IOEVENTFD_FLAG = { DATAMATCH: 1, PIO: 2, DEASSIGN: 4, VIRTIO_CCW_NOTIFY: 8 } as const;

/** `kvm_msi.flags`: bits. */
export const KVM_MSI = { VALID_DEVID: 1 } as const;

/** `kvm_pit_config.flags`: bits. */
export const KVM_PIT = { SPEAKER_DUMMY: 1 } as const;

/** `kvm_pit_state2.flags`: bits. */
export const KVM_PIT_FLAGS = { HPET_LEGACY: 1, SPEAKER_DATA_ON: 2 } as const;

/** `kvm_clock_data.flags`: bits. */
export const KVM_CLOCK = { TSC_STABLE: 2, REALTIME: 4, HOST_TSC: 8 } as const;

/** `kvm_create_device.flags`: bits. */
export const KVM_CREATE_DEVICE = { TEST: 1 } as const;

/** `kvm_create_device.type`, as far as x86 has the device. */
export const KVM_DEV_TYPE = { VFIO: 4 } as const;

/** `kvm_enable_cap.args[0]` for KVM_CAP_X86_DISABLE_EXITS: bits. */
export const KVM_X86_DISABLE_EXITS = { MWAIT: 1, HLT: 2, PAUSE: 4, CSTATE: 8 } as const;

/** `kvm_enable_cap.args[0]` for KVM_CAP_X2APIC_API: bits. */
export const KVM_X2APIC_API = { USE_32BIT_IDS: 1, DISABLE_BROADCAST_QUIRK: 2 } as const;

/** `kvm_enable_cap.args[0]` for KVM_CAP_DISABLE_QUIRKS2: bits. */
export const KVM_X86_QUIRK = {
  LINT0_REENABLED: 1,
  CD_NW_CLEARED: 2,
  LAPIC_MMIO_HOLE: 4,
  OUT_7E_INC_RIP: 8,
  MISC_ENABLE_NO_MWAIT: 16,
  FIX_HYPERCALL_INSN: 32,
  MWAIT_NEVER_UD_FAULTS: 64,
} as const;
