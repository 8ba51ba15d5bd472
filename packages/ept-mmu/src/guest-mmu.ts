import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { ACCESS, AccessRights, kindsOf, PTE } from "./access-rights.ts";
import { isCanonical } from "./address.ts";
import { EmittedWalk, reserveBlock } from "./emitted-walk.ts";
import { EPT_CAPABILITY, EPT_VIOLATION } from "./ept-entry.ts";
import { ALL_EPT_PAGES } from "./ept-walk.ts";
import { AT_PAGE, AT_PAGING_STRUCTURE, GuestPhysical } from "./guest-physical.ts";
import { GuestWalker, PAGE_WALK } from "./guest-walk.ts";
import { invalidatedByInvlpg, invalidatedByInvpcid, invalidatedByMovToCr3, pcidOf } from "./invalidation.ts";
import { CR4, PAGING_MODE, type PagingRegisters, pagingModeOf } from "./paging-registers.ts";
import { PdpteRegisters } from "./pdpte-registers.ts";

/** What `translate` returns; cpu-executor's numbers. */
export const TRANSLATION = {
  ok: 0,
  pageFault: 1,
  /** EPT violation or misconfiguration. */
  stop: 2,
  /** In 4-level paging: the address is not canonical, which is #SS(0) for the stack segment and #GP(0) for the others. */
  nonCanonical: 4,
} as const;

/** What translation depends on, PKRU and the PDPTE registers excepted. */
export interface GuestMmuConfiguration extends PagingRegisters {
  /** 0: no EPT, guest-physical addresses are host-physical. */
  readonly eptPointer: number;
}

export interface GuestMmuOptions {
  /** MAXPHYADDR, 36..52: bits above it are reserved in every entry. 46 when absent. */
  readonly physicalAddressWidth?: number;
  /**
   * Bits 31:0 of IA32_VMX_EPT_VPID_CAP: execute-only entries (bit 0), pages of 2 MiB (16) and 1 GiB (17), and bits 9 to 11
   * of the exit qualification (22). When absent, the first three.
   */
  readonly eptCapabilities?: number;
  /**
   * "kept": guest-physical translations are kept until `forget`, as processors do (SDM Vol 3C, 28.4.1): whoever changes EPT
   * entries that were present then calls it, or drops the processor's translations, which does. "walked", when absent: they are
   * found anew each time.
   */
  readonly guestPhysical?: "kept" | "walked";
}

const DEFAULT_WIDTH = 46;
const PAGE = 4096;

/**
 * The two translations that a guest access goes through: linear to guest-physical, then guest-physical to
 * host-physical by the EPT. `translate` is what a processor calls on a soft-TLB miss; it allocates nothing and leaves
 * its results in fields.
 */
export class GuestMmu {
  readonly #physical: GuestPhysical;
  readonly #rights: AccessRights = new AccessRights();
  readonly #pdptes: PdpteRegisters;
  readonly #walker: GuestWalker;
  readonly #hasAdvancedInformation: boolean;
  #mode: number = PAGING_MODE.none;
  #cr4 = 0;
  readonly #memory: HostMemory;
  /** For the emitted walk, from the start: what a processor does must not change how many frames it has. */
  #emittedBlock: HostPhysicalAddress | undefined;
  readonly #width: number;
  #configuration: GuestMmuConfiguration | undefined;
  #emitted: EmittedWalk | undefined;
  #guestPageLow = 0;
  #guestPageHigh = 0;
  /** Host-physical address of the 4 KiB page last translated. */
  hostPage = 0;
  /** ACCESS bits that the page grants to accesses with the privilege of the last one, until `configure` or `pkru` changes. */
  permissions = 0;
  /** Bytes of the guest's page that the last one is a part of: what INVLPG invalidates together. */
  pageSize: number = PAGE;
  /** The page last translated belongs to every PCID (SDM Vol 3A, 4.10.2.4). */
  isGlobal = false;
  /** The PCID that translations belong to. */
  pcid = 0;
  /** Error code of the last page fault (SDM Vol 3A, 4.7). */
  pageFaultErrorCode = 0;
  /** Linear address last translated, as two int32: CR2 of a page fault. Outside 4-level paging its high half is 0. */
  guestLinearLow = 0;
  guestLinearHigh = 0;

  constructor(memory: HostMemory, options: GuestMmuOptions = {}) {
    const width = options.physicalAddressWidth ?? DEFAULT_WIDTH;
    const capabilities = options.eptCapabilities ?? ALL_EPT_PAGES;
    this.#memory = memory;
    this.#width = width;
    if (options.guestPhysical === "kept") this.#emittedBlock = reserveBlock(memory);
    this.#hasAdvancedInformation = (capabilities & EPT_CAPABILITY.advancedInformation) !== 0;
    this.#physical = new GuestPhysical(memory, width, capabilities, options.guestPhysical ?? "walked");
    this.#pdptes = new PdpteRegisters(memory, this.#physical, width);
    this.#walker = new GuestWalker(memory, this.#physical, this.#rights, this.#pdptes.halves, width);
  }

  /** Guest-physical address of the 4 KiB page last translated. */
  get guestPage(): number {
    return this.#guestPageHigh * 2 ** 32 + (this.#guestPageLow >>> 0);
  }

  /** Basic exit reason of the last stop: 48 EPT violation, 49 EPT misconfiguration. */
  get stopReason(): number {
    return this.#physical.stopReason;
  }

  /** Exit qualification of the last stop, 0 for a misconfiguration. */
  get qualification(): number {
    return this.#physical.qualification;
  }

  /** Guest-physical address of the last stop. */
  get guestPhysicalAddress(): number {
    return this.#physical.stopAddress;
  }

  /** PKRU, the rights of protection keys. */
  get pkru(): number {
    return this.#rights.pkru;
  }

  set pkru(value: number) {
    this.#rights.pkru = value;
  }

  configure(configuration: GuestMmuConfiguration): void {
    this.#mode = pagingModeOf(configuration);
    this.#cr4 = configuration.cr4;
    this.pcid = pcidOf(configuration.cr3Low, configuration.cr4);
    this.#physical.configure(configuration.eptPointer);
    this.#rights.configure(configuration);
    this.#walker.configure(configuration);
    this.#configuration = configuration;
    this.#emitted?.configure(configuration, this.#width, this.#physical.entryAccess);
  }

  /**
   * `translate` as WebAssembly, for emitted code to call, in an instance of its own; made when it is first asked for. Undefined
   * without translations that are kept, and where the arena had no frame for it.
   */
  emitted(): EmittedWalk | undefined {
    if (this.#emitted !== undefined || this.#emittedBlock === undefined) return this.#emitted;
    const emitted = new EmittedWalk(this.#memory, this.#emittedBlock);
    this.#physical.keepIn(emitted.kept);
    if (this.#configuration !== undefined)
      emitted.configure(this.#configuration, this.#width, this.#physical.entryAccess);
    this.#emitted = emitted;
    return emitted;
  }

  /** Gives back the frame of the emitted walk, which must not be called any more. */
  dispose(): void {
    if (this.#emitted !== undefined) this.#physical.keepIn(new Int32Array(this.#emitted.kept.length));
    if (this.#emittedBlock !== undefined) this.#memory.releaseFrame(this.#emittedBlock);
    this.#emitted = undefined;
    this.#emittedBlock = undefined;
  }

  /** Drops what is kept of guest-physical translations. */
  forget(): void {
    this.#physical.forget();
  }

  /** Translates the page of a linear address (two int32) for one kind of access with its privilege (ACCESS bits); a TRANSLATION. */
  translate(linearLow: number, linearHigh: number, access: number): number {
    this.guestLinearLow = linearLow;
    const kind = kindsOf(access);
    if (this.#mode === PAGING_MODE.none) return this.#translateUnpaged(linearLow, kind);
    const isLevel4 = this.#mode === PAGING_MODE.level4;
    this.guestLinearHigh = isLevel4 ? linearHigh : 0;
    if (isLevel4 && !isCanonical(linearHigh)) return TRANSLATION.nonCanonical;
    const walker = this.#walker;
    const result = walker.walk(linearLow, linearHigh, access);
    if (result === PAGE_WALK.fault) {
      this.pageFaultErrorCode = walker.errorCode;
      return TRANSLATION.pageFault;
    }
    if (result === PAGE_WALK.stop) {
      this.#physical.qualify(AT_PAGING_STRUCTURE);
      return TRANSLATION.stop;
    }
    const physical = this.#physical;
    if (!physical.translate(walker.pageLow | (linearLow & (PAGE - 1)), walker.pageHigh, kind)) {
      physical.qualify(AT_PAGE | this.#advanced(walker.entries, walker.executable));
      return TRANSLATION.stop;
    }
    this.hostPage = physical.hostPage;
    this.#guestPageLow = walker.pageLow;
    this.#guestPageHigh = walker.pageHigh;
    this.permissions = physical.permissions & walker.permissions;
    this.pageSize = walker.pageSize;
    this.isGlobal = (walker.global & PTE.global) !== 0 && (this.#cr4 & CR4.pge) !== 0;
    return TRANSLATION.ok;
  }

  /** Without paging, linear addresses have 32 bits and are guest-physical (SDM Vol 3A, 4.1.1). */
  #translateUnpaged(linearLow: number, kind: number): number {
    this.guestLinearHigh = 0;
    const physical = this.#physical;
    if (!physical.translate(linearLow, 0, kind)) {
      // Without paging every page is a user's, writable and executable.
      physical.qualify(AT_PAGE | this.#advanced(PTE.user | PTE.write, ACCESS.execute));
      return TRANSLATION.stop;
    }
    this.hostPage = physical.hostPage;
    this.#guestPageLow = linearLow & ~(PAGE - 1);
    this.#guestPageHigh = 0;
    this.permissions = physical.permissions;
    this.pageSize = PAGE;
    this.isGlobal = false;
    return TRANSLATION.ok;
  }

  /** Bits 9 to 11 of the qualification (SDM Vol 3C, table 28-7). */
  #advanced(entries: number, executable: number): number {
    if (!this.#hasAdvancedInformation) return 0;
    return (
      ((entries & PTE.user) !== 0 ? EPT_VIOLATION.userPage : 0) |
      ((entries & PTE.write) !== 0 ? EPT_VIOLATION.writablePage : 0) |
      (executable === 0 ? EPT_VIOLATION.executeDisablePage : 0)
    );
  }

  /**
   * Loads the PDPTE registers of PAE paging from memory, as MOV to CR3, and MOV to CR0 and CR4 when they turn PAE paging on
   * or change CD, NW, PGE, PSE or SMEP, do before anything else (SDM Vol 3A, 4.4.1). A PDPTE_LOAD; the registers
   * change only with `ok`. A stop leaves its details as `translate` does, without a linear address.
   */
  loadPdptes(cr3Low: number): number {
    return this.#pdptes.load(cr3Low);
  }

  /** A PDPTE register's half 0..7: low and high of each of the four, as int32. VM entry and exit move them from and to the VMCS. */
  pdpteHalf(index: number): number {
    return this.#pdptes.halves[index] as number;
  }

  setPdpteHalf(index: number, value: number): void {
    this.#pdptes.halves[index] = value;
  }

  /** What MOV to CR3 invalidates, an INVALIDATION; `operandHigh` is the operand's high half as int32. */
  movToCr3(operandHigh: number): number {
    return invalidatedByMovToCr3(operandHigh, this.#cr4);
  }

  /** What INVLPG of a linear address invalidates, an INVALIDATION. */
  invlpg(linearHigh: number): number {
    return this.#mode === PAGING_MODE.level4 ? invalidatedByInvlpg(linearHigh) : invalidatedByInvlpg(0);
  }

  /** What INVPCID invalidates, an INVALIDATION; see `invalidatedByInvpcid`. */
  invpcid(type: number, pcidLow: number, pcidHigh: number, linearHigh: number): number {
    return invalidatedByInvpcid(type, pcidLow, pcidHigh, linearHigh, this.#cr4);
  }
}
