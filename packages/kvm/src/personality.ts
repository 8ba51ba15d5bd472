import { SPTE_FORMAT, type SpteFormat } from "@likex/ept-mmu";
import { CPU_BASED, CPU_BASED2, PIN_BASED, PROFILES, VECTOR, VM_ENTRY, VM_EXIT, type VmxProfile } from "@likex/vmx";
import type { ControlWords } from "./trace-events.ts";

/** What differs between the two device files, beside their sets of ioctls. */
export interface Personality {
  readonly name: "kvm" | "rust_kvm";
  readonly path: string;
  /** The processor that this hypervisor runs on. */
  readonly profile: VmxProfile;
  readonly spteFormat: SpteFormat;
  /** Bits that each control must have; the rest is what the capability MSRs demand. */
  readonly wanted: ControlWords;
  readonly exceptionBitmap: number;
  /** Bytes of a vCPU's mapping, and where in it the data of port exits lies. */
  readonly runAreaBytes: number;
  readonly ioDataOffset: number;
  readonly ioDataBytes: number;
  /** State of a new vCPU. */
  readonly reset: { readonly csBase: number; readonly csSelector: number; readonly rip: number; readonly rdx: number };
  /** Who emulates an instruction that accesses device memory. */
  readonly mmio: "emulated" | "reported";
  /** What CPUID answers before a table is set. */
  readonly cpuid: "zeros" | "processor";
}

const bits = (...values: readonly number[]): number => values.reduce((sum, value) => sum | value, 0) >>> 0;

const EXIT_CONTROLS = bits(
  VM_EXIT.saveDebugControls,
  VM_EXIT.hostAddressSpaceSize,
  VM_EXIT.acknowledgeInterruptOnExit,
  VM_EXIT.savePat,
  VM_EXIT.loadPat,
  VM_EXIT.saveEfer,
  VM_EXIT.loadEfer,
);
const ENTRY_CONTROLS = bits(VM_ENTRY.loadDebugControls, VM_ENTRY.loadPat, VM_ENTRY.loadEfer);
const CPU_CONTROLS = bits(
  CPU_BASED.hltExiting,
  CPU_BASED.mwaitExiting,
  CPU_BASED.movDrExiting,
  CPU_BASED.unconditionalIoExiting,
  CPU_BASED.monitorExiting,
  CPU_BASED.secondaryControls,
);
const CPU2_CONTROLS = bits(CPU_BASED2.enableEpt, CPU_BASED2.unrestrictedGuest);

/** Linux's: a file each for system, VM and vCPU; instruction emulation in the kernel. */
const kvm: Personality = {
  name: "kvm",
  path: "/dev/kvm",
  profile: PROFILES.default,
  spteFormat: SPTE_FORMAT.kvm,
  wanted: {
    pin: bits(PIN_BASED.externalInterruptExiting, PIN_BASED.nmiExiting),
    cpu: CPU_CONTROLS,
    cpu2: bits(CPU2_CONTROLS, CPU_BASED2.enableRdtscp),
    exit: EXIT_CONTROLS,
    entry: ENTRY_CONTROLS,
  },
  exceptionBitmap: 1 << VECTOR.mc,
  runAreaBytes: 3 * 4096,
  ioDataOffset: 4096,
  ioDataBytes: 4096,
  reset: { csBase: 0xffff0000, csSelector: 0xf000, rip: 0xfff0, rdx: 0x600 },
  mmio: "emulated",
  cpuid: "zeros",
};

/** LiKeX's: one shared file; instruction emulation is the VMM's; the controls of its published log. */
const rustKvm: Personality = {
  name: "rust_kvm",
  path: "/dev/rust_kvm",
  profile: PROFILES.likex,
  spteFormat: SPTE_FORMAT.likex,
  wanted: {
    pin: PIN_BASED.externalInterruptExiting,
    cpu: CPU_CONTROLS,
    cpu2: CPU2_CONTROLS,
    exit: EXIT_CONTROLS,
    entry: ENTRY_CONTROLS,
  },
  exceptionBitmap: bits(1 << VECTOR.db, 1 << VECTOR.ud, 1 << VECTOR.ac, 1 << VECTOR.mc),
  // One page: struct kvm_run takes 2352 bytes of it, port data the last 1024.
  runAreaBytes: 4096,
  ioDataOffset: 3072,
  ioDataBytes: 1024,
  reset: { csBase: 0, csSelector: 0, rip: 0, rdx: 0 },
  mmio: "reported",
  cpuid: "processor",
};

export const PERSONALITIES: { readonly kvm: Personality; readonly rust_kvm: Personality } = {
  kvm,
  rust_kvm: rustKvm,
};
