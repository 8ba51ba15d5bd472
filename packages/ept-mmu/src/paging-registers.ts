/** Bits of the registers that paging depends on (SDM Vol 3A, 4.1). */
export const CR0 = { wp: 0x10000, pg: 0x80000000 } as const;
export const CR4 = {
  pse: 0x10,
  pae: 0x20,
  pge: 0x80,
  pcide: 0x20000,
  smep: 0x100000,
  smap: 0x200000,
  pke: 0x400000,
} as const;
export const EFER = { lma: 0x400, nxe: 0x800 } as const;

export const PAGING_MODE = { none: 0, bits32: 1, pae: 2, level4: 3 } as const;

/** The registers that choose the paging mode and modify it. */
export interface PagingRegisters {
  readonly cr0: number;
  readonly cr3Low: number;
  readonly cr3High: number;
  readonly cr4: number;
  readonly efer: number;
}

/** SDM Vol 3A, 4.1.1. */
export const pagingModeOf = ({ cr0, cr4, efer }: PagingRegisters): number => {
  if ((cr0 & CR0.pg) === 0) return PAGING_MODE.none;
  if ((efer & EFER.lma) !== 0) return PAGING_MODE.level4;
  return (cr4 & CR4.pae) !== 0 ? PAGING_MODE.pae : PAGING_MODE.bits32;
};
