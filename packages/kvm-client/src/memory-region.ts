import { kvm_userspace_memory_region, sizeOf, view } from "@likex/kvm-abi";

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

/** The bytes of a `struct kvm_userspace_memory_region`; each value is taken modulo the width of its field. */
export function encodeMemoryRegion(region: MemoryRegion): Uint8Array {
  const bytes = new Uint8Array(sizeOf(kvm_userspace_memory_region));
  const fields = view(kvm_userspace_memory_region, bytes);
  fields.slot = region.slot;
  fields.flags = region.flags ?? 0;
  fields.guest_phys_addr = BigInt(region.guestPhysAddr);
  fields.memory_size = BigInt(region.memorySize);
  fields.userspace_addr = BigInt(region.userspaceAddr);
  return bytes;
}

/** A memory region as an error message shows it. */
export function describeMemoryRegion(region: MemoryRegion): string {
  const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
  return `slot ${region.slot}, guest-physical ${hex(region.guestPhysAddr)}, ${hex(region.memorySize)} bytes, user address ${hex(region.userspaceAddr)}, flags ${hex(region.flags ?? 0)}`;
}
