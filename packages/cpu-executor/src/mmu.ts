/**
 * Kinds of access that an MMU is asked about, also the bits of `Mmu.permissions`; and the privilege of the access, which is
 * added to them (SDM Vol 3A, 4.6): `user` for CPL 3, `userAllowed` for a supervisor's while EFLAGS.AC is set, which SMAP lets
 * reach user pages, and `implicit` for the processor's own accesses to descriptor tables and task-state segments, which are
 * a supervisor's at any CPL.
 */
export const ACCESS = { read: 1, write: 2, execute: 4, user: 8, userAllowed: 16, implicit: 32 } as const;

/** What `Mmu.translate` returns. */
export const MMU_RESULT = {
  /** Translated: hostPage, guestPage and permissions are set. */
  ok: 0,
  /** The guest's own page tables forbid it: pageFaultErrorCode is set. */
  pageFault: 1,
  /** The hypervisor must act (EPT violation or misconfiguration): the Mmu keeps the details. */
  stop: 2,
  /** Device memory: guestPage is set, and mmioRead or mmioWrite is called. */
  mmio: 3,
  /** The linear address is not canonical: #SS(0) for an access through the stack segment, #GP(0) for others. */
  nonCanonical: 4,
} as const;

/** What `Mmu.mmioRead` and `Mmu.mmioWrite` return. */
export const MMIO_RESULT = { done: 0, stop: 1 } as const;

/**
 * What the executor needs of an MMU: called when the soft TLB has no entry for a page. Addresses are linear addresses
 * as pairs of int32; physical addresses are numbers below 2^52.
 */
export interface Mmu {
  /** Translates the page that holds a linear address for an access (ACCESS bits); returns a MMU_RESULT. */
  translate(linearLow: number, linearHigh: number, access: number): number;
  /** Host-physical address of the 4 KiB page last translated. */
  readonly hostPage: number;
  /** Guest-physical address of the 4 KiB page last translated. */
  readonly guestPage: number;
  /** ACCESS bits that the page grants beyond the one asked for, so that one fill serves reads and writes. */
  readonly permissions: number;
  /** Error code of the page fault last reported (SDM Vol 3A, Interrupt 14). */
  readonly pageFaultErrorCode: number;
  /** Reads device memory into data[0..size); returns a MMIO_RESULT. */
  mmioRead?(guestPhysical: number, size: number, data: Uint8Array): number;
  /** The instruction that read device memory is started again, for it writes code: its reads must be answered as before. */
  mmioRestart?(): void;
  /** Writes data[0..size) to device memory; returns a MMIO_RESULT. */
  mmioWrite?(guestPhysical: number, size: number, data: Uint8Array): number;
}
