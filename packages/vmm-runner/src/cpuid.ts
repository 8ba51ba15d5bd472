import type { CpuidEntry, Kvm, Vcpu } from "@likex/kvm-client";
import type { MicroVmConfig } from "./config.ts";
import { CpuidUnavailableError } from "./errors.ts";

/** Bits 31:24 of EBX in leaf 1. */
const APIC_ID_SHIFT = 24;

/** What the driver supports, told to a vCPU: its APIC id is its number (SDM Vol 2A, CPUID, leaves 1, 0bh and 1fh). */
const forVcpu = (entry: CpuidEntry, id: number): CpuidEntry => {
  if (entry.function === 1) {
    return { ...entry, ebx: ((entry.ebx & 0xff_ffff) | (id << APIC_ID_SHIFT)) >>> 0 };
  }
  return entry.function === 0xb || entry.function === 0x1f ? { ...entry, edx: id } : entry;
};

/** Sets what a vCPU's CPUID answers. */
export function applyCpuid(kvm: Kvm, vcpu: Vcpu, choose: MicroVmConfig["cpuid"]): void {
  const supported = kvm.getSupportedCpuid().map((entry) => forVcpu(entry, vcpu.id));
  vcpu.setCpuid(choose === undefined ? supported : choose(supported));
}

/** @throws CpuidUnavailableError. */
export function checkCpuidOption({ cpuid, personality }: MicroVmConfig): void {
  if (cpuid !== undefined && personality === "rust_kvm") {
    throw new CpuidUnavailableError(
      "/dev/rust_kvm takes no CPUID table: its guests see the processor's. Leave cpuid out, or use /dev/kvm.",
    );
  }
}
