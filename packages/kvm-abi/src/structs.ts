import { Struct } from "./struct.ts";
import type { View } from "./types.ts";

export const kvm_regs: Struct<"kvm_regs"> = /* @__PURE__ */ new Struct("kvm_regs");
export type kvm_regs = View<"kvm_regs">;

export const kvm_segment: Struct<"kvm_segment"> = /* @__PURE__ */ new Struct("kvm_segment");
export type kvm_segment = View<"kvm_segment">;

export const kvm_dtable: Struct<"kvm_dtable"> = /* @__PURE__ */ new Struct("kvm_dtable");
export type kvm_dtable = View<"kvm_dtable">;

export const kvm_sregs: Struct<"kvm_sregs"> = /* @__PURE__ */ new Struct("kvm_sregs");
export type kvm_sregs = View<"kvm_sregs">;

export const kvm_sregs2: Struct<"kvm_sregs2"> = /* @__PURE__ */ new Struct("kvm_sregs2");
export type kvm_sregs2 = View<"kvm_sregs2">;

export const kvm_fpu: Struct<"kvm_fpu"> = /* @__PURE__ */ new Struct("kvm_fpu");
export type kvm_fpu = View<"kvm_fpu">;

export const kvm_lapic_state: Struct<"kvm_lapic_state"> = /* @__PURE__ */ new Struct("kvm_lapic_state");
export type kvm_lapic_state = View<"kvm_lapic_state">;

export const kvm_xsave: Struct<"kvm_xsave"> = /* @__PURE__ */ new Struct("kvm_xsave");
export type kvm_xsave = View<"kvm_xsave">;

export const kvm_xcr: Struct<"kvm_xcr"> = /* @__PURE__ */ new Struct("kvm_xcr");
export type kvm_xcr = View<"kvm_xcr">;

export const kvm_xcrs: Struct<"kvm_xcrs"> = /* @__PURE__ */ new Struct("kvm_xcrs");
export type kvm_xcrs = View<"kvm_xcrs">;

export const kvm_msr_entry: Struct<"kvm_msr_entry"> = /* @__PURE__ */ new Struct("kvm_msr_entry");
export type kvm_msr_entry = View<"kvm_msr_entry">;

export const kvm_msrs: Struct<"kvm_msrs"> = /* @__PURE__ */ new Struct("kvm_msrs");
export type kvm_msrs = View<"kvm_msrs">;

export const kvm_msr_list: Struct<"kvm_msr_list"> = /* @__PURE__ */ new Struct("kvm_msr_list");
export type kvm_msr_list = View<"kvm_msr_list">;

export const kvm_cpuid_entry2: Struct<"kvm_cpuid_entry2"> = /* @__PURE__ */ new Struct("kvm_cpuid_entry2");
export type kvm_cpuid_entry2 = View<"kvm_cpuid_entry2">;

export const kvm_cpuid2: Struct<"kvm_cpuid2"> = /* @__PURE__ */ new Struct("kvm_cpuid2");
export type kvm_cpuid2 = View<"kvm_cpuid2">;

export const kvm_interrupt: Struct<"kvm_interrupt"> = /* @__PURE__ */ new Struct("kvm_interrupt");
export type kvm_interrupt = View<"kvm_interrupt">;

export const kvm_mp_state: Struct<"kvm_mp_state"> = /* @__PURE__ */ new Struct("kvm_mp_state");
export type kvm_mp_state = View<"kvm_mp_state">;

export const kvm_vcpu_events: Struct<"kvm_vcpu_events"> = /* @__PURE__ */ new Struct("kvm_vcpu_events");
export type kvm_vcpu_events = View<"kvm_vcpu_events">;

export const kvm_guest_debug_arch: Struct<"kvm_guest_debug_arch"> = /* @__PURE__ */ new Struct("kvm_guest_debug_arch");
export type kvm_guest_debug_arch = View<"kvm_guest_debug_arch">;

export const kvm_guest_debug: Struct<"kvm_guest_debug"> = /* @__PURE__ */ new Struct("kvm_guest_debug");
export type kvm_guest_debug = View<"kvm_guest_debug">;

export const kvm_debugregs: Struct<"kvm_debugregs"> = /* @__PURE__ */ new Struct("kvm_debugregs");
export type kvm_debugregs = View<"kvm_debugregs">;

export const kvm_translation: Struct<"kvm_translation"> = /* @__PURE__ */ new Struct("kvm_translation");
export type kvm_translation = View<"kvm_translation">;

export const kvm_vmx_nested_state_hdr: Struct<"kvm_vmx_nested_state_hdr"> = /* @__PURE__ */ new Struct(
  "kvm_vmx_nested_state_hdr",
);
export type kvm_vmx_nested_state_hdr = View<"kvm_vmx_nested_state_hdr">;

export const kvm_vmx_nested_state_data: Struct<"kvm_vmx_nested_state_data"> = /* @__PURE__ */ new Struct(
  "kvm_vmx_nested_state_data",
);
export type kvm_vmx_nested_state_data = View<"kvm_vmx_nested_state_data">;

export const kvm_svm_nested_state_hdr: Struct<"kvm_svm_nested_state_hdr"> = /* @__PURE__ */ new Struct(
  "kvm_svm_nested_state_hdr",
);
export type kvm_svm_nested_state_hdr = View<"kvm_svm_nested_state_hdr">;

export const kvm_svm_nested_state_data: Struct<"kvm_svm_nested_state_data"> = /* @__PURE__ */ new Struct(
  "kvm_svm_nested_state_data",
);
export type kvm_svm_nested_state_data = View<"kvm_svm_nested_state_data">;

export const kvm_nested_state: Struct<"kvm_nested_state"> = /* @__PURE__ */ new Struct("kvm_nested_state");
export type kvm_nested_state = View<"kvm_nested_state">;

export const kvm_userspace_memory_region: Struct<"kvm_userspace_memory_region"> = /* @__PURE__ */ new Struct(
  "kvm_userspace_memory_region",
);
export type kvm_userspace_memory_region = View<"kvm_userspace_memory_region">;

export const kvm_dirty_log: Struct<"kvm_dirty_log"> = /* @__PURE__ */ new Struct("kvm_dirty_log");
export type kvm_dirty_log = View<"kvm_dirty_log">;

export const kvm_coalesced_mmio_zone: Struct<"kvm_coalesced_mmio_zone"> = /* @__PURE__ */ new Struct(
  "kvm_coalesced_mmio_zone",
);
export type kvm_coalesced_mmio_zone = View<"kvm_coalesced_mmio_zone">;

export const kvm_irq_level: Struct<"kvm_irq_level"> = /* @__PURE__ */ new Struct("kvm_irq_level");
export type kvm_irq_level = View<"kvm_irq_level">;

export const kvm_pic_state: Struct<"kvm_pic_state"> = /* @__PURE__ */ new Struct("kvm_pic_state");
export type kvm_pic_state = View<"kvm_pic_state">;

export const kvm_ioapic_state: Struct<"kvm_ioapic_state"> = /* @__PURE__ */ new Struct("kvm_ioapic_state");
export type kvm_ioapic_state = View<"kvm_ioapic_state">;

export const kvm_irqchip: Struct<"kvm_irqchip"> = /* @__PURE__ */ new Struct("kvm_irqchip");
export type kvm_irqchip = View<"kvm_irqchip">;

export const kvm_irq_routing_irqchip: Struct<"kvm_irq_routing_irqchip"> = /* @__PURE__ */ new Struct(
  "kvm_irq_routing_irqchip",
);
export type kvm_irq_routing_irqchip = View<"kvm_irq_routing_irqchip">;

export const kvm_irq_routing_msi: Struct<"kvm_irq_routing_msi"> = /* @__PURE__ */ new Struct("kvm_irq_routing_msi");
export type kvm_irq_routing_msi = View<"kvm_irq_routing_msi">;

export const kvm_irq_routing_s390_adapter: Struct<"kvm_irq_routing_s390_adapter"> = /* @__PURE__ */ new Struct(
  "kvm_irq_routing_s390_adapter",
);
export type kvm_irq_routing_s390_adapter = View<"kvm_irq_routing_s390_adapter">;

export const kvm_irq_routing_hv_sint: Struct<"kvm_irq_routing_hv_sint"> = /* @__PURE__ */ new Struct(
  "kvm_irq_routing_hv_sint",
);
export type kvm_irq_routing_hv_sint = View<"kvm_irq_routing_hv_sint">;

export const kvm_irq_routing_xen_evtchn: Struct<"kvm_irq_routing_xen_evtchn"> = /* @__PURE__ */ new Struct(
  "kvm_irq_routing_xen_evtchn",
);
export type kvm_irq_routing_xen_evtchn = View<"kvm_irq_routing_xen_evtchn">;

export const kvm_irq_routing_entry: Struct<"kvm_irq_routing_entry"> = /* @__PURE__ */ new Struct(
  "kvm_irq_routing_entry",
);
export type kvm_irq_routing_entry = View<"kvm_irq_routing_entry">;

export const kvm_irq_routing: Struct<"kvm_irq_routing"> = /* @__PURE__ */ new Struct("kvm_irq_routing");
export type kvm_irq_routing = View<"kvm_irq_routing">;

export const kvm_msi: Struct<"kvm_msi"> = /* @__PURE__ */ new Struct("kvm_msi");
export type kvm_msi = View<"kvm_msi">;

export const kvm_irqfd: Struct<"kvm_irqfd"> = /* @__PURE__ */ new Struct("kvm_irqfd");
export type kvm_irqfd = View<"kvm_irqfd">;

export const kvm_ioeventfd: Struct<"kvm_ioeventfd"> = /* @__PURE__ */ new Struct("kvm_ioeventfd");
export type kvm_ioeventfd = View<"kvm_ioeventfd">;

export const kvm_pit_config: Struct<"kvm_pit_config"> = /* @__PURE__ */ new Struct("kvm_pit_config");
export type kvm_pit_config = View<"kvm_pit_config">;

export const kvm_pit_channel_state: Struct<"kvm_pit_channel_state"> = /* @__PURE__ */ new Struct(
  "kvm_pit_channel_state",
);
export type kvm_pit_channel_state = View<"kvm_pit_channel_state">;

export const kvm_pit_state2: Struct<"kvm_pit_state2"> = /* @__PURE__ */ new Struct("kvm_pit_state2");
export type kvm_pit_state2 = View<"kvm_pit_state2">;

export const kvm_clock_data: Struct<"kvm_clock_data"> = /* @__PURE__ */ new Struct("kvm_clock_data");
export type kvm_clock_data = View<"kvm_clock_data">;

export const kvm_enable_cap: Struct<"kvm_enable_cap"> = /* @__PURE__ */ new Struct("kvm_enable_cap");
export type kvm_enable_cap = View<"kvm_enable_cap">;

export const kvm_create_device: Struct<"kvm_create_device"> = /* @__PURE__ */ new Struct("kvm_create_device");
export type kvm_create_device = View<"kvm_create_device">;

export const kvm_device_attr: Struct<"kvm_device_attr"> = /* @__PURE__ */ new Struct("kvm_device_attr");
export type kvm_device_attr = View<"kvm_device_attr">;

export const kvm_debug_exit_arch: Struct<"kvm_debug_exit_arch"> = /* @__PURE__ */ new Struct("kvm_debug_exit_arch");
export type kvm_debug_exit_arch = View<"kvm_debug_exit_arch">;

export const kvm_hyperv_exit: Struct<"kvm_hyperv_exit"> = /* @__PURE__ */ new Struct("kvm_hyperv_exit");
export type kvm_hyperv_exit = View<"kvm_hyperv_exit">;

export const kvm_xen_exit: Struct<"kvm_xen_exit"> = /* @__PURE__ */ new Struct("kvm_xen_exit");
export type kvm_xen_exit = View<"kvm_xen_exit">;

export const kvm_sync_regs: Struct<"kvm_sync_regs"> = /* @__PURE__ */ new Struct("kvm_sync_regs");
export type kvm_sync_regs = View<"kvm_sync_regs">;

export const kvm_run: Struct<"kvm_run"> = /* @__PURE__ */ new Struct("kvm_run");
export type kvm_run = View<"kvm_run">;

export const kvm_coalesced_mmio: Struct<"kvm_coalesced_mmio"> = /* @__PURE__ */ new Struct("kvm_coalesced_mmio");
export type kvm_coalesced_mmio = View<"kvm_coalesced_mmio">;

export const kvm_coalesced_mmio_ring: Struct<"kvm_coalesced_mmio_ring"> = /* @__PURE__ */ new Struct(
  "kvm_coalesced_mmio_ring",
);
export type kvm_coalesced_mmio_ring = View<"kvm_coalesced_mmio_ring">;
