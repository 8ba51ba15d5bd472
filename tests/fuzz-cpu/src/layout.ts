/**
 * What stands where in the guest-physical memory of a random guest, in pages of 4 KiB. The guest may write over all of it; the
 * places only make it likely that a table is a table.
 */
export const PAGE = 4096;
export const RAM_PAGES = 64;
export const RAM_BYTES: number = RAM_PAGES * PAGE;

export const AT = {
  /** Real mode's vector table. */
  vectors: 0,
  gdt: 1,
  /** Vector table of IA-32e mode: gates of 16 bytes. */
  idt64: 2,
  /** TSS of 32 or 64 bits and its I/O permission map. */
  tss: 3,
  ldt: 4,
  stack: 5,
  /** Vector table of protected mode: gates of 8 bytes. */
  idt32: 6,
  otherStack: 7,
  code: 8,
  codeEnd: 16,
  data: 16,
  /** Paging structures. Where the attempt is one whose result must not depend on caches, the guest cannot write them. */
  tables: 32,
  tablesEnd: 48,
} as const;

/** Device memory behind the RAM: pages that answer, and one that stops the processor. */
export const MMIO = { first: RAM_PAGES, stops: RAM_PAGES + 3, end: RAM_PAGES + 4 } as const;

export const isTable = (page: number): boolean => page >= AT.tables && page < AT.tablesEnd;
