import { ERRNO, kvm_cpuid_entry2, kvm_cpuid2, offsetOf, sizeOf } from "@likex/kvm-abi";
import { type CpuidTableEntry, cpuidTableEntry, currentTable, isAcceptableTable, isSameTable } from "./cpuid-table.ts";
import type { Kernel } from "./kernel.ts";
import type { IoctlArgument, UserPointer } from "./user-pointer.ts";
import type { Vcpu } from "./vcpu.ts";

const HEADER_BYTES = offsetOf(kvm_cpuid2, "entries");
const ENTRY_BYTES = sizeOf(kvm_cpuid_entry2);
const AT = {
  nent: offsetOf(kvm_cpuid2, "nent"),
  leaf: offsetOf(kvm_cpuid_entry2, "function"),
  index: offsetOf(kvm_cpuid_entry2, "index"),
  flags: offsetOf(kvm_cpuid_entry2, "flags"),
  eax: offsetOf(kvm_cpuid_entry2, "eax"),
  ebx: offsetOf(kvm_cpuid_entry2, "ebx"),
  ecx: offsetOf(kvm_cpuid_entry2, "ecx"),
  edx: offsetOf(kvm_cpuid_entry2, "edx"),
} as const;

/** KVM_MAX_CPUID_ENTRIES of Linux. */
const MOST_ENTRIES = 256;
/** Bytes of the largest `struct kvm_cpuid2` that a request takes or gives. */
export const LARGEST_CPUID_BYTES: number = HEADER_BYTES + MOST_ENTRIES * ENTRY_BYTES;

/** KVM_GET_SUPPORTED_CPUID: 0, or -E2BIG when `nent` has no room for all entries. */
export const getSupportedCpuid = (
  { pointer }: Kernel,
  supported: readonly CpuidTableEntry[],
  argument: IoctlArgument,
): number => {
  if (!pointer.copyIn(argument, HEADER_BYTES)) return -ERRNO.EFAULT;
  if (pointer.view.getUint32(AT.nent, true) < supported.length) return -ERRNO.E2BIG;
  return copyOut(pointer, argument, supported);
};

/** KVM_GET_CPUID2: 0, or -E2BIG when `nent` has no room for all entries. */
export const getCpuid2 = (vcpu: Vcpu, argument: IoctlArgument): number => {
  const { pointer } = vcpu.vm.kernel;
  if (!pointer.copyIn(argument, HEADER_BYTES)) return -ERRNO.EFAULT;
  if (pointer.view.getUint32(AT.nent, true) < vcpu.cpuid.length) return -ERRNO.E2BIG;
  return copyOut(pointer, argument, currentTable(vcpu.cpuid, vcpu.cpuidState()));
};

/**
 * KVM_SET_CPUID2: 0, -E2BIG for more than 256 entries, or -EINVAL for a width of linear addresses that there is not, and
 * for a change of the table after the vCPU has run.
 */
export const setCpuid2 = (vcpu: Vcpu, argument: IoctlArgument): number => {
  const { pointer } = vcpu.vm.kernel;
  if (!pointer.copyIn(argument, HEADER_BYTES)) return -ERRNO.EFAULT;
  const count = pointer.view.getUint32(AT.nent, true);
  if (count > MOST_ENTRIES) return -ERRNO.E2BIG;
  if (!pointer.copyIn(argument, HEADER_BYTES + count * ENTRY_BYTES)) return -ERRNO.EFAULT;
  const table = Array.from({ length: count }, (_, index) =>
    readEntry(pointer.view, HEADER_BYTES + index * ENTRY_BYTES),
  );
  if (vcpu.hasEntered) {
    const state = vcpu.cpuidState();
    return isSameTable(currentTable(table, state), currentTable(vcpu.cpuid, state)) ? 0 : -ERRNO.EINVAL;
  }
  if (!isAcceptableTable(table)) return -ERRNO.EINVAL;
  vcpu.setCpuid(table);
  return 0;
};

const copyOut = (pointer: UserPointer, argument: IoctlArgument, table: readonly CpuidTableEntry[]): number => {
  const size = HEADER_BYTES + table.length * ENTRY_BYTES;
  const { view, bytes } = pointer;
  bytes.fill(0, HEADER_BYTES, size);
  view.setUint32(AT.nent, table.length, true);
  for (const [index, entry] of table.entries()) writeEntry(view, HEADER_BYTES + index * ENTRY_BYTES, entry);
  return pointer.copyOut(argument, size) ? 0 : -ERRNO.EFAULT;
};

const writeEntry = (view: DataView, at: number, entry: CpuidTableEntry): void => {
  for (const field of FIELDS) view.setUint32(at + AT[field], entry[field], true);
};

const readEntry = (view: DataView, at: number): CpuidTableEntry => {
  const read = (field: (typeof FIELDS)[number]): number => view.getUint32(at + AT[field], true);
  return cpuidTableEntry({
    leaf: read("leaf"),
    index: read("index"),
    flags: read("flags"),
    eax: read("eax"),
    ebx: read("ebx"),
    ecx: read("ecx"),
    edx: read("edx"),
  });
};

const FIELDS = ["leaf", "index", "flags", "eax", "ebx", "ecx", "edx"] as const;
