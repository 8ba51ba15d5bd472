import type { HostMemory } from "@likex/host-memory";
import { ACCESS } from "./access-rights.ts";
import { KEPT } from "./emitted-block.ts";
import { EPT_EXIT, EPT_VIOLATION } from "./ept-entry.ts";
import { EptWalker } from "./ept-walk.ts";

const ALL = ACCESS.read | ACCESS.write | ACCESS.execute;
const PAGE = 4096;
const WORDS = KEPT.bytes / 4;
/** Grants nothing. */
const EMPTY = 0;

/**
 * Guest-physical to host-physical addresses: through the EPT, or as they are without one. Results are in fields.
 * Guest-physical addresses are pairs of int32, which no call allocates.
 */
export class GuestPhysical {
  readonly #bytes: number;
  readonly #ept: EptWalker;
  /** A direct-mapped table of KEPT: a guest's paging structures are read again and again. */
  #kept: Int32Array | undefined;
  #keepsNothing = true;
  #usesEpt = false;
  /** Host-physical address of the 4 KiB page last translated. */
  hostPage = 0;
  /** ACCESS bits that the EPT grants. */
  permissions = 0;
  /** Basic exit reason of the last stop. */
  stopReason = 0;
  /** Exit qualification of the last EPT violation. */
  qualification = 0;
  #stopLow = 0;
  #stopHigh = 0;

  /** `translations`: "kept" until `forget`, or found anew each time. */
  constructor(
    memory: HostMemory,
    physicalAddressWidth: number,
    eptCapabilities: number,
    translations: "kept" | "walked",
  ) {
    this.#bytes = memory.bytes;
    this.#kept = translations === "kept" ? new Int32Array(KEPT.entries * WORDS) : undefined;
    this.#ept = new EptWalker(memory, physicalAddressWidth, eptCapabilities);
  }

  /** Address of the last stop. */
  get stopAddress(): number {
    return this.#stopHigh * 2 ** 32 + (this.#stopLow >>> 0);
  }

  /** `eptPointer` 0: no EPT. */
  configure(eptPointer: number): void {
    this.#usesEpt = eptPointer !== 0;
    this.#ept.configure(eptPointer);
    this.forget();
  }

  /** Drops what is kept, as INVEPT does. */
  forget(): void {
    if (this.#keepsNothing) return;
    this.#kept?.fill(EMPTY);
    this.#keepsNothing = true;
  }

  /** Keeps in `table` from now on, which is all zeros: the emitted walk looks there. */
  keepIn(table: Int32Array): void {
    this.#kept = table;
    this.#keepsNothing = true;
  }

  /** What reading a guest's paging-structure entry asks of the EPT: with its accessed and dirty flags on, it counts as a write (SDM Vol 3C, 28.3.3.2). */
  get entryAccess(): number {
    return this.#usesEpt && this.#ept.tracksAccess ? ACCESS.read | ACCESS.write : ACCESS.read;
  }

  /** False when the access stops; `access`: one or several of read, write and execute. */
  translate(low: number, high: number, access: number): boolean {
    if (!this.#usesEpt) {
      // The arena ends below 2 GiB.
      if (high !== 0 || low < 0 || low >= this.#bytes) return this.#stop(EPT_EXIT.violation, low, high, access);
      this.hostPage = low & ~(PAGE - 1);
      this.permissions = ALL;
      return true;
    }
    const kept = high === 0 ? this.#kept : undefined;
    const at = ((low >>> 12) & (KEPT.entries - 1)) * WORDS;
    if (kept !== undefined) {
      const known = kept[at] as number;
      // What is kept may grant less than the tables do by now: those who are refused by it ask them.
      if (((known ^ low) & ~(PAGE - 1)) === 0 && (access & ~known) === 0) {
        this.hostPage = kept[at + 1] as number;
        this.permissions = known & ALL;
        return true;
      }
    }
    const ept = this.#ept;
    const reason = ept.walkHalves(low, high, access);
    if (reason !== 0) return this.#stop(reason, low, high, reason === EPT_EXIT.violation ? ept.qualification : 0);
    this.hostPage = ept.hostPage;
    this.permissions = ept.permissions;
    if (kept !== undefined) {
      kept[at] = (low & ~(PAGE - 1)) | ept.permissions;
      kept[at + 1] = ept.hostPage;
      this.#keepsNothing = false;
    }
    return true;
  }

  /** Adds EPT_VIOLATION bits to the last stop's qualification; only violations have one. */
  qualify(bits: number): void {
    if (this.stopReason === EPT_EXIT.violation) this.qualification |= bits;
  }

  #stop(reason: number, low: number, high: number, qualification: number): false {
    this.stopReason = reason;
    this.qualification = qualification;
    this.#stopLow = low;
    this.#stopHigh = high;
    return false;
  }
}

/** Qualification of a violation at a guest paging structure, and at the page itself (SDM Vol 3C, table 28-7). */
export const AT_PAGING_STRUCTURE: number = EPT_VIOLATION.linearAddressValid;
export const AT_PAGE: number = EPT_VIOLATION.linearAddressValid | EPT_VIOLATION.finalAddress;
