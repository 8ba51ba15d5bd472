import type { TraceEvent } from "./trace-events.ts";

const hex = (value: number | bigint): string => value.toString(16);

const CONTROL_LINES = ({ controls: c }: Extract<TraceEvent, { type: "controls" }>): string[] => [
  ` setup pin=${hex(c.pin)},cpu=${hex(c.cpu)}, cpu2=${hex(c.cpu2)},exit=${hex(c.exit)}, entry=${hex(c.entry)} `,
  `  pin_based = ${hex(c.pin)} `,
  `  cpu_based = ${hex(c.cpu)} `,
  `  cpu_2nd_based = ${hex(c.cpu2)} `,
];

/** Requests whose name the kernel log gives in another form. */
const IOCTL_NAMES: Readonly<Record<string, string>> = { KVM_RUN: "KVM_VCPU_RUN" };

const body = (event: TraceEvent): string[] => {
  switch (event.type) {
    case "open":
      return ["Rust KVM Open "];
    case "mmap":
      return ["Rust KVM mmap "];
    case "vmx_region":
      return [`Rust kvm: vmcs=${hex(event.hpa)},revision=${event.revision} `];
    case "vmxoff":
      return ["vmxoff "];
    case "cr4":
      return ["written new cr4 value "];
    case "ioctl":
      return [`Rust kvm: IOCTL_${IOCTL_NAMES[event.name] ?? event.name} `];
    case "memory_region":
      return [
        ` add_memory_region slot= ${event.slot},uaddr=${hex(event.userspaceAddr)}, gpa = ${hex(event.guestPhysAddr)}, npages=${hex(event.pages)} `,
      ];
    case "mmu_create":
      return [
        `RkvmMmu hpa(va) = ${hex(event.rootHpa)} `,
        `RkvmMmu hpa(phy) = ${hex(event.rootHpa)} `,
        `ad_disabled = ${event.adDisabled}, ecex_only = ${event.executeOnly} `,
      ];
    case "controls":
      return CONTROL_LINES(event);
    case "vmcs_init":
      return [" vcpu_vmcs_init "];
    case "mmu_root":
      return [" init_mmu_root ", `hpa= ${hex(event.rootHpa)}, eptp = ${hex(event.eptPointer)} `];
    case "vcpu_created":
      return [`Rust kvm: vcpu create : run = ${hex(event.runHpa)} `, "Rust kvm: IOCTL_KVM_CREATE_VCPU finish "];
    case "set_regs":
      return [` IOCTL_KVM_SET_REGS: rip=${hex(event.rip)}, rax=${hex(event.rax)} `];
    case "vcpu_run":
      return [` vcpu_run state guest rip = ${hex(event.rip)}, read guest rip = ${hex(event.rip)} `];
    case "vmentry":
      return [` vmentry: launched = ${event.launched} `];
    case "vmexit":
      return [` vmexit: guest_rip=${hex(event.rip)} `];
    case "ept_violation":
      return ["Enter handle EPT violation "];
    case "page_fault":
      return [`pagefault: pfn=${event.pfn} `];
    case "tdp_map":
      return [`rkvm_tdp_map level=${event.level}, gfn=${hex(event.gfn)}, spte=${hex(event.spte)} `];
    case "handle_io":
      return [` handle_io port =${hex(event.port)} `];
    case "handle_cpuid":
      return ["Enter cpuid exit handler "];
    case "cpuid":
      return [
        `emulate cpuid : rax= ${hex(event.rax)}, rbx = ${hex(event.rbx)}, rcx = ${hex(event.rcx)}, rdx= ${hex(event.rdx)} `,
      ];
    case "handle_hlt":
      return [" handle hlt "];
    case "interrupt":
      return [` interrupt: ${hex(event.idtVectoringInfo)} `];
    case "unhandled_exit":
      return [` vmx exit_reason = ${event.reason} `];
    case "handled":
      return [`ret=Ok(${event.next === "resume" ? 1 : 0}), after vcpu_exit_handler `];
    case "entry_failed":
      return [`run loop after _vmx_vcpu_run, rflags=${hex(event.rflags)},ret=${event.error} `];
    case "vcpu_dropped":
      return [" vcpu droped "];
    case "guest_dropped":
      return [" guest droped "];
    default:
      return [];
  }
};

/**
 * The event as lines of LiKeX's kernel log, in its formats; an event that this log does not know gives none. Lines end
 * with the blank that the kernel's do. Where the kernel prints the virtual address of a structure (`vmcs=`, `hpa(va)`,
 * `run =`) the host-physical address stands: the arena has no other.
 */
export const renderLog = (event: TraceEvent): string[] => body(event).map((line) => `rust_kvm: ${line}`);
