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

/** What `Mmu.loadPdptes` returns. */
export const PDPTE_LOAD = {
  ok: 0,
  /** A present entry has a reserved bit: the instruction raises #GP(0). */
  reserved: 1,
  /** The hypervisor must act: the Mmu keeps the details. */
  stop: 2,
} as const;

/**
 * Which cached translations an operation invalidates: all that holds one page, what one process-context identifier has of
 * it or has at all (global pages excepted in both), what any identifier has (global pages excepted), or everything. `fault`
 * is none of them: the instruction raises #GP(0).
 */
export const INVALIDATION = { none: 0, page: 1, pageOfPcid: 2, pcid: 3, nonGlobal: 4, all: 5, fault: 6 } as const;

/** Where EmittedMmu.translate leaves its results in its block, 4 bytes each: Mmu's fields of these names. */
export const EMITTED_RESULT = { hostPage: 0, permissions: 4, pageSize: 8, pageFaultErrorCode: 12 } as const;

/** An Mmu's translation for reads and writes, without a way through JavaScript. */
export interface EmittedMmu {
  /**
   * A function of WebAssembly (four i32, gives one): block, linear low, linear high, access. MMU_RESULT.ok or pageFault with the results
   * in the block, or anything else for "ask `translate`", with nothing changed that it would not change too.
   */
  readonly translate: (block: number, linearLow: number, linearHigh: number, access: number) => number;
  /** Host address. */
  readonly block: number;
}

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
  /** ACCESS bits that the page grants to accesses of the same privilege, so that one fill serves reads and writes. */
  readonly permissions: number;
  /** Bytes of the guest's page that the 4 KiB page is a part of: what INVLPG invalidates together. 4096 when absent. */
  readonly pageSize?: number;
  /** The page last translated stays when CR3 is loaded. False when absent. */
  readonly isGlobal?: boolean;
  /** The process-context identifier that translations belong to. 0 when absent. */
  readonly pcid?: number;
  /** PKRU: the processor writes it, and forgets its translations then. Absent: an MMU without protection keys. */
  pkru?: number;
  /** Error code of the page fault last reported (SDM Vol 3A, Interrupt 14). */
  readonly pageFaultErrorCode: number;
  /** The processor has dropped all its translations: what the Mmu keeps of its own goes with them. */
  forget?(): void;
  /** Loads the PDPTE registers of PAE paging, all or none, from the table that bits 31:5 of CR3 name; a PDPTE_LOAD. Absent: an MMU without them. */
  loadPdptes?(cr3Low: number): number;
  /** What MOV to CR3 invalidates, an INVALIDATION; `operandHigh`: the operand's high half as int32. Absent: all but global pages. */
  movToCr3?(operandHigh: number): number;
  /** What INVPCID invalidates, an INVALIDATION: its type, and of the descriptor the identifier's quadword and the address's high half, as int32. */
  invpcid?(type: number, pcidLow: number, pcidHigh: number, linearHigh: number): number;
  /**
   * `translate` as WebAssembly over the arena, once it is worth it: emitted code then calls it first. Undefined for an Mmu that has
   * none, and while it can have none.
   */
  emitted?(): EmittedMmu | undefined;
  /** Reads device memory into data[0..size); returns a MMIO_RESULT. */
  mmioRead?(guestPhysical: number, size: number, data: Uint8Array): number;
  /** The instruction that read device memory is started again, for it writes code: its reads must be answered as before. */
  mmioRestart?(): void;
  /** Writes data[0..size) to device memory; returns a MMIO_RESULT. */
  mmioWrite?(guestPhysical: number, size: number, data: Uint8Array): number;
}
