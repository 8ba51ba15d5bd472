import { ERRNO, KVM_MEM } from "@likex/kvm-abi";
import { TASK_SIZE } from "./user-pointer.ts";

/** User memory slots of a VM; ids beyond are Linux's own. */
export const KVM_USER_MEM_SLOTS = 32764;
const MAX_PAGES = 2 ** 31 - 1;
const GUEST_PHYSICAL_LIMIT = 2 ** 52;
const VALID_FLAGS = KVM_MEM.LOG_DIRTY_PAGES | KVM_MEM.READONLY;
const PAGE = 4096;

/** `struct kvm_userspace_memory_region`, its addresses as numbers (values of 2^53 and more stay beyond every limit). */
export interface MemoryRegion {
  readonly slot: number;
  readonly flags: number;
  readonly guestPhysAddr: number;
  readonly memorySize: number;
  readonly userspaceAddr: number;
}

export interface Memslot {
  readonly id: number;
  readonly flags: number;
  readonly baseGfn: number;
  readonly pages: number;
  readonly userspaceAddr: number;
}

/** What a slot change means for the pages already mapped. */
export interface SlotChange {
  readonly removed: Memslot | undefined;
  readonly added: Memslot | undefined;
}

/**
 * The memory of a VM: which user addresses stand behind which guest frames. Slots never overlap; they are kept in order
 * of guest address, and the one found last is tried first.
 */
export class Memslots {
  readonly #byId = new Map<number, Memslot>();
  #sorted: Memslot[] = [];
  #recent: Memslot | undefined;

  /** Sorted by guest address. */
  get all(): readonly Memslot[] {
    return this.#sorted;
  }

  /** The slot of a guest frame. */
  find(gfn: number): Memslot | undefined {
    const recent = this.#recent;
    if (recent !== undefined && gfn >= recent.baseGfn && gfn < recent.baseGfn + recent.pages) return recent;
    const slots = this.#sorted;
    let low = 0;
    let high = slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((slots[middle] as Memslot).baseGfn <= gfn) low = middle + 1;
      else high = middle;
    }
    const slot = slots[low - 1];
    if (slot === undefined || gfn >= slot.baseGfn + slot.pages) return undefined;
    this.#recent = slot;
    return slot;
  }

  /**
   * KVM_SET_USER_MEMORY_REGION: adds, deletes (size 0), moves or changes the flags of a slot. Returns the negated errno
   * for what Linux refuses, checked in its order: flags, alignment, user address, ids, wrap, kind of change, overlap.
   */
  set(region: MemoryRegion): SlotChange | number {
    const { slot: id, flags, guestPhysAddr, memorySize, userspaceAddr } = region;
    if ((flags & ~VALID_FLAGS) !== 0) return -ERRNO.EINVAL;
    if (memorySize % PAGE !== 0 || guestPhysAddr % PAGE !== 0 || userspaceAddr % PAGE !== 0) return -ERRNO.EINVAL;
    if (userspaceAddr + memorySize > TASK_SIZE) return -ERRNO.EINVAL;
    // Bits 31:16 name an address space; there is one. The low half is the slot.
    if (id >>> 16 !== 0 || id >= KVM_USER_MEM_SLOTS) return -ERRNO.EINVAL;
    if (guestPhysAddr + memorySize > GUEST_PHYSICAL_LIMIT) return -ERRNO.EINVAL;
    const pages = memorySize / PAGE;
    if (pages > MAX_PAGES) return -ERRNO.EINVAL;

    const old = this.#byId.get(id);
    if (pages === 0) {
      if (old === undefined) return -ERRNO.EINVAL;
      this.#replace(old, undefined);
      return { removed: old, added: undefined };
    }
    const baseGfn = guestPhysAddr / PAGE;
    if (old !== undefined) {
      if (old.pages !== pages || old.userspaceAddr !== userspaceAddr) return -ERRNO.EINVAL;
      if (((old.flags ^ flags) & KVM_MEM.READONLY) !== 0) return -ERRNO.EINVAL;
      if (old.baseGfn === baseGfn && old.flags === flags) return { removed: undefined, added: undefined };
    }
    const overlaps = this.#sorted.some(
      (other) => other.id !== id && baseGfn < other.baseGfn + other.pages && other.baseGfn < baseGfn + pages,
    );
    if (overlaps) return -ERRNO.EEXIST;
    const added: Memslot = { id, flags, baseGfn, pages, userspaceAddr };
    this.#replace(old, added);
    return { removed: old, added };
  }

  #replace(old: Memslot | undefined, added: Memslot | undefined): void {
    this.#recent = undefined;
    const rest = old === undefined ? this.#sorted : this.#sorted.filter((slot) => slot !== old);
    if (old !== undefined) this.#byId.delete(old.id);
    if (added === undefined) {
      this.#sorted = rest;
      return;
    }
    this.#byId.set(added.id, added);
    this.#sorted = [...rest, added].sort((a, b) => a.baseGfn - b.baseGfn);
  }
}
