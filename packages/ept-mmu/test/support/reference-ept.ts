import { bit, bits, type ReferenceMemory } from "./reference-memory.ts";

/** What an access asks of a guest-physical address. */
export interface PhysicalAccess {
  readonly read: boolean;
  readonly write: boolean;
  readonly fetch: boolean;
}

/** A VM exit due to the EPT, its exit qualification without bits 7 and 8. */
export class EptExit {
  readonly reason: 48 | 49;
  readonly qualification: bigint;
  readonly guestPhysical: bigint;

  constructor(reason: 48 | 49, qualification: bigint, guestPhysical: bigint) {
    this.reason = reason;
    this.qualification = qualification;
    this.guestPhysical = guestPhysical;
  }
}

export interface PhysicalPage {
  /** Host-physical address of the byte. */
  readonly host: bigint;
  /** What later accesses may do without another walk. */
  readonly allows: PhysicalAccess;
}

export const ACCESS_READ: PhysicalAccess = { read: true, write: false, fetch: false };

/** SDM Vol 3C, 28.3.2 to 28.3.5, one sentence a line. Throws EptExit. */
export const translateGuestPhysical = (
  memory: ReferenceMemory,
  eptPointer: bigint,
  maxPhyAddr: number,
  guestPhysical: bigint,
  access: PhysicalAccess,
): PhysicalPage => {
  const accessBits = (access.read ? 1n : 0n) | (access.write ? 2n : 0n) | (access.fetch ? 4n : 0n);
  const all: PhysicalAccess = { read: true, write: true, fetch: true };
  if (eptPointer === 0n) {
    // Not the manual's: memory ends with the arena.
    if (guestPhysical >= memory.size) throw new EptExit(48, accessBits, guestPhysical);
    return { host: guestPhysical, allows: all };
  }
  const misconfigured = (): never => {
    throw new EptExit(49, 0n, guestPhysical);
  };
  const tracksAccess = bit(eptPointer, 6);
  let table = bits(eptPointer, 51, 12) << 12n;
  let together = 7n;
  for (const level of [4, 3, 2, 1]) {
    const lowest = 12 + 9 * (level - 1);
    const at = table + bits(guestPhysical, lowest + 8, lowest) * 8n;
    if (at >= memory.size) return misconfigured();
    const entry = memory.read(at, 8);
    // 28.3.2: not present.
    if (bits(entry, 2, 0) === 0n) throw new EptExit(48, accessBits, guestPhysical);
    const mapsPage = level === 1 || (level <= 3 && bit(entry, 7));
    // 28.3.3.1: writable but not readable.
    if (bit(entry, 1) && !bit(entry, 0)) return misconfigured();
    // 28.3.3.1 with tables 28-1 to 28-6: reserved bits.
    if (maxPhyAddr < 52 && bits(entry, 51, maxPhyAddr) !== 0n) return misconfigured();
    if (level === 4 && bits(entry, 7, 3) !== 0n) return misconfigured();
    if (level < 4 && !mapsPage && bits(entry, 6, 3) !== 0n) return misconfigured();
    if (mapsPage && lowest > 12 && bits(entry, lowest - 1, 12) !== 0n) return misconfigured();
    // 28.3.3.1: memory types 2, 3 and 7 of an entry that maps a page.
    if (mapsPage && [2n, 3n, 7n].includes(bits(entry, 5, 3))) return misconfigured();
    together &= bits(entry, 2, 0);
    if (!mapsPage) {
      table = bits(entry, 51, 12) << 12n;
      // Not the manual's: no memory behind the address.
      if (table >= memory.size) return misconfigured();
      if (tracksAccess) memory.write(at, 8, entry | (1n << 8n));
      continue;
    }
    // 28.3.3.2: an access that some entry does not allow.
    if ((accessBits & ~together) !== 0n) throw new EptExit(48, accessBits | (together << 3n), guestPhysical);
    const host = (bits(entry, 51, lowest) << BigInt(lowest)) | bits(guestPhysical, lowest - 1, 0);
    if (host >= memory.size) return misconfigured();
    // 28.3.5: accessed, and dirty for a write.
    const flags = (1n << 8n) | (access.write ? 1n << 9n : 0n);
    if (tracksAccess) memory.write(at, 8, entry | flags);
    const isDirty = !tracksAccess || bit(entry | flags, 9);
    return {
      host,
      allows: { read: bit(together, 0), write: bit(together, 1) && isDirty, fetch: bit(together, 2) },
    };
  }
  throw new Error("level 1 maps a page");
};
