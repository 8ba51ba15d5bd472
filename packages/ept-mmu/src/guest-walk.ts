import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { indexAt } from "./index-at.ts";

/** How a walk of the guest's paging structures ended. */
export const PAGE_WALK = { ok: 0, fault: 1, stop: 2 } as const;

/** Bits of paging-structure entries (SDM Vol 3A, tables 4-15 to 4-20). */
const PTE = { present: 1, write: 2, user: 4, accessed: 0x20, dirty: 0x40, large: 0x80 } as const;
const NO_EXECUTE_HIGH = 0x80000000;

/** Bits of a page fault's error code (SDM Vol 3A, 4.7). */
const ERROR = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16 } as const;

const CR0_WP = 1 << 16;
const EFER_LMA = 1 << 10;
const EFER_NXE = 1 << 11;

const READ = 1;
const WRITE = 2;
const EXECUTE = 4;
const USER = 8;

const HIGH_UNIT = 2 ** 32;

interface PagingRegisters {
  readonly cr0: number;
  readonly cr3Low: number;
  readonly cr3High: number;
  readonly efer: number;
}

/**
 * Walks the guest's 4-level paging structures (SDM Vol 3A, 4.5), each access to them through `toHost`, which returns
 * 0 when it stops. `hostPage` is where it leaves the host page. Entries are read; they are written only when an accessed
 * or dirty flag is missing, so paging structures may lie in memory that the EPT write-protects.
 */
export class GuestWalker {
  readonly #memory: HostMemory;
  readonly #u32: Uint32Array;
  readonly #toHost: (guestPhysical: number, access: number) => number;
  readonly #hostPage: () => number;
  #root = 0;
  #isLongMode = false;
  #protectsSupervisorWrites = false;
  #hasNoExecute = false;
  /** ACCESS bits that reading an entry asks of the EPT. */
  #entryAccess = READ;
  page = 0;
  permissions = 0;
  errorCode = 0;

  constructor(memory: HostMemory, toHost: (guestPhysical: number, access: number) => number, hostPage: () => number) {
    this.#memory = memory;
    this.#u32 = memory.u32;
    this.#toHost = toHost;
    this.#hostPage = hostPage;
  }

  /** With accessed and dirty flags for EPT, accesses to paging structures count as writes (SDM Vol 3C, 28.3.3.2). */
  configure(registers: PagingRegisters, eptTracksAccess: boolean): void {
    this.#entryAccess = eptTracksAccess ? READ | WRITE : READ;
    this.#root = (registers.cr3High & 0xfffff) * HIGH_UNIT + ((registers.cr3Low & ~0xfff) >>> 0);
    this.#isLongMode = (registers.efer & EFER_LMA) !== 0;
    this.#protectsSupervisorWrites = (registers.cr0 & CR0_WP) !== 0;
    this.#hasNoExecute = (registers.efer & EFER_NXE) !== 0;
  }

  walk(linearLow: number, linearHigh: number, access: number): number {
    // 32-bit and PAE paging are not there yet: every access faults, as with reserved bits set.
    if (!this.#isLongMode) return this.#fault(access, ERROR.present | ERROR.reserved);
    let table = this.#root;
    let writable = true;
    let user = true;
    let executable = true;
    for (let level = 4; level >= 1; level--) {
      const index = indexAt(linearLow, linearHigh, level);
      const entryAddress = table + index * 8;
      if (this.#toHost(entryAddress, this.#entryAccess) === 0) return PAGE_WALK.stop;
      const at = (this.#hostPage() + (entryAddress % 4096)) >>> 2;
      const low = this.#u32[at] as number;
      const high = this.#u32[at + 1] as number;
      if ((low & PTE.present) === 0) return this.#fault(access, 0);
      const noExecute = high >= NO_EXECUTE_HIGH;
      if (noExecute && !this.#hasNoExecute) return this.#fault(access, ERROR.present | ERROR.reserved);
      const isLarge = (low & PTE.large) !== 0 && level > 1;
      const reserved = isLarge ? (level === 4 ? PTE.large : level === 3 ? 0x3fffe000 : 0x1fe000) : 0;
      if ((low & reserved) !== 0) return this.#fault(access, ERROR.present | ERROR.reserved);
      writable &&= (low & PTE.write) !== 0;
      user &&= (low & PTE.user) !== 0;
      executable &&= !noExecute;
      const address = (high & 0xfffff) * HIGH_UNIT + ((low & ~0xfff) >>> 0);
      if (level > 1 && !isLarge) {
        if (!this.#setFlags(entryAddress, at, low, PTE.accessed)) return PAGE_WALK.stop;
        table = address;
        continue;
      }
      const writes = writable || ((access & USER) === 0 && !this.#protectsSupervisorWrites);
      const isAllowed =
        ((access & USER) === 0 || user) &&
        ((access & WRITE) === 0 || writes) &&
        ((access & EXECUTE) === 0 || executable);
      if (!isAllowed) return this.#fault(access, ERROR.present);
      const isDirty = (access & WRITE) !== 0 || (low & PTE.dirty) !== 0;
      const flags = PTE.accessed | (isDirty ? PTE.dirty : 0);
      if (!this.#setFlags(entryAddress, at, low, flags)) return PAGE_WALK.stop;
      this.permissions = READ | (writes && isDirty ? WRITE : 0) | (executable ? EXECUTE : 0);
      const size = 2 ** (12 + 9 * (level - 1));
      const offset = (linearLow & ~0xfff) >>> 0;
      this.page = address - (address % size) + (offset % size);
      return PAGE_WALK.ok;
    }
    // Level 1 always ends the walk above.
    return PAGE_WALK.stop;
  }

  /** False when the EPT forbids the write that missing flags need. */
  #setFlags(entryAddress: number, at: number, low: number, flags: number): boolean {
    if ((low & flags) === flags) return true;
    if (this.#toHost(entryAddress, READ | WRITE) === 0) return false;
    this.#u32[at] = low | flags;
    this.#memory.noteWrite((at * 4) as HostPhysicalAddress);
    return true;
  }

  #fault(access: number, base: number): number {
    this.errorCode =
      base |
      ((access & WRITE) !== 0 ? ERROR.write : 0) |
      ((access & USER) !== 0 ? ERROR.user : 0) |
      ((access & EXECUTE) !== 0 && this.#hasNoExecute ? ERROR.fetch : 0);
    return PAGE_WALK.fault;
  }
}
