import { ACCESS_READ, EptExit, type PhysicalAccess, translateGuestPhysical } from "./reference-ept.ts";
import { bit, bits, type ReferenceMemory } from "./reference-memory.ts";
import {
  type Accessor,
  errorCode,
  hasReservedBit,
  isAllowed,
  type Kind,
  keyPermits,
  modeOf,
  type PageAttributes,
  type ReferenceState,
} from "./reference-rights.ts";

export type Outcome =
  | {
      readonly result: "page";
      readonly hostPage: bigint;
      readonly guestPage: bigint;
      /** read 1, write 2, fetch 4 */
      readonly permissions: number;
      readonly pageSize: bigint;
      readonly isGlobal: boolean;
    }
  | { readonly result: "fault"; readonly errorCode: number; readonly cr2: bigint }
  | { readonly result: "stop"; readonly reason: number; readonly qualification: bigint; readonly guestPhysical: bigint }
  | { readonly result: "not canonical" };

class PageFault {
  readonly errorCode: number;

  constructor(errorCode: number) {
    this.errorCode = errorCode;
  }
}

const KINDS: readonly Kind[] = ["read", "write", "fetch"];

/** A translation with all its effects on memory, written from the manual and for the reader alone. */
export const referenceTranslate = (
  memory: ReferenceMemory,
  state: ReferenceState,
  linear: bigint,
  kind: Kind,
  accessor: Accessor,
): Outcome => {
  const mode = modeOf(state);
  const signs = bits(linear, 63, 47);
  if (mode === "4-level" && signs !== 0n && signs !== 0x1ffffn) return { result: "not canonical" };
  const exact = mode === "4-level" ? linear : bits(linear, 31, 0);
  try {
    return walk(memory, state, exact, kind, accessor);
  } catch (thrown) {
    if (thrown instanceof PageFault) return { result: "fault", errorCode: thrown.errorCode, cr2: exact };
    if (thrown instanceof EptExit) return { result: "stop", ...thrown };
    throw thrown;
  }
};

const walk = (
  memory: ReferenceMemory,
  state: ReferenceState,
  linear: bigint,
  kind: Kind,
  accessor: Accessor,
): Outcome => {
  const mode = modeOf(state);
  const toHost = (address: bigint, access: PhysicalAccess, qualification: bigint) => {
    try {
      return translateGuestPhysical(memory, state.eptPointer, state.maxPhyAddr, address, access);
    } catch (exit) {
      if (!(exit instanceof EptExit)) throw exit;
      // SDM Vol 3C, table 28-7: bit 7, and bit 8 for the page itself.
      const added = exit.reason === 48 ? qualification : 0n;
      throw new EptExit(exit.reason, exit.qualification | added, exit.guestPhysical);
    }
  };
  const fault = (present: boolean, reserved: boolean, key: boolean): PageFault =>
    new PageFault(errorCode(state, { present, reserved, key }, kind, accessor));

  const data: PhysicalAccess = { read: kind === "read", write: kind === "write", fetch: kind === "fetch" };
  if (mode === "none") {
    const { host, allows } = toHost(linear, data, 0x180n);
    const permissions = (allows.read ? 1 : 0) | (allows.write ? 2 : 0) | (allows.fetch ? 4 : 0);
    return page(host, linear, permissions, 4096n, false);
  }

  const entryBytes = mode === "32-bit" ? 4 : 8;
  const indexBits = mode === "32-bit" ? 10 : 9;
  const levels = mode === "4-level" ? [4, 3, 2, 1] : [2, 1];
  let table = mode === "4-level" ? bits(state.cr3, 51, 12) << 12n : bits(state.cr3, 31, 12) << 12n;
  if (mode === "PAE") {
    const pdpte = state.pdptes[Number(bits(linear, 31, 30))] as bigint;
    if (!bit(pdpte, 0)) throw fault(false, false, false);
    table = bits(pdpte, 51, 12) << 12n;
  }
  // SDM Vol 3C, 28.3.3.2: with accessed and dirty flags for EPT, what reads an entry counts as a write, too.
  const treatedAsWrite = state.eptPointer !== 0n && bit(state.eptPointer, 6);
  let user = true;
  let writable = true;
  let executeDisable = false;
  for (const level of levels) {
    const lowest = 12 + indexBits * (level - 1);
    const address = table + bits(linear, lowest + indexBits - 1, lowest) * BigInt(entryBytes);
    const { host, allows } = toHost(address, { ...ACCESS_READ, write: treatedAsWrite }, 0x80n);
    const entry = memory.read(host, entryBytes);
    if (!bit(entry, 0)) throw fault(false, false, false);
    if (hasReservedBit(state, level, entry)) throw fault(true, true, false);
    user &&= bit(entry, 2);
    writable &&= bit(entry, 1);
    executeDisable ||= mode !== "32-bit" && bit(entry, 63);
    const setFlags = (flags: bigint): void => {
      if ((entry & flags) === flags) return;
      if (!allows.write) toHost(address, { read: true, write: true, fetch: false }, 0x80n);
      memory.write(host, entryBytes, entry | flags);
    };
    const isLarge = level > 1 && bit(entry, 7) && (mode !== "32-bit" || bit(state.cr4, 4));
    if (level > 1 && !isLarge) {
      setFlags(1n << 5n);
      table = entryBytes === 4 ? bits(entry, 31, 12) << 12n : bits(entry, 51, 12) << 12n;
      continue;
    }
    const attributes: PageAttributes = {
      user,
      writable,
      executeDisable,
      key: entryBytes === 8 ? bits(entry, 62, 59) : 0n,
    };
    if (!isAllowed(state, attributes, kind, accessor))
      throw fault(true, false, !keyPermits(state, attributes, kind, accessor));
    setFlags((1n << 5n) | (kind === "write" ? 1n << 6n : 0n));
    const isDirty = kind === "write" || bit(entry, 6);
    const guestPhysical = frameOf(entry, lowest, entryBytes) | bits(linear, lowest - 1, 0);
    const target = toHost(guestPhysical, data, 0x180n);
    const physical = { read: target.allows.read, write: target.allows.write && isDirty, fetch: target.allows.fetch };
    const permissions = KINDS.map((each, i) =>
      isAllowed(state, attributes, each, accessor) && physical[each] ? 1 << i : 0,
    ).reduce((sum, each) => sum | each, 0);
    return page(target.host, guestPhysical, permissions, 1n << BigInt(lowest), bit(entry, 8) && bit(state.cr4, 7));
  }
  throw new Error("level 1 maps a page");
};

/** Address of the page that an entry maps. */
const frameOf = (entry: bigint, lowest: number, entryBytes: number): bigint => {
  if (entryBytes === 8) return bits(entry, 51, lowest) << BigInt(lowest);
  // SDM Vol 3A, table 4-4: bits 20:13 of a PDE are bits 39:32 of a 4-MByte page's address.
  const high = lowest === 22 ? bits(entry, 20, 13) << 32n : 0n;
  return high | (bits(entry, 31, lowest) << BigInt(lowest));
};

const page = (host: bigint, guest: bigint, permissions: number, pageSize: bigint, isGlobal: boolean): Outcome => ({
  result: "page",
  hostPage: host & ~0xfffn,
  guestPage: guest & ~0xfffn,
  permissions,
  pageSize,
  isGlobal,
});
