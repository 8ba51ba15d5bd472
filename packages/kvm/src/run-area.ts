import { kvm_run, offsetOf } from "@likex/kvm-abi";

type RunField =
  | "immediateExit"
  | "exitReason"
  | "readyForInterruptInjection"
  | "ifFlag"
  | "flags"
  | "cr8"
  | "apicBase"
  | "failEntryReason"
  | "failEntryCpu"
  | "hardwareExitReason"
  | "ioDirection"
  | "ioSize"
  | "ioPort"
  | "ioCount"
  | "ioDataOffset"
  | "mmioPhysAddr"
  | "mmioData"
  | "mmioLen"
  | "mmioIsWrite"
  | "internalSuberror"
  | "internalNdata"
  | "internalData"
  | "validRegs";

/** Byte offsets in the run area, from the layout of `struct kvm_run`: what the run loop writes through typed arrays. */
export const RUN: Readonly<Record<RunField, number>> = {
  immediateExit: offsetOf(kvm_run, "immediate_exit"),
  exitReason: offsetOf(kvm_run, "exit_reason"),
  readyForInterruptInjection: offsetOf(kvm_run, "ready_for_interrupt_injection"),
  ifFlag: offsetOf(kvm_run, "if_flag"),
  flags: offsetOf(kvm_run, "flags"),
  cr8: offsetOf(kvm_run, "cr8"),
  apicBase: offsetOf(kvm_run, "apic_base"),
  failEntryReason: offsetOf(kvm_run, "fail_entry.hardware_entry_failure_reason"),
  failEntryCpu: offsetOf(kvm_run, "fail_entry.cpu"),
  hardwareExitReason: offsetOf(kvm_run, "hw.hardware_exit_reason"),
  ioDirection: offsetOf(kvm_run, "io.direction"),
  ioSize: offsetOf(kvm_run, "io.size"),
  ioPort: offsetOf(kvm_run, "io.port"),
  ioCount: offsetOf(kvm_run, "io.count"),
  ioDataOffset: offsetOf(kvm_run, "io.data_offset"),
  mmioPhysAddr: offsetOf(kvm_run, "mmio.phys_addr"),
  mmioData: offsetOf(kvm_run, "mmio.data"),
  mmioLen: offsetOf(kvm_run, "mmio.len"),
  mmioIsWrite: offsetOf(kvm_run, "mmio.is_write"),
  internalSuberror: offsetOf(kvm_run, "internal.suberror"),
  internalNdata: offsetOf(kvm_run, "internal.ndata"),
  internalData: offsetOf(kvm_run, "internal.data"),
  validRegs: offsetOf(kvm_run, "kvm_valid_regs"),
};

/** Places of 32-bit words in `Vcpu.run`, for what every exit writes; where several fields share one, their places in it. */
export const RUN_WORD: Readonly<
  Record<
    "requests" | "interrupts" | "io" | "exitReason" | "cr8" | "apicBase" | "ioCount" | "ioDataOffset" | "validRegs",
    number
  >
> = {
  /** request_interrupt_window and immediate_exit. */
  requests: 0,
  exitReason: RUN.exitReason >> 2,
  /** ready_for_interrupt_injection, if_flag and flags. */
  interrupts: RUN.readyForInterruptInjection >> 2,
  cr8: RUN.cr8 >> 2,
  apicBase: RUN.apicBase >> 2,
  /** io.direction, io.size and io.port. */
  io: RUN.ioDirection >> 2,
  ioCount: RUN.ioCount >> 2,
  ioDataOffset: RUN.ioDataOffset >> 2,
  validRegs: RUN.validRegs >> 2,
};

const shiftOf = (field: RunField): number => (RUN[field] & 3) * 8;

export const RUN_SHIFT: Readonly<Record<"immediateExit" | "ifFlag" | "flags" | "ioSize" | "ioPort", number>> = {
  immediateExit: shiftOf("immediateExit"),
  ifFlag: shiftOf("ifFlag"),
  flags: shiftOf("flags"),
  ioSize: shiftOf("ioSize"),
  ioPort: shiftOf("ioPort"),
};

/** IA32_APIC_BASE of the boot processor: enabled, at its architectural address (SDM Vol 3A, "Local APIC Status and Location"). */
export const APIC_BASE = 0xfee00900;
/** … of every other processor. */
export const APIC_BASE_NOT_BOOT = 0xfee00800;
