import { KVM_IOCTL } from "./generated/ioctl-requests.ts";
import type { ScalarType, StructName } from "./grammar.ts";

/** KVM's ioctl type. */
export const KVMIO = 0xae;

/** How an ioctl passes its argument: not, or by value; read from the kernel; written to it; both. */
export type IoctlDirection = "_IO" | "_IOR" | "_IOW" | "_IOWR";

/** `_IOC_WRITE` is 1 and `_IOC_READ` is 2, in bits 31:30 (asm-generic/ioctl.h). */
const DIRECTION_BITS: { readonly [D in IoctlDirection]: number } = { _IO: 0, _IOW: 1, _IOR: 2, _IOWR: 3 };

/** A line of the table. */
export type IoctlEntry = readonly [direction: IoctlDirection, nr: number, argument?: StructName | ScalarType];

/**
 * The ioctls: direction, number, and what the argument points to. Their request numbers derive from this:
 * scripts/generate.ts works them out, since they need the layout of nearly every structure.
 */
export const IOCTLS = {
  // of the system's file
  KVM_GET_API_VERSION: ["_IO", 0x00],
  KVM_CREATE_VM: ["_IO", 0x01],
  KVM_GET_MSR_INDEX_LIST: ["_IOWR", 0x02, "kvm_msr_list"],
  KVM_CHECK_EXTENSION: ["_IO", 0x03],
  KVM_GET_VCPU_MMAP_SIZE: ["_IO", 0x04],
  KVM_GET_SUPPORTED_CPUID: ["_IOWR", 0x05, "kvm_cpuid2"],
  KVM_GET_EMULATED_CPUID: ["_IOWR", 0x09, "kvm_cpuid2"],
  KVM_GET_MSR_FEATURE_INDEX_LIST: ["_IOWR", 0x0a, "kvm_msr_list"],

  // of a VM's file
  KVM_CREATE_VCPU: ["_IO", 0x41],
  KVM_GET_DIRTY_LOG: ["_IOW", 0x42, "kvm_dirty_log"],
  KVM_SET_NR_MMU_PAGES: ["_IO", 0x44],
  KVM_SET_USER_MEMORY_REGION: ["_IOW", 0x46, "kvm_userspace_memory_region"],
  KVM_SET_TSS_ADDR: ["_IO", 0x47],
  KVM_SET_IDENTITY_MAP_ADDR: ["_IOW", 0x48, "u64"],
  KVM_CREATE_IRQCHIP: ["_IO", 0x60],
  KVM_IRQ_LINE: ["_IOW", 0x61, "kvm_irq_level"],
  KVM_GET_IRQCHIP: ["_IOWR", 0x62, "kvm_irqchip"],
  KVM_SET_IRQCHIP: ["_IOR", 0x63, "kvm_irqchip"],
  KVM_IRQ_LINE_STATUS: ["_IOWR", 0x67, "kvm_irq_level"],
  KVM_REGISTER_COALESCED_MMIO: ["_IOW", 0x67, "kvm_coalesced_mmio_zone"],
  KVM_UNREGISTER_COALESCED_MMIO: ["_IOW", 0x68, "kvm_coalesced_mmio_zone"],
  KVM_SET_GSI_ROUTING: ["_IOW", 0x6a, "kvm_irq_routing"],
  KVM_IRQFD: ["_IOW", 0x76, "kvm_irqfd"],
  KVM_CREATE_PIT2: ["_IOW", 0x77, "kvm_pit_config"],
  KVM_SET_BOOT_CPU_ID: ["_IO", 0x78],
  KVM_IOEVENTFD: ["_IOW", 0x79, "kvm_ioeventfd"],
  KVM_SET_CLOCK: ["_IOW", 0x7b, "kvm_clock_data"],
  KVM_GET_CLOCK: ["_IOR", 0x7c, "kvm_clock_data"],
  KVM_GET_PIT2: ["_IOR", 0x9f, "kvm_pit_state2"],
  KVM_SET_PIT2: ["_IOW", 0xa0, "kvm_pit_state2"],
  KVM_SIGNAL_MSI: ["_IOW", 0xa5, "kvm_msi"],
  KVM_CREATE_DEVICE: ["_IOWR", 0xe0, "kvm_create_device"],

  // of the file that KVM_CREATE_DEVICE makes; a VM's and a vCPU's file have them too
  KVM_SET_DEVICE_ATTR: ["_IOW", 0xe1, "kvm_device_attr"],
  KVM_GET_DEVICE_ATTR: ["_IOW", 0xe2, "kvm_device_attr"],
  KVM_HAS_DEVICE_ATTR: ["_IOW", 0xe3, "kvm_device_attr"],

  // of a vCPU's file
  KVM_RUN: ["_IO", 0x80],
  KVM_GET_REGS: ["_IOR", 0x81, "kvm_regs"],
  KVM_SET_REGS: ["_IOW", 0x82, "kvm_regs"],
  KVM_GET_SREGS: ["_IOR", 0x83, "kvm_sregs"],
  KVM_SET_SREGS: ["_IOW", 0x84, "kvm_sregs"],
  KVM_TRANSLATE: ["_IOWR", 0x85, "kvm_translation"],
  KVM_INTERRUPT: ["_IOW", 0x86, "kvm_interrupt"],
  KVM_GET_MSRS: ["_IOWR", 0x88, "kvm_msrs"],
  KVM_SET_MSRS: ["_IOW", 0x89, "kvm_msrs"],
  KVM_GET_FPU: ["_IOR", 0x8c, "kvm_fpu"],
  KVM_SET_FPU: ["_IOW", 0x8d, "kvm_fpu"],
  KVM_GET_LAPIC: ["_IOR", 0x8e, "kvm_lapic_state"],
  KVM_SET_LAPIC: ["_IOW", 0x8f, "kvm_lapic_state"],
  KVM_SET_CPUID2: ["_IOW", 0x90, "kvm_cpuid2"],
  KVM_GET_CPUID2: ["_IOWR", 0x91, "kvm_cpuid2"],
  KVM_GET_MP_STATE: ["_IOR", 0x98, "kvm_mp_state"],
  KVM_SET_MP_STATE: ["_IOW", 0x99, "kvm_mp_state"],
  KVM_NMI: ["_IO", 0x9a],
  KVM_SET_GUEST_DEBUG: ["_IOW", 0x9b, "kvm_guest_debug"],
  KVM_GET_VCPU_EVENTS: ["_IOR", 0x9f, "kvm_vcpu_events"],
  KVM_SET_VCPU_EVENTS: ["_IOW", 0xa0, "kvm_vcpu_events"],
  KVM_GET_DEBUGREGS: ["_IOR", 0xa1, "kvm_debugregs"],
  KVM_SET_DEBUGREGS: ["_IOW", 0xa2, "kvm_debugregs"],
  KVM_SET_TSC_KHZ: ["_IO", 0xa2],
  KVM_GET_TSC_KHZ: ["_IO", 0xa3],
  KVM_ENABLE_CAP: ["_IOW", 0xa3, "kvm_enable_cap"],
  KVM_GET_XSAVE: ["_IOR", 0xa4, "kvm_xsave"],
  KVM_SET_XSAVE: ["_IOW", 0xa5, "kvm_xsave"],
  KVM_GET_XCRS: ["_IOR", 0xa6, "kvm_xcrs"],
  KVM_SET_XCRS: ["_IOW", 0xa7, "kvm_xcrs"],
  KVM_KVMCLOCK_CTRL: ["_IO", 0xad],
  KVM_SMI: ["_IO", 0xb7],
  KVM_GET_NESTED_STATE: ["_IOWR", 0xbe, "kvm_nested_state"],
  KVM_SET_NESTED_STATE: ["_IOW", 0xbf, "kvm_nested_state"],
  KVM_GET_SREGS2: ["_IOR", 0xcc, "kvm_sregs2"],
  KVM_SET_SREGS2: ["_IOW", 0xcd, "kvm_sregs2"],
  KVM_GET_XSAVE2: ["_IOR", 0xcf, "kvm_xsave"],
} as const;

/** The name of an ioctl, such as `KVM_RUN`. */
export type IoctlName = keyof typeof IOCTLS;

/** A request number: direction in bits 31:30, size of what the argument points to in 29:16, type in 15:8, nr in 7:0. */
export function ioctlRequest(direction: IoctlDirection, type: number, nr: number, size: number): number {
  return ((DIRECTION_BITS[direction] << 30) | (size << 16) | (type << 8) | nr) >>> 0;
}

/** The name of a request number, taken as 32 bits unsigned; one that is not in the table gives `ioctl 0x…`. */
export function ioctlName(request: number): string {
  const number = request >>> 0;
  const found = Object.entries(KVM_IOCTL).find(([, known]) => known === number)?.[0];
  return found ?? `ioctl 0x${number.toString(16).padStart(8, "0")}`;
}

/** Bytes that the argument of a request points to; 0 if it is none or passed by value. */
export function ioctlSize(request: number): number {
  return (request >>> 16) & 0x3fff;
}
