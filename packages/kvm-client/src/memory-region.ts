import { kvm_userspace_memory_region, offsetOf, sizeOf } from "@likex/kvm-abi";

/** `struct kvm_userspace_memory_region`: guest-physical memory backed by user memory. */
export interface MemoryRegion {
  /** Slot number; bits 31:16 are the address space. */
  readonly slot: number;
  /** Guest-physical address of the first byte, a multiple of 4096. */
  readonly guestPhysAddr: number | bigint;
  /** Length in bytes, a multiple of 4096; 0 deletes the slot. */
  readonly memorySize: number | bigint;
  /** User address of the first byte, a multiple of 4096: {@link UserMapping.address}. */
  readonly userspaceAddr: number | bigint;
  /** `KVM_MEM` of kvm-abi: LOG_DIRTY_PAGES 1, READONLY 2; none when left out. */
  readonly flags?: number;
}

const REGION_BYTES = sizeOf(kvm_userspace_memory_region);
const AT = {
  slot: offsetOf(kvm_userspace_memory_region, "slot"),
  flags: offsetOf(kvm_userspace_memory_region, "flags"),
  guestPhysAddr: offsetOf(kvm_userspace_memory_region, "guest_phys_addr"),
  memorySize: offsetOf(kvm_userspace_memory_region, "memory_size"),
  userspaceAddr: offsetOf(kvm_userspace_memory_region, "userspace_addr"),
} as const;

/** The bytes of a `struct kvm_userspace_memory_region`; each value is taken modulo the width of its field. */
export function encodeMemoryRegion(region: MemoryRegion): Uint8Array {
  const bytes = new Uint8Array(REGION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(AT.slot, region.slot, true);
  view.setUint32(AT.flags, region.flags ?? 0, true);
  view.setBigUint64(AT.guestPhysAddr, BigInt(region.guestPhysAddr), true);
  view.setBigUint64(AT.memorySize, BigInt(region.memorySize), true);
  view.setBigUint64(AT.userspaceAddr, BigInt(region.userspaceAddr), true);
  return bytes;
}

/** A memory region as an error message shows it. */
export function describeMemoryRegion(region: MemoryRegion): string {
  const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
  return `slot ${region.slot}, guest-physical ${hex(region.guestPhysAddr)}, ${hex(region.memorySize)} bytes, user address ${hex(region.userspaceAddr)}, flags ${hex(region.flags ?? 0)}`;
}
