/**
 * A frame of host memory that the emitted walk works with: what it found, the registers it depends on, and the guest-physical
 * translations that are kept. Offsets in bytes; each field has 4. What it found is where cpu-executor's `EmittedMmu` has it.
 */
export const BLOCK = {
  hostPage: 0,
  permissions: 4,
  pageSize: 8,
  errorCode: 12,
  /** EMITTED_MODE. */
  mode: 16,
  /** Bits 31:12 of CR3. */
  root: 20,
  /** Of an entry's high half in 4-level paging. */
  reservedHigh: 24,
  /** EMITTED_RIGHTS. */
  rights: 28,
  /** What reading an entry asks of the EPT: ACCESS bits. */
  entryAccess: 32,
  /** Without an EPT the arena's size in bytes, else 0. */
  directBytes: 36,
  kept: 2048,
} as const;

/** Paging modes that the emitted walk knows; `none`: it declines everything. */
export const EMITTED_MODE = { none: 0, bits32: 1, level4: 2 } as const;

/** CR0.WP, CR4.SMAP and CR4.PSE, as the emitted walk is told of them. */
export const EMITTED_RIGHTS = { writeProtects: 1, smap: 2, pages4M: 4 } as const;

/** Of a translation that is kept, 8 bytes: the guest's page below 4 GiB and, in bits 2:0, what the EPT grants; the host's page. */
export const KEPT = { entries: 256, bytes: 8 } as const;

/** What the emitted walk returns beside TRANSLATION.ok and pageFault: it has found nothing out, and `translate` does. */
export const DECLINED = -1;
