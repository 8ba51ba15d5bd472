/** Flags of a memory region. */
export const MEMORY_REGION_FLAGS = {
  /** KVM_MEM_LOG_DIRTY_PAGES. */
  logDirtyPages: 1,
  /** KVM_MEM_READONLY: guest writes become MMIO exits. */
  readOnly: 2,
} as const;

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
  /** {@link MEMORY_REGION_FLAGS}; none when left out. */
  readonly flags?: number;
}

/** `sizeof(struct kvm_userspace_memory_region)`. */
export const MEMORY_REGION_BYTES = 32;

/** The bytes of a `struct kvm_userspace_memory_region`; each value is taken modulo the width of its field. */
export function encodeMemoryRegion(region: MemoryRegion): Uint8Array {
  const bytes = new Uint8Array(MEMORY_REGION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, region.slot, true);
  view.setUint32(4, region.flags ?? 0, true);
  view.setBigUint64(8, BigInt(region.guestPhysAddr), true);
  view.setBigUint64(16, BigInt(region.memorySize), true);
  view.setBigUint64(24, BigInt(region.userspaceAddr), true);
  return bytes;
}

/** A memory region as an error message shows it. */
export function describeMemoryRegion(region: MemoryRegion): string {
  const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
  return `slot ${region.slot}, guest-physical ${hex(region.guestPhysAddr)}, ${hex(region.memorySize)} bytes, user address ${hex(region.userspaceAddr)}, flags ${hex(region.flags ?? 0)}`;
}
