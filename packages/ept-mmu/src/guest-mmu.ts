import type { HostMemory } from "@likex/host-memory";
import { EPT_EXIT, EPT_VIOLATION } from "./ept-entry.ts";
import { EptWalker } from "./ept-walk.ts";
import { GuestWalker, PAGE_WALK } from "./guest-walk.ts";

/** Kinds of access, and their privilege: the values that cpu-executor's `Mmu` uses. */
export const ACCESS = { read: 1, write: 2, execute: 4, user: 8, userAllowed: 16, implicit: 32 } as const;

export const TRANSLATION = { ok: 0, pageFault: 1, stop: 2 } as const;

/** What translation depends on. */
export interface GuestMmuConfiguration {
  /** 0: no EPT, guest-physical addresses are host-physical. */
  readonly eptPointer: number;
  readonly cr0: number;
  readonly cr3Low: number;
  readonly cr3High: number;
  readonly cr4: number;
  readonly efer: number;
}

export interface GuestMmuOptions {
  /** MAXPHYADDR, 36..52: bits above it are reserved in every entry. 46 when absent. */
  readonly physicalAddressWidth?: number;
}

const CR0_PG = 2 ** 31;
const ALL = ACCESS.read | ACCESS.write | ACCESS.execute;
const PAGE = 4096;

/**
 * The two translations that a guest access goes through: linear to guest-physical, then guest-physical to
 * host-physical by the EPT. `translate` is what a processor calls on a soft-TLB miss; it allocates nothing and leaves
 * its results in fields.
 */
export class GuestMmu {
  readonly #memory: HostMemory;
  readonly #ept: EptWalker;
  readonly #guest: GuestWalker;
  #usesEpt = false;
  #pages = false;
  /** Host-physical and guest-physical address of the 4 KiB page last translated. */
  hostPage = 0;
  guestPage = 0;
  /** ACCESS bits that the page grants. */
  permissions = 0;
  /** Error code of the last page fault (SDM Vol 3A, 4.7). */
  pageFaultErrorCode = 0;
  /** Basic exit reason of the last stop: 48 EPT violation, 49 EPT misconfiguration. */
  stopReason = 0;
  /** Exit qualification of the last EPT violation. */
  qualification = 0;
  /** Guest-physical address of the last stop. */
  guestPhysicalAddress = 0;
  /** Linear address last translated, as two int32. */
  guestLinearLow = 0;
  guestLinearHigh = 0;

  constructor(memory: HostMemory, options: GuestMmuOptions = {}) {
    this.#memory = memory;
    this.#ept = new EptWalker(memory, options.physicalAddressWidth ?? 46);
    this.#guest = new GuestWalker(
      memory,
      (guestPhysical, access) => this.#toHost(guestPhysical, access),
      () => this.hostPage,
    );
  }

  configure(configuration: GuestMmuConfiguration): void {
    this.#usesEpt = configuration.eptPointer !== 0;
    this.#ept.configure(configuration.eptPointer);
    this.#pages = configuration.cr0 >>> 0 >= CR0_PG;
    this.#guest.configure(configuration, this.#usesEpt && this.#ept.tracksAccess);
  }

  /** Translates the page of a linear address (two int32) for one kind of access and ACCESS.user; a TRANSLATION. */
  translate(linearLow: number, linearHigh: number, access: number): number {
    this.guestLinearLow = linearLow;
    this.guestLinearHigh = linearHigh;
    let guestPhysical: number;
    let granted: number = ALL;
    if (this.#pages) {
      const result = this.#guest.walk(linearLow, linearHigh, access);
      if (result === PAGE_WALK.fault) {
        this.pageFaultErrorCode = this.#guest.errorCode;
        return TRANSLATION.pageFault;
      }
      if (result === PAGE_WALK.stop) {
        this.#qualify(EPT_VIOLATION.linearAddressValid);
        return TRANSLATION.stop;
      }
      guestPhysical = this.#guest.page;
      granted = this.#guest.permissions;
    } else {
      // Without paging linear addresses have 32 bits and are guest-physical (SDM Vol 3A, 4.1.1).
      guestPhysical = (linearLow & ~(PAGE - 1)) >>> 0;
    }
    if (this.#toHost(guestPhysical, access & ALL) === 0) {
      const offset = linearLow & (PAGE - 1);
      this.guestPhysicalAddress = guestPhysical + offset;
      this.#qualify(EPT_VIOLATION.linearAddressValid | EPT_VIOLATION.finalAddress);
      return TRANSLATION.stop;
    }
    this.guestPage = guestPhysical;
    this.permissions &= granted;
    return TRANSLATION.ok;
  }

  /** 1 with hostPage and permissions set, or 0 with the stop's fields set. */
  #toHost(guestPhysical: number, access: number): number {
    if (!this.#usesEpt) {
      if (guestPhysical + PAGE <= this.#memory.bytes) {
        this.hostPage = guestPhysical - (guestPhysical % PAGE);
        this.permissions = ALL;
        return 1;
      }
      return this.#stop(EPT_EXIT.violation, guestPhysical, access);
    }
    const reason = this.#ept.walk(guestPhysical, access);
    if (reason !== 0)
      return this.#stop(reason, guestPhysical, reason === EPT_EXIT.violation ? this.#ept.qualification : 0);
    this.hostPage = this.#ept.hostPage;
    this.permissions = this.#ept.permissions;
    return 1;
  }

  /** Only EPT violations have an exit qualification. */
  #qualify(bits: number): void {
    if (this.stopReason === EPT_EXIT.violation) this.qualification |= bits;
  }

  #stop(reason: number, guestPhysical: number, qualification: number): number {
    this.stopReason = reason;
    this.qualification = qualification;
    this.guestPhysicalAddress = guestPhysical;
    return 0;
  }
}
