import type { HostMemory } from "@likex/host-memory";
import { reservedHigh } from "./address.ts";
import { EPT_CAPABILITY, EPT_EXIT, EPT_PTE, EPT_VIOLATION, EPTP_ACCESSED_DIRTY } from "./ept-entry.ts";
import { indexAt } from "./index-at.ts";

const { read: R, write: W, execute: X } = EPT_PTE;
const FRAME = 0x1000;
const HIGH_UNIT = 2 ** 32;

/** Without a capability MSR: all that the walk knows. */
export const ALL_EPT_PAGES: number = EPT_CAPABILITY.executeOnly | EPT_CAPABILITY.pages2M | EPT_CAPABILITY.pages1G;

/** Bits of the page number below a leaf, by level. */
const OFFSET_MASK = [0, 0, 0x1ff000, 0x3ffff000];

/** Memory types that EPT entries may not have: 2, 3 and 7 (SDM Vol 3C, 28.3.3.1). */
const isReservedType = (type: number): boolean => type === 2 || type === 3 || type === 7;

/**
 * Walks a 4-level EPT (SDM Vol 3C, 28.3.2). A walk yields 0 or the basic exit reason that it ends with, and leaves
 * its results in fields: it is on the way of every soft-TLB miss.
 */
export class EptWalker {
  readonly #i32: Int32Array;
  readonly #bytes: number;
  readonly #reservedHigh: number;
  readonly #hasExecuteOnly: boolean;
  /** Bit n: entries of level n may map a page. At the others bit 7 is reserved. */
  readonly #largeLevels: number;
  #root = 0;
  #tracksAccess = false;
  /** Host-physical address of the 4 KiB page. */
  hostPage = 0;
  /** What all entries allow together: bits read 1, write 2, execute 4. */
  permissions = 0;
  /** Exit qualification bits 5:0 of a violation. */
  qualification = 0;

  /** `capabilities`: bits 31:0 of IA32_VMX_EPT_VPID_CAP. */
  constructor(memory: HostMemory, physicalAddressWidth: number, capabilities: number = ALL_EPT_PAGES) {
    this.#i32 = memory.i32;
    this.#bytes = memory.bytes;
    this.#reservedHigh = reservedHigh(physicalAddressWidth);
    this.#hasExecuteOnly = (capabilities & EPT_CAPABILITY.executeOnly) !== 0;
    this.#largeLevels =
      ((capabilities & EPT_CAPABILITY.pages2M) !== 0 ? 1 << 2 : 0) |
      ((capabilities & EPT_CAPABILITY.pages1G) !== 0 ? 1 << 3 : 0);
  }

  /** EPTP bit 6 is set. */
  get tracksAccess(): boolean {
    return this.#tracksAccess;
  }

  configure(eptPointer: number): void {
    this.#root = eptPointer - (eptPointer % FRAME);
    this.#tracksAccess = (eptPointer & EPTP_ACCESSED_DIRTY) !== 0;
  }

  /** Translates the page of a guest-physical address for an access (read 1, write 2, execute 4; several may be asked). */
  walk(guestPhysical: number, access: number): number {
    return this.walkHalves(guestPhysical | 0, Math.floor(guestPhysical / HIGH_UNIT), access);
  }

  /** `walk` of an address as two int32: a number above 2^31 would be allocated each time it is passed on. */
  walkHalves(guestLow: number, guestHigh: number, access: number): number {
    // Bits 51:48 are not translated: a 4-level EPT covers 48 bits.
    const i32 = this.#i32;
    let table = this.#root;
    if (table >= this.#bytes) return EPT_EXIT.misconfiguration;
    let allowed = R | W | X;
    for (let level = 4; ; level--) {
      const at = (table + indexAt(guestLow, guestHigh, level) * 8) >>> 2;
      const low = i32[at] as number;
      const high = i32[at + 1] as number;
      const bits = low & (R | W | X);
      if (bits === 0) return this.#violation(access, 0);
      const isLeaf = level === 1 || ((low & EPT_PTE.large) !== 0 && (this.#largeLevels & (1 << level)) !== 0);
      if (this.#isMisconfigured(low, high, level, isLeaf)) return EPT_EXIT.misconfiguration;
      allowed &= bits;
      // The arena ends below 2 GiB: int32 holds every address in it, and a higher one is negative here or has a high half.
      const address = (high & 0xfffff) === 0 ? low & ~0xfff : -1;
      if (!isLeaf) {
        if (address < 0 || address >= this.#bytes) return EPT_EXIT.misconfiguration;
        if (this.#tracksAccess) i32[at] = low | EPT_PTE.accessed;
        table = address;
        continue;
      }
      if ((access & ~allowed) !== 0) return this.#violation(access, allowed);
      const page = address | (guestLow & (OFFSET_MASK[level] as number));
      if (page < 0 || page >= this.#bytes) return EPT_EXIT.misconfiguration;
      this.hostPage = page;
      this.permissions = this.#track(at, low, access, allowed);
      return 0;
    }
  }

  /** Sets accessed and dirty flags; a page that is not dirty yet grants no writes beyond the one asked for. */
  #track(at: number, low: number, access: number, allowed: number): number {
    if (!this.#tracksAccess) return allowed;
    const isWrite = (access & W) !== 0;
    this.#i32[at] = low | EPT_PTE.accessed | (isWrite ? EPT_PTE.dirty : 0);
    return isWrite || (low & EPT_PTE.dirty) !== 0 ? allowed : allowed & ~W;
  }

  #violation(access: number, allowed: number): number {
    this.qualification =
      ((access & R) !== 0 ? EPT_VIOLATION.read : 0) |
      ((access & W) !== 0 ? EPT_VIOLATION.write : 0) |
      ((access & X) !== 0 ? EPT_VIOLATION.fetch : 0) |
      (allowed << 3);
    return EPT_EXIT.violation;
  }

  /** SDM Vol 3C, 28.3.3.1: writable but not readable, reserved bits, reserved memory types. */
  #isMisconfigured(low: number, high: number, level: number, isLeaf: boolean): boolean {
    if ((low & (R | W)) === W || ((low & (R | W | X)) === X && !this.#hasExecuteOnly)) return true;
    if ((high & this.#reservedHigh) !== 0) return true;
    if (!isLeaf) return (low & 0xf8) !== 0;
    if (isReservedType((low >> EPT_PTE.memoryTypeShift) & 7)) return true;
    return level > 1 && (low & (level === 3 ? 0x3ffff000 : 0x1ff000)) !== 0;
  }
}
