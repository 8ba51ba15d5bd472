import { kvm_cpuid_entry2, kvm_cpuid2, offsetOf, sizeOf } from "@likex/kvm-abi";
import { request } from "./calls.ts";
import type { KvmDriver } from "./driver.ts";
import { KvmUsageError } from "./errors.ts";

/** What CPUID answers for one leaf, or one subleaf of it: `struct kvm_cpuid_entry2`. All unsigned 32-bit numbers. */
export interface CpuidEntry {
  /** EAX before CPUID: the leaf. */
  function: number;
  /** ECX before CPUID: the subleaf, which counts if `flags` has KVM_CPUID_FLAG_SIGNIFCANT_INDEX (1). */
  index: number;
  flags: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** KVM_MAX_CPUID_ENTRIES of Linux. */
const MOST_ENTRIES = 256;
const HEADER_BYTES = offsetOf(kvm_cpuid2, "entries");
const ENTRY_BYTES = sizeOf(kvm_cpuid_entry2);
const NENT = offsetOf(kvm_cpuid2, "nent");
const FIELDS = ["function", "index", "flags", "eax", "ebx", "ecx", "edx"] as const;
/** Of FIELDS. */
const OFFSETS: readonly number[] = [
  offsetOf(kvm_cpuid_entry2, "function"),
  offsetOf(kvm_cpuid_entry2, "index"),
  offsetOf(kvm_cpuid_entry2, "flags"),
  offsetOf(kvm_cpuid_entry2, "eax"),
  offsetOf(kvm_cpuid_entry2, "ebx"),
  offsetOf(kvm_cpuid_entry2, "ecx"),
  offsetOf(kvm_cpuid_entry2, "edx"),
];

/** KVM_GET_SUPPORTED_CPUID and KVM_GET_CPUID2: all entries. */
export function readCpuidTable(
  driver: KvmDriver,
  fd: number,
  name: "KVM_GET_SUPPORTED_CPUID" | "KVM_GET_CPUID2",
  asked: string,
): CpuidEntry[] {
  const bytes = new Uint8Array(HEADER_BYTES + MOST_ENTRIES * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(NENT, MOST_ENTRIES, true);
  request(driver, fd, name, bytes, asked);
  const count = Math.min(view.getUint32(NENT, true), MOST_ENTRIES);
  return Array.from({ length: count }, (_, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const field = (number: number): number => view.getUint32(at + (OFFSETS[number] as number), true);
    return {
      function: field(0),
      index: field(1),
      flags: field(2),
      eax: field(3),
      ebx: field(4),
      ecx: field(5),
      edx: field(6),
    };
  });
}

/** The `struct kvm_cpuid2` of a table. @throws KvmUsageError for more entries than KVM takes. */
export function encodeCpuidTable(entries: readonly CpuidEntry[]): Uint8Array {
  if (entries.length > MOST_ENTRIES) {
    throw new KvmUsageError(`A CPUID table of ${entries.length} entries is too long; KVM takes ${MOST_ENTRIES}.`);
  }
  const bytes = new Uint8Array(HEADER_BYTES + entries.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(NENT, entries.length, true);
  for (const [index, entry] of entries.entries()) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    for (const [number, field] of FIELDS.entries())
      view.setUint32(at + (OFFSETS[number] as number), entry[field], true);
  }
  return bytes;
}
