/** Bits of EPT entries (SDM Vol 3C, tables 28-1 to 28-6), in the low 32 bits. */
export const EPT_PTE = {
  read: 0x1,
  write: 0x2,
  execute: 0x4,
  /** Bits 5:3 of a leaf: memory type. */
  memoryTypeShift: 3,
  /** Leaf of 1 GiB or 2 MiB in a level 3 or 2 table. */
  large: 0x80,
  accessed: 0x100,
  dirty: 0x200,
  /** Software's mark of a present entry; the processor ignores it. */
  mmuPresent: 0x800,
} as const;

/** Bits of the exit qualification of an EPT violation (SDM Vol 3C, table 28-7). */
export const EPT_VIOLATION = {
  read: 0x1,
  write: 0x2,
  fetch: 0x4,
  /** What the entries of the walk allow together. */
  readable: 0x8,
  writable: 0x10,
  executable: 0x20,
  /** The guest-linear address is known: always, but for a load of PDPTE registers. */
  linearAddressValid: 0x80,
  /** The address is what the linear address translates to; else that of a guest paging structure. */
  finalAddress: 0x100,
  /** With advanced information, and `finalAddress`: what the guest's own translation says of the page. */
  userPage: 0x200,
  writablePage: 0x400,
  executeDisablePage: 0x800,
} as const;

/** Bits of IA32_VMX_EPT_VPID_CAP that a walk depends on (SDM Vol 3D, A.10). */
export const EPT_CAPABILITY = {
  executeOnly: 1,
  pages2M: 0x10000,
  pages1G: 0x20000,
  /** Advanced VM-exit information for EPT violations: bits 9 to 11 of the qualification. */
  advancedInformation: 0x400000,
} as const;

/** Basic exit reasons that a walk can end with. */
export const EPT_EXIT = { violation: 48, misconfiguration: 49 } as const;

/** EPTP bit 6: the processor maintains accessed and dirty flags (SDM Vol 3C, 24.6.11). */
export const EPTP_ACCESSED_DIRTY: number = 1 << 6;
