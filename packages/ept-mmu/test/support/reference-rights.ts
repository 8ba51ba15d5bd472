import { bit, bits } from "./reference-memory.ts";

export type Kind = "read" | "write" | "fetch";

export interface ReferenceState {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly pkru: bigint;
  readonly eptPointer: bigint;
  readonly maxPhyAddr: number;
  /** The PDPTE registers. */
  readonly pdptes: readonly bigint[];
}

/** Who accesses: CPL 3; CPL below 3, with EFLAGS.AC; or the processor itself, at whatever CPL. */
export type Accessor =
  | "user"
  | "supervisor"
  | "supervisor with AC"
  | "implicit"
  | "implicit with AC"
  | "implicit at CPL 3";

export interface PageAttributes {
  /** U/S is 1 in every entry: a user-mode address. */
  readonly user: boolean;
  /** R/W is 1 in every entry. */
  readonly writable: boolean;
  /** XD is 1 in an entry. */
  readonly executeDisable: boolean;
  readonly key: bigint;
}

export const modeOf = (state: ReferenceState): "none" | "32-bit" | "PAE" | "4-level" => {
  if (!bit(state.cr0, 31)) return "none";
  if (bit(state.efer, 10)) return "4-level";
  return bit(state.cr4, 5) ? "PAE" : "32-bit";
};

const WP = 16;
const SMEP = 20;
const SMAP = 21;
const PKE = 22;

/** SDM Vol 3A, 4.6.2: does the protection key permit a data access? */
export const keyPermits = (state: ReferenceState, page: PageAttributes, kind: Kind, accessor: Accessor): boolean => {
  if (kind === "fetch" || !page.user || !bit(state.cr4, PKE) || modeOf(state) !== "4-level") return true;
  const accessDisable = bit(state.pkru, Number(2n * page.key));
  const writeDisable = bit(state.pkru, Number(2n * page.key + 1n));
  if (accessDisable) return false;
  if (kind === "read" || !writeDisable) return true;
  return accessor !== "user" && !bit(state.cr0, WP);
};

/** SDM Vol 3A, 4.6.1, in the manual's order: supervisor-mode accesses, then user-mode accesses. */
export const isAllowed = (state: ReferenceState, page: PageAttributes, kind: Kind, accessor: Accessor): boolean => {
  if (!keyPermits(state, page, kind, accessor)) return false;
  if (accessor !== "user") {
    const smapForbids = page.user && bit(state.cr4, SMAP) && accessor !== "supervisor with AC";
    switch (kind) {
      case "read":
        return !smapForbids;
      case "write":
        return !smapForbids && (page.writable || !bit(state.cr0, WP));
      case "fetch":
        return !page.executeDisable && !(page.user && bit(state.cr4, SMEP));
    }
  }
  if (!page.user) return false;
  switch (kind) {
    case "read":
      return true;
    case "write":
      return page.writable;
    case "fetch":
      return !page.executeDisable;
  }
};

/** SDM Vol 3A, 4.7. */
export const errorCode = (
  state: ReferenceState,
  found: { present: boolean; reserved: boolean; key: boolean },
  kind: Kind,
  accessor: Accessor,
): number => {
  const hasInstructionBit = bit(state.cr4, SMEP) || (bit(state.cr4, 5) && bit(state.efer, 11));
  return (
    (found.present ? 0x01 : 0) +
    (kind === "write" ? 0x02 : 0) +
    (accessor === "user" ? 0x04 : 0) +
    (found.reserved ? 0x08 : 0) +
    (kind === "fetch" && hasInstructionBit ? 0x10 : 0) +
    (found.key ? 0x20 : 0)
  );
};

/** Bits of an entry that must be 0, from the tables of SDM Vol 3A, 4.3 to 4.5; the entry is present. */
export const hasReservedBit = (state: ReferenceState, level: number, entry: bigint): boolean => {
  const mode = modeOf(state);
  const m = state.maxPhyAddr;
  if (mode === "32-bit") {
    // Table 4-4: with M = min(40, MAXPHYADDR), bits 21:(M-19) of a PDE that maps a 4-MByte page.
    const isLarge = level === 2 && bit(entry, 7) && bit(state.cr4, 4);
    return isLarge && bits(entry, 21, Math.min(40, m) - 19) !== 0n;
  }
  if (bit(entry, 63) && !bit(state.efer, 11)) return true;
  const top = mode === "PAE" ? 62 : 51;
  if (top >= m && bits(entry, top, m) !== 0n) return true;
  if (level === 4) return bit(entry, 7);
  if (level === 3 && bit(entry, 7)) return bits(entry, 29, 13) !== 0n;
  if (level === 2 && bit(entry, 7)) return bits(entry, 20, 13) !== 0n;
  return false;
};
