/** CR0 bits (SDM Vol 3A, "Control Registers"), and how VMX splits them between guest and hypervisor. */
export const CR0 = {
  PE: 0x1,
  TS: 0x8,
  ET: 0x10,
  NE: 0x20,
  NW: 0x20000000,
  CD: 0x40000000,
  PG: 0x80000000,
  /** CR0_GUEST_HOST_MASK: the guest owns TS alone; a change of any other bit exits. */
  hostOwned: 0xffff_ffff_ffff_fff7n,
  /** Bits that the processor has: PE MP EM TS ET NE WP AM NW CD PG. */
  defined: 0xe005003f,
} as const;

/** CR4 bits. */
export const CR4 = {
  PSE: 0x10,
  PAE: 0x20,
  PGE: 0x80,
  UMIP: 0x800,
  VMXE: 0x2000,
  FSGSBASE: 0x10000,
  PCIDE: 0x20000,
  OSXSAVE: 0x40000,
  SMEP: 0x100000,
  SMAP: 0x200000,
  PKE: 0x400000,
  /** CR4_GUEST_HOST_MASK: the guest owns PVI, TSD, DE, PGE, PCE, OSFXSR, OSXMMEXCPT and FSGSBASE. */
  hostOwned: 0xffff_ffff_fffe_f871n,
  /** MCE and VMXE: set beneath the read shadow. */
  fixed: 0x2040,
  /** Bits that a guest may set: VME to UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP, PKE. */
  defined: 0x770fff,
} as const;

/** IA32_EFER bits. */
export const EFER = { SCE: 0x1, LME: 0x100, LMA: 0x400, NXE: 0x800, defined: 0xd01 } as const;
