import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { ACCESS, type AccessRights, kindsOf, PAGE_FAULT, PTE } from "./access-rights.ts";
import { reservedHigh } from "./address.ts";
import type { GuestPhysical } from "./guest-physical.ts";
import { indexAt } from "./index-at.ts";
import { CR4, EFER, PAGING_MODE, type PagingRegisters, pagingModeOf } from "./paging-registers.ts";

/** How a walk of the guest's paging structures ended. */
export const PAGE_WALK = { ok: 0, fault: 1, stop: 2 } as const;

/** Bits 51:32 of an address in an entry's high half. */
const ADDRESS_HIGH = 0xfffff;
const NO_EXECUTE = 1 << 31;
/** Bits 62:52 are ignored in 4-level paging and reserved in PAE paging (SDM Vol 3A, tables 4-9 to 4-11). */
const PAE_RESERVED_HIGH = 0x7ff00000;
/** Offset in a page, by the level of the entry that maps it. */
const OFFSET_MASK = [0, 0xfff, 0x1fffff, 0x3fffffff];
const OFFSET_MASK_4M = 0x3fffff;
/** Reserved bits of an entry with PS set, by level: there are no pages of 512 GiB. */
const LARGE_RESERVED = [0, 0, 0x1fe000, 0x3fffe000, PTE.large];
/** Bit 12 of a large page is PAT, bits 20:13 of a 4 MiB page are bits 39:32 of its address. */
const PSE36_SHIFT = 13;
const PSE36_WIDTH = 40;

/**
 * Walks the guest's paging structures (SDM Vol 3A, 4.3 to 4.5), each access to them through `GuestPhysical`, which may
 * stop it. Entries are read; they are written only when an accessed or dirty flag is missing, so paging structures may
 * lie in memory that the EPT write-protects. An entry that leads to another table is marked accessed even if the walk
 * faults further down; the one that maps the page only if the access is allowed.
 */
export class GuestWalker {
  readonly #memory: HostMemory;
  readonly #i32: Int32Array;
  readonly #physical: GuestPhysical;
  readonly #rights: AccessRights;
  readonly #pdptes: Int32Array;
  readonly #reservedHigh: number;
  readonly #reserved4M: number;
  #mode: number = PAGING_MODE.none;
  #rootLow = 0;
  #rootHigh = 0;
  #entryReserved = 0;
  #has4M = false;
  #entryAccess: number = ACCESS.read;
  /** Of the last walk that ended with ok: guest-physical address of the 4 KiB page, and the ACCESS bits it grants. */
  pageLow = 0;
  pageHigh = 0;
  permissions = 0;
  /** Bytes of the guest's page: 4 KiB, 2 MiB, 4 MiB or 1 GiB. */
  pageSize = 0;
  /** PTE.global of the entry that maps the page. */
  global = 0;
  /** PTE.user and PTE.write of all entries together, and ACCESS.execute if none has XD. */
  entries = 0;
  executable = 0;
  /** Of the last walk that ended with fault. */
  errorCode = 0;

  constructor(
    memory: HostMemory,
    physical: GuestPhysical,
    rights: AccessRights,
    pdptes: Int32Array,
    physicalAddressWidth: number,
  ) {
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#physical = physical;
    this.#rights = rights;
    this.#pdptes = pdptes;
    this.#reservedHigh = reservedHigh(physicalAddressWidth);
    const lowestReserved = Math.min(physicalAddressWidth, PSE36_WIDTH) - 32 + PSE36_SHIFT;
    this.#reserved4M = OFFSET_MASK_4M & ~((1 << lowestReserved) - 1);
  }

  /** Call it after `GuestPhysical.configure`. */
  configure(registers: PagingRegisters): void {
    const { cr3Low, cr3High, cr4, efer } = registers;
    this.#mode = pagingModeOf(registers);
    this.#entryAccess = this.#physical.entryAccess;
    this.#rootLow = cr3Low & ~0xfff;
    this.#rootHigh = this.#mode === PAGING_MODE.level4 ? cr3High & ADDRESS_HIGH : 0;
    this.#has4M = (cr4 & CR4.pse) !== 0;
    this.#entryReserved =
      this.#reservedHigh |
      (this.#mode === PAGING_MODE.pae ? PAE_RESERVED_HIGH : 0) |
      ((efer & EFER.nxe) !== 0 ? 0 : NO_EXECUTE);
  }

  /** A PAGE_WALK. Paging must be on. */
  walk(linearLow: number, linearHigh: number, access: number): number {
    if (this.#mode === PAGING_MODE.level4)
      return this.#walkWide(this.#rootLow, this.#rootHigh, 4, linearLow, linearHigh, access);
    if (this.#mode === PAGING_MODE.bits32) return this.#walkNarrow(linearLow, access);
    const at = (linearLow >>> 30) * 2;
    const low = this.#pdptes[at] as number;
    if ((low & PTE.present) === 0) return this.#fault(access, 0);
    return this.#walkWide(low & ~0xfff, (this.#pdptes[at + 1] as number) & ADDRESS_HIGH, 2, linearLow, 0, access);
  }

  /** Tables of 512 entries of 8 bytes, from a level down. */
  #walkWide(
    rootLow: number,
    rootHigh: number,
    top: number,
    linearLow: number,
    linearHigh: number,
    access: number,
  ): number {
    const i32 = this.#i32;
    let tableLow = rootLow;
    let tableHigh = rootHigh;
    let entries: number = PTE.write | PTE.user;
    let noExecute = 0;
    for (let level = top; ; level--) {
      const offset = indexAt(linearLow, linearHigh, level) * 8;
      if (!this.#physical.translate(tableLow | offset, tableHigh, this.#entryAccess)) return PAGE_WALK.stop;
      const at = (this.#physical.hostPage + offset) >>> 2;
      const low = i32[at] as number;
      const high = i32[at + 1] as number;
      if ((low & PTE.present) === 0) return this.#fault(access, 0);
      const isLarge = level > 1 && (low & PTE.large) !== 0;
      if ((high & this.#entryReserved) !== 0 || (isLarge && (low & (LARGE_RESERVED[level] as number)) !== 0))
        return this.#fault(access, PAGE_FAULT.present | PAGE_FAULT.reserved);
      entries &= low;
      noExecute |= high & NO_EXECUTE;
      if (level === 1 || isLarge) {
        this.entries = entries;
        this.executable = noExecute === 0 ? ACCESS.execute : 0;
        const mask = OFFSET_MASK[level] as number;
        this.#place(linearLow, low & ~mask, high & ADDRESS_HIGH, mask);
        return this.#finish(tableLow | offset, tableHigh, at, low, access, (high >>> 27) & 15);
      }
      if (!this.#setFlags(tableLow | offset, tableHigh, at, low, PTE.accessed)) return PAGE_WALK.stop;
      tableLow = low & ~0xfff;
      tableHigh = high & ADDRESS_HIGH;
    }
  }

  /** 32-bit paging: two tables of 1024 entries of 4 bytes, no reserved bits but those of a 4 MiB page. */
  #walkNarrow(linearLow: number, access: number): number {
    const i32 = this.#i32;
    const physical = this.#physical;
    const directoryEntry = this.#rootLow | ((linearLow >>> 22) * 4);
    if (!physical.translate(directoryEntry, 0, this.#entryAccess)) return PAGE_WALK.stop;
    const directoryAt = (physical.hostPage + (directoryEntry & 0xfff)) >>> 2;
    const directory = i32[directoryAt] as number;
    if ((directory & PTE.present) === 0) return this.#fault(access, 0);
    this.executable = ACCESS.execute;
    if (this.#has4M && (directory & PTE.large) !== 0) {
      if ((directory & this.#reserved4M) !== 0) return this.#fault(access, PAGE_FAULT.present | PAGE_FAULT.reserved);
      this.entries = directory & (PTE.write | PTE.user);
      const high = (directory >>> PSE36_SHIFT) & 0xff;
      this.#place(linearLow, directory & ~OFFSET_MASK_4M, high, OFFSET_MASK_4M);
      return this.#finish(directoryEntry, 0, directoryAt, directory, access, 0);
    }
    if (!this.#setFlags(directoryEntry, 0, directoryAt, directory, PTE.accessed)) return PAGE_WALK.stop;
    const entryAddress = (directory & ~0xfff) | (((linearLow >>> 12) & 1023) * 4);
    if (!physical.translate(entryAddress, 0, this.#entryAccess)) return PAGE_WALK.stop;
    const at = (physical.hostPage + (entryAddress & 0xfff)) >>> 2;
    const entry = i32[at] as number;
    if ((entry & PTE.present) === 0) return this.#fault(access, 0);
    this.entries = directory & entry & (PTE.write | PTE.user);
    this.#place(linearLow, entry & ~0xfff, 0, 0xfff);
    return this.#finish(entryAddress, 0, at, entry, access, 0);
  }

  /** Where the 4 KiB page lies within the guest's page at `low` and `high`. */
  #place(linearLow: number, low: number, high: number, mask: number): void {
    this.pageLow = low | (linearLow & mask & ~0xfff);
    this.pageHigh = high;
    this.pageSize = mask + 1;
  }

  /** The entry that maps the page is found: access rights, then the entry's own flags. */
  #finish(entryLow: number, entryHigh: number, at: number, low: number, access: number, key: number): number {
    const rights = this.#rights;
    const granted = rights.granted(access, this.entries, this.executable, key);
    if ((kindsOf(access) & ~granted) !== 0) {
      const isKey = (access & rights.deniedByKey(access, this.entries, key)) !== 0;
      return this.#fault(access, isKey ? PAGE_FAULT.present | PAGE_FAULT.protectionKey : PAGE_FAULT.present);
    }
    const isDirty = ((access & ACCESS.write) !== 0 ? PTE.dirty : 0) | (low & PTE.dirty);
    if (!this.#setFlags(entryLow, entryHigh, at, low, PTE.accessed | isDirty)) return PAGE_WALK.stop;
    this.global = low & PTE.global;
    this.permissions = isDirty !== 0 ? granted : granted & ~ACCESS.write;
    return PAGE_WALK.ok;
  }

  /** False when the EPT forbids the write that missing flags need. The entry is the one that was translated last. */
  #setFlags(entryLow: number, entryHigh: number, at: number, low: number, flags: number): boolean {
    if ((low & flags) === flags) return true;
    const isWritable = (this.#physical.permissions & ACCESS.write) !== 0;
    if (!isWritable && !this.#physical.translate(entryLow, entryHigh, ACCESS.read | ACCESS.write)) return false;
    this.#i32[at] = low | flags;
    this.#memory.noteWrite((at * 4) as HostPhysicalAddress);
    return true;
  }

  #fault(access: number, base: number): number {
    this.errorCode = this.#rights.errorCode(access, base);
    return PAGE_WALK.fault;
  }
}
