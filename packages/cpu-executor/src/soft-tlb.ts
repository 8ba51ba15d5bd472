import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { CONTEXT, JUMP_CACHE, TLB } from "./context.ts";
import { ACCESS, MMIO_RESULT, MMU_RESULT, type Mmu } from "./mmu.ts";
import { STATUS } from "./status.ts";
import { STOP, type StopDetails } from "./stop.ts";
import { type TableLayout, TranslationTable } from "./translation-table.ts";

const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const ALIGNMENT_CHECK = 17;

/**
 * As whom instructions access memory: at CPL 0 to 2, at CPL 3, at CPL 0 to 2 with RFLAGS.AC set where SMAP is on, and at
 * CPL 3 with alignment checks, where nothing is cached because every access is looked at.
 */
export const PRIVILEGE = { supervisor: 0, user: 1, supervisorWithAc: 2, aligned: 3 } as const;

const ACCESS_BITS: readonly number[] = [0, ACCESS.user, ACCESS.userAllowed, ACCESS.user];

/** 256 pages at first, 16 MiB at most. */
const TLB_LAYOUT: TableLayout = {
  address: CONTEXT.tlb,
  mask: CONTEXT.tlbMask,
  entryBytes: TLB.entryBytes,
  fewest: 256,
  most: 4096,
};

const JUMP_CACHE_LAYOUT: TableLayout = {
  address: CONTEXT.jumpCache,
  mask: CONTEXT.jumpCacheMask,
  entryBytes: JUMP_CACHE.entryBytes,
  fewest: 256,
  most: 16384,
};

export interface PageFault {
  readonly low: number;
  readonly high: number;
  readonly access: number;
}

/** Data breakpoints, as the slow path sees them. */
export interface DataWatch {
  /** The page holds a byte that is watched. */
  hasPage(linearLow: number, linearHigh: number): boolean;
  /** An access has happened. */
  access(bytes: number, linearLow: number, linearHigh: number, kind: number): void;
}

/**
 * The slow memory path: fills the soft TLB, and carries out the accesses that the TLB must not serve: those that cross a
 * page, reach device memory, or write a frame that holds decoded code. Everything returns a STATUS, or 0 when done.
 */
export class SoftTlb {
  readonly #memory: HostMemory;
  readonly #mmu: Mmu;
  readonly #context: number;
  readonly #stop: StopDetails;
  readonly #scratch: Uint8Array = new Uint8Array(16);
  /** PRIVILEGE.*: as whom the guest's instructions access memory. */
  #privilege: number = PRIVILEGE.supervisor;
  readonly #entries: TranslationTable;
  /** From instruction pointer to block: what may be executed depends on the privilege as what may be read does. */
  readonly #jumpCache: TranslationTable;
  /** Set while the processor itself accesses memory for an instruction: as a supervisor, and without filling the TLB. */
  #implicit = false;
  /** Pages that must not be in the TLB: those with data breakpoints. Returns true for an access that may hit one. */
  watch: DataWatch | undefined;
  /** Linear address of the last page fault, low and high, and the access that it was. */
  faultLow = 0;
  faultHigh = 0;
  #faultAccess = 0;
  /** Host address of the page whose decoded code the last refused write would have changed. */
  codePage = 0;

  constructor(memory: HostMemory, mmu: Mmu, context: number, stop: StopDetails) {
    this.#memory = memory;
    this.#mmu = mmu;
    this.#context = context;
    this.#stop = stop;
    this.#entries = new TranslationTable(memory, context, TLB_LAYOUT);
    this.#jumpCache = new TranslationTable(memory, context, JUMP_CACHE_LAYOUT);
  }

  dispose(): void {
    this.#entries.dispose();
    this.#jumpCache.dispose();
  }

  /** Forgets every translation and every known block. */
  flush(): void {
    this.#entries.flush();
    this.#jumpCache.flush();
  }

  /** Forgets every known block. */
  flushBlocks(): void {
    this.#jumpCache.flush();
  }

  /** Changes as whom the guest accesses memory (PRIVILEGE.*). What was cached for the one before is kept for its return. */
  setPrivilege(privilege: number): void {
    if (privilege === this.#privilege) return;
    this.#entries.select(privilege);
    this.#jumpCache.select(privilege);
    this.#privilege = privilege;
  }

  /** The block known at an instruction pointer, or 0. */
  knownBlock(ripLow: number, ripHigh: number): number {
    const { i32 } = this.#memory;
    const offset = jumpCacheOffset(ripLow) & (i32[(this.#context + CONTEXT.jumpCacheMask) >> 2] as number);
    const entry = ((i32[(this.#context + CONTEXT.jumpCache) >> 2] as number) + offset) >> 2;
    return i32[entry] === ripLow && i32[entry + 1] === ripHigh ? (i32[entry + 2] as number) : 0;
  }

  /** Lets emitted code find a block that may be executed at an instruction pointer. */
  keepBlock(ripLow: number, ripHigh: number, block: number): void {
    const entry = this.#jumpCache.entryFor(jumpCacheOffset(ripLow)) >> 2;
    const { i32 } = this.#memory;
    i32[entry] = ripLow;
    i32[entry + 1] = ripHigh;
    i32[entry + 2] = block;
  }

  /** Reads or writes as the processor itself does for descriptors, TSS and stacks: CPL 0 whatever the guest runs at. */
  readImplicit(bytes: number, low: number, high: number): number {
    this.#implicit = true;
    const status = this.read(bytes, low, high);
    this.#implicit = false;
    return status;
  }

  writeImplicit(bytes: number, low: number, high: number): number {
    this.#implicit = true;
    const status = this.write(bytes, low, high);
    this.#implicit = false;
    return status;
  }

  /** True when the last STATUS.stopped was the Mmu's stop and no exception of the guest. */
  get isStoppedByMmu(): boolean {
    return this.#stop.kind !== STOP.exception;
  }

  get #accessBits(): number {
    return this.#implicit ? ACCESS.implicit : (ACCESS_BITS[this.#privilege] as number);
  }

  read(bytes: number, low: number, high: number): number {
    const wrong = this.#check(bytes, low, high);
    if (wrong !== 0) return wrong;
    const result = this.#access(bytes, low, high, ACCESS.read);
    if (result === 0) {
      const from = this.#context + CONTEXT.memoryValue;
      this.#memory.u8.fill(0, from, from + 8);
      this.#memory.u8.set(this.#scratch.subarray(0, bytes), from);
      if (!this.#implicit) this.watch?.access(bytes, low, high, ACCESS.read);
    }
    return result;
  }

  /** Canonical and, where alignment is checked, aligned; else a STATUS. */
  #check(bytes: number, low: number, high: number): number {
    // Above bit 47 all bits are the same. A compatibility-mode address has none.
    if (high >> 15 !== 0 && high >> 15 !== -1) {
      this.faultLow = low;
      this.faultHigh = high;
      return STATUS.nonCanonical;
    }
    if (this.#privilege !== PRIVILEGE.aligned || this.#implicit || (low & (bytes - 1)) === 0) return 0;
    this.#stop.kind = STOP.exception;
    this.#stop.vector = ALIGNMENT_CHECK;
    this.#stop.errorCode = 0;
    return STATUS.stopped;
  }

  write(bytes: number, low: number, high: number): number {
    const wrong = this.#check(bytes, low, high);
    if (wrong !== 0) return wrong;
    const from = this.#context + CONTEXT.memoryValue;
    this.#scratch.set(this.#memory.u8.subarray(from, from + bytes));
    const crosses = (low & 0xfff) + bytes > 4096;
    if (crosses) {
      // Both pages must be writable before either changes.
      const status = this.#probePages(bytes, low, high);
      if (status !== 0) return status;
    }
    const status = this.#access(bytes, low, high, ACCESS.write);
    if (status === 0 && !this.#implicit) this.watch?.access(bytes, low, high, ACCESS.write);
    return status;
  }

  /** Makes sure that writing cannot fail; sets CONTEXT.probedHost. */
  probe(bytes: number, low: number, high: number): number {
    const at = (this.#context + CONTEXT.probedHost) >> 2;
    this.#memory.i32[at] = 0;
    const wrong = this.#check(bytes, low, high);
    if (wrong !== 0) return wrong;
    if ((low & 0xfff) + bytes > 4096) return this.#probePages(bytes, low, high);
    const host = this.#translate(low, high, ACCESS.write);
    if (host > 0 && this.watch?.hasPage(low, high) !== true) this.#memory.i32[at] = host + (low & 0xfff);
    return host > 0 || host === DEVICE ? 0 : -host;
  }

  /** Host address of the page that code at a linear address is fetched from, or the negative of a STATUS. */
  fetch(low: number, high: number): number {
    if (high >> 15 !== 0 && high >> 15 !== -1) {
      return -this.#badFetch();
    }
    const result = this.#mmu.translate(low, high, ACCESS.execute | this.#accessBits);
    if (result === MMU_RESULT.ok) return this.#mmu.hostPage;
    if (result === MMU_RESULT.pageFault) return -this.#pageFault(low, high, ACCESS.execute | this.#accessBits);
    if (result === MMU_RESULT.nonCanonical) return -this.#badFetch();
    // Code in device memory cannot be executed: the hypervisor must act.
    this.#stop.kind = result === MMU_RESULT.mmio ? STOP.mmio : STOP.mmu;
    return -STATUS.stopped;
  }

  #badFetch(): number {
    this.#stop.kind = STOP.exception;
    this.#stop.vector = GENERAL_PROTECTION;
    this.#stop.errorCode = 0;
    return STATUS.stopped;
  }

  #probePages(bytes: number, low: number, high: number): number {
    const first = this.#translate(low, high, ACCESS.write);
    if (first <= 0 && first !== DEVICE) return -first;
    const nextLow = ((low & ~0xfff) + 4096) | 0;
    const nextHigh = nextLow === 0 ? (high + 1) | 0 : high;
    const second = (low & 0xfff) + bytes > 4096 ? this.#translate(nextLow, nextHigh, ACCESS.write) : DEVICE;
    return second > 0 || second === DEVICE ? 0 : -second;
  }

  /** Reads or writes `#scratch`, page by page. */
  #access(bytes: number, low: number, high: number, access: number): number {
    let done = 0;
    let at = low;
    let atHigh = high;
    while (done < bytes) {
      const count = Math.min(bytes - done, 4096 - (at & 0xfff));
      const host = this.#translate(at, atHigh, access);
      const part = this.#scratch.subarray(done, done + count);
      if (host > 0) {
        const from = host + (at & 0xfff);
        if (access === ACCESS.write) this.#memory.u8.set(part, from);
        else part.set(this.#memory.u8.subarray(from, from + count));
      } else if (host === DEVICE) {
        const status = this.#device(this.#mmu.guestPage + (at & 0xfff), part, access);
        if (status !== 0) return status;
      } else {
        return -host;
      }
      done += count;
      const next = (at + count) | 0;
      if (next >>> 0 < at >>> 0) atHigh = (atHigh + 1) | 0;
      at = next;
    }
    return 0;
  }

  /** Device memory must answer an instruction that starts again as it did before. */
  restartDevices(): void {
    this.#mmu.mmioRestart?.();
  }

  #device(guestPhysical: number, data: Uint8Array, access: number): number {
    const result =
      access === ACCESS.write
        ? this.#mmu.mmioWrite?.(guestPhysical, data.length, data)
        : this.#mmu.mmioRead?.(guestPhysical, data.length, data);
    if (result === MMIO_RESULT.done) return 0;
    this.#stop.kind = STOP.mmio;
    return STATUS.stopped;
  }

  /** Host page for a data access; 0 < page; DEVICE; or the negative of a STATUS. Fills the TLB. */
  #translate(low: number, high: number, access: number): number {
    const result = this.#mmu.translate(low, high, access | this.#accessBits);
    if (result === MMU_RESULT.mmio) return DEVICE;
    if (result === MMU_RESULT.pageFault) return -this.#pageFault(low, high, access | this.#accessBits);
    if (result === MMU_RESULT.nonCanonical) {
      this.faultLow = low;
      this.faultHigh = high;
      return -STATUS.nonCanonical;
    }
    if (result !== MMU_RESULT.ok) {
      this.#stop.kind = STOP.mmu;
      return -STATUS.stopped;
    }
    const host = this.#mmu.hostPage;
    const watched = this.#memory.isWatched(host as HostPhysicalAddress);
    if (access === ACCESS.write && watched) {
      this.codePage = host;
      return -STATUS.codeWrite;
    }
    if (this.#implicit || this.#privilege === PRIVILEGE.aligned || this.watch?.hasPage(low, high) === true) return host;
    this.#fill(low, high, host, !watched && (this.#mmu.permissions & ACCESS.write) !== 0 ? "writable" : "read-only");
    return host;
  }

  #fill(low: number, high: number, host: number, kind: "writable" | "read-only"): void {
    const entry = this.#entries.entryFor(low >>> TLB.shift) >> 2;
    const { i32 } = this.#memory;
    const page = low & ~0xfff;
    i32[entry] = page;
    i32[entry + 1] = high;
    i32[entry + 2] = kind === "writable" ? page : NO_PAGE;
    i32[entry + 3] = kind === "writable" ? high : NO_PAGE;
    i32[entry + 4] = host;
  }

  /** A page fault, as something that asks the Mmu for it again finds it. */
  pageFault(): PageFault {
    return { low: this.faultLow, high: this.faultHigh, access: this.#faultAccess };
  }

  /** Has the Mmu report a page fault once more, after it has translated other addresses in between. */
  reportAgain(fault: PageFault): void {
    this.#mmu.translate(fault.low, fault.high, fault.access);
    this.faultLow = fault.low;
    this.faultHigh = fault.high;
  }

  #pageFault(low: number, high: number, access: number): number {
    this.#faultAccess = access;
    this.#stop.kind = STOP.exception;
    this.#stop.vector = PAGE_FAULT;
    this.#stop.errorCode = this.#mmu.pageFaultErrorCode;
    this.faultLow = low;
    this.faultHigh = high;
    return STATUS.stopped;
  }
}

const jumpCacheOffset = (ripLow: number): number => Math.imul(ripLow, JUMP_CACHE.factor) >>> JUMP_CACHE.shift;

/** Half of a tag that no canonical address matches. */
const NO_PAGE = 0x7f7f7f7f;

/** Distinguishes device memory from host pages (> 0) and statuses (<= -2). */
const DEVICE = -1;
