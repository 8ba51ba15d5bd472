import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { CONTEXT, JUMP_CACHE, PAGE_MARKS, TLB } from "./context.ts";
import { LargePages } from "./large-pages.ts";
import { ACCESS, type EmittedMmu, MMIO_RESULT, MMU_RESULT, type Mmu } from "./mmu.ts";
import { STATUS } from "./status.ts";
import { STOP, type StopDetails } from "./stop.ts";
import { type TableLayout, TranslationTable } from "./translation-table.ts";
import { WritablePages } from "./writable-pages.ts";

const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const ALIGNMENT_CHECK = 17;

/**
 * As whom instructions access memory: at CPL 0 to 2, at CPL 3, at CPL 0 to 2 with RFLAGS.AC set where SMAP is on, and at
 * CPL 3 with alignment checks, where nothing is cached because every access is looked at.
 */
export const PRIVILEGE = { supervisor: 0, user: 1, supervisorWithAc: 2, aligned: 3 } as const;

const ACCESS_BITS: readonly number[] = [0, ACCESS.user, ACCESS.userAllowed, ACCESS.user];

/** How many PRIVILEGE has. */
export const PRIVILEGES = 4;
/** No PRIVILEGE. */
const NOBODY = -1;
const SMALL_PAGE = 4096;

/** So many translations are worth an emitted one, which takes a frame and a module. */
const EMITTED_AFTER = 64;

/** 256 pages at first, 16 MiB at most. */
const TLB_LAYOUT: TableLayout = {
  address: CONTEXT.tlb,
  mask: CONTEXT.tlbMask,
  banks: CONTEXT.tlbBanks,
  entryBytes: TLB.entryBytes,
  spare: TLB.spare,
  placesOf: (low) => [low >>> TLB.shift, (low + (SMALL_PAGE - 1)) >>> TLB.shift],
  fewest: 256,
  most: 4096,
};

const JUMP_CACHE_LAYOUT: TableLayout = {
  address: CONTEXT.jumpCache,
  mask: CONTEXT.jumpCacheMask,
  entryBytes: JUMP_CACHE.entryBytes,
  spare: JUMP_CACHE.spare,
  placesOf: (low) => [jumpCacheOffset(low), jumpCacheOffset(low)],
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
  readonly #largePages: LargePages;
  readonly #writable: WritablePages;
  /** Low bits of the linear page numbers that a jump cache may have blocks of: 1. */
  readonly #codePages: Uint8Array;
  /** What the instruction pointers in each privilege's jump cache mean: base and limit of CS, and the width of code. */
  readonly #codeBases: Int32Array = new Int32Array(PRIVILEGES);
  readonly #codeLimits: Int32Array = new Int32Array(PRIVILEGES);
  readonly #codeBits: Int32Array = new Int32Array(PRIVILEGES);
  /** The page that code was fetched from last, as long as that is known: its linear address, and for whom it was. */
  #fetchedLow = 0;
  #fetchedHigh = 0;
  #fetchedBy: number = NOBODY;
  /** Where it is, and bytes of the guest's page. */
  #fetchedHost = 0;
  #fetchedPageSize: number = SMALL_PAGE;
  /** Set while the processor itself accesses memory for an instruction: as a supervisor. */
  #implicit = false;
  #watch: DataWatch | undefined;
  /** Translations until the Mmu is asked whether it has an emitted one; negative afterwards. */
  #patience = EMITTED_AFTER;
  #emitted: EmittedMmu | undefined;
  /** Called once, when there is an emitted translation. */
  onEmitted: ((translate: EmittedMmu["translate"]) => void) | undefined;
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
    const marks = (at: number, bytes: number): Uint8Array => memory.u8.subarray(context + at, context + at + bytes);
    this.#largePages = new LargePages(marks(PAGE_MARKS.large, PAGE_MARKS.code - PAGE_MARKS.large));
    this.#codePages = marks(PAGE_MARKS.code, PAGE_MARKS.codePages);
    this.#entries = new TranslationTable(memory, context, TLB_LAYOUT);
    this.#jumpCache = new TranslationTable(memory, context, JUMP_CACHE_LAYOUT);
    this.#writable = new WritablePages(memory, this.#entries);
  }

  /** Pages that must not be in the TLB: those with data breakpoints. */
  get watch(): DataWatch | undefined {
    return this.#watch;
  }

  set watch(watch: DataWatch | undefined) {
    this.#watch = watch;
    this.#letRefill();
  }

  /** Says whether emitted code may fill the TLB itself, and as whom. */
  #letRefill(): void {
    const { i32 } = this.#memory;
    const isPlain = this.#watch === undefined && this.#privilege !== PRIVILEGE.aligned;
    i32[(this.#context + CONTEXT.mmuBlock) >> 2] = isPlain ? (this.#emitted?.block ?? 0) : 0;
    i32[(this.#context + CONTEXT.accessBits) >> 2] = ACCESS_BITS[this.#privilege] as number;
  }

  #askForEmitted(): void {
    this.#emitted = this.#mmu.emitted?.();
    if (this.#emitted === undefined) return;
    this.onEmitted?.(this.#emitted.translate);
    this.#letRefill();
  }

  dispose(): void {
    this.#entries.dispose();
    this.#jumpCache.dispose();
  }

  /** Forgets every translation and every known block. */
  flush(): void {
    this.#entries.flush();
    this.#jumpCache.flush();
    this.#largePages.clear();
    this.#codePages.fill(0);
    this.#fetchedBy = NOBODY;
    this.#mmu.forget?.();
  }

  /** Forgets what is cached of a page, all of it if it is larger than 4 KiB, and the known blocks there. */
  flushPage(low: number, high: number): void {
    if (this.#largePages.covers(low, high)) {
      this.flush();
      return;
    }
    this.#entries.forget(low >>> TLB.shift, low & ~0xfff, high);
    this.#fetchedBy = NOBODY;
    // Outside 64-bit mode the high half is 0 for instruction pointers and linear addresses alike.
    if (this.#codePages[codePage(low)] !== 0) this.#jumpCache.forgetPage(low, high, this.#codeBases);
  }

  /** Whether emitted code must not write a frame, for it holds decoded code; else it is noted that it may, by the page of an address. */
  refusesWrites(host: number, low: number): boolean {
    if (this.#memory.isWatched(host as HostPhysicalAddress)) return true;
    this.#writable.note(host, low);
    return false;
  }

  /** Forgets where a frame may be written: it holds decoded code from now on. */
  forgetWritable(host: number): void {
    this.#writable.forget(host);
  }

  /** Forgets a known block, whose code has changed. */
  forgetBlock(ripLow: number, block: number): void {
    this.#jumpCache.forgetHolding(jumpCacheOffset(ripLow), JUMP_CACHE.block, block);
  }

  /** Where code is now: known blocks of another code segment would be at another place, or of another width. */
  useCode(base: number, limit: number, bits: number): void {
    const privilege = this.#privilege;
    const isSame =
      this.#codeBases[privilege] === base &&
      this.#codeLimits[privilege] === limit &&
      this.#codeBits[privilege] === bits;
    if (isSame) return;
    this.#jumpCache.flushCurrent();
    this.#codeBases[privilege] = base;
    this.#codeLimits[privilege] = limit;
    this.#codeBits[privilege] = bits;
  }

  /**
   * Host address of an access of the guest that lies in one page, if it is cached; else 0. `tag`: TLB.read or TLB.write.
   */
  cached(tag: number, bytes: number, low: number, high: number): number {
    return this.#cachedFor(this.#privilege, tag, bytes, low, high);
  }

  /** The same for an access of the processor itself, which what is cached for a supervisor serves. */
  cachedImplicit(tag: number, bytes: number, low: number, high: number): number {
    return this.#cachedFor(PRIVILEGE.supervisor, tag, bytes, low, high);
  }

  #cachedFor(privilege: number, tag: number, bytes: number, low: number, high: number): number {
    const entry = this.#entries.seenBy(privilege, low >>> TLB.shift);
    const { i32 } = this.#memory;
    const inPage = low & 0xfff;
    const at = (entry + tag) >> 2;
    const isHit = entry !== 0 && i32[at] === low - inPage && i32[at + 1] === high && inPage + bytes <= 4096;
    return isHit ? (i32[(entry + TLB.host) >> 2] as number) + inPage : 0;
  }

  /** Changes as whom the guest accesses memory (PRIVILEGE.*). What was cached for the one before is kept for its return. */
  setPrivilege(privilege: number): void {
    if (privilege === this.#privilege) return;
    this.#entries.select(privilege);
    this.#jumpCache.select(privilege);
    this.#privilege = privilege;
    this.#letRefill();
  }

  /** The block known at an instruction pointer, or 0. */
  knownBlock(ripLow: number, ripHigh: number): number {
    const { i32 } = this.#memory;
    const offset = jumpCacheOffset(ripLow) & (i32[(this.#context + CONTEXT.jumpCacheMask) >> 2] as number);
    const entry = ((i32[(this.#context + CONTEXT.jumpCache) >> 2] as number) + offset) >> 2;
    return i32[entry] === ripLow && i32[entry + 1] === ripHigh ? (i32[entry + 2] as number) : 0;
  }

  /** Lets emitted code find a block that may be executed at an instruction pointer: the code that was fetched last. */
  keepBlock(ripLow: number, ripHigh: number, block: number): void {
    const linearLow = (ripLow + (this.#codeBases[this.#privilege] as number)) | 0;
    this.#codePages[codePage(linearLow)] = 1;
    if (this.#fetchedPageSize > SMALL_PAGE) this.#largePages.note(linearLow, ripHigh, this.#fetchedPageSize);
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

  /** What has stopped is no access of the guest: a STOP. */
  stopWith(kind: number): void {
    this.#stop.kind = kind;
  }

  /** A method: private accessors are slow in V8. */
  #accessBits(): number {
    return this.#implicit ? ACCESS.implicit : (ACCESS_BITS[this.#privilege] as number);
  }

  read(bytes: number, low: number, high: number): number {
    const wrong = this.#check(bytes, low, high);
    if (wrong !== 0) return wrong;
    const result = this.#access(bytes, low, high, ACCESS.read);
    if (result === 0) {
      const { u8, i32 } = this.#memory;
      const from = this.#context + CONTEXT.memoryValue;
      i32[from >> 2] = 0;
      i32[(from >> 2) + 1] = 0;
      for (let i = 0; i < bytes; i++) u8[from + i] = this.#scratch[i] as number;
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
    for (let i = 0; i < bytes; i++) this.#scratch[i] = this.#memory.u8[from + i] as number;
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
    if (host >= 0 && this.watch?.hasPage(low, high) !== true) this.#memory.i32[at] = host + (low & 0xfff);
    return host >= 0 || host === DEVICE ? 0 : -host;
  }

  /** Host address of the page that code at a linear address is fetched from, or the negative of a STATUS. */
  fetch(low: number, high: number): number {
    const page = low & ~0xfff;
    const isKnown = this.#fetchedLow === page && this.#fetchedHigh === high && this.#fetchedBy === this.#privilege;
    if (isKnown) return this.#fetchedHost;
    this.#fetchedBy = NOBODY;
    if (high >> 15 !== 0 && high >> 15 !== -1) {
      return -this.#badFetch();
    }
    const result = this.#mmu.translate(low, high, ACCESS.execute | this.#accessBits());
    if (result === MMU_RESULT.ok) {
      this.#fetchedPageSize = this.#mmu.pageSize ?? SMALL_PAGE;
      this.#fetchedLow = page;
      this.#fetchedHigh = high;
      this.#fetchedBy = this.#privilege;
      this.#fetchedHost = this.#mmu.hostPage;
      // For an INVLPG of emitted code to be told of it.
      this.#codePages[codePage(page)] = 1;
      if (this.#fetchedPageSize > SMALL_PAGE) this.#largePages.note(page, high, this.#fetchedPageSize);
      return this.#fetchedHost;
    }
    if (result === MMU_RESULT.pageFault) return -this.#pageFault(low, high, ACCESS.execute | this.#accessBits());
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
    if (first < 0 && first !== DEVICE) return -first;
    const nextLow = ((low & ~0xfff) + 4096) | 0;
    const nextHigh = nextLow === 0 ? (high + 1) | 0 : high;
    const second = (low & 0xfff) + bytes > 4096 ? this.#translate(nextLow, nextHigh, ACCESS.write) : DEVICE;
    return second >= 0 || second === DEVICE ? 0 : -second;
  }

  /** Reads or writes `#scratch`. */
  #access(bytes: number, low: number, high: number, access: number): number {
    if ((low & 0xfff) + bytes > 4096) return this.#accessPages(bytes, low, high, access);
    const host = this.#translate(low, high, access);
    if (host < 0) return this.#accessNoPage(host, bytes, low, access);
    // Byte by byte: a view for so little would cost more than all the rest.
    const { u8 } = this.#memory;
    const from = host + (low & 0xfff);
    if (access === ACCESS.write) for (let i = 0; i < bytes; i++) u8[from + i] = this.#scratch[i] as number;
    else for (let i = 0; i < bytes; i++) this.#scratch[i] = u8[from + i] as number;
    return 0;
  }

  #accessNoPage(host: number, bytes: number, low: number, access: number): number {
    if (host !== DEVICE) return -host;
    return this.#device(this.#mmu.guestPage + (low & 0xfff), this.#scratch.subarray(0, bytes), access);
  }

  #accessPages(bytes: number, low: number, high: number, access: number): number {
    let done = 0;
    let at = low;
    let atHigh = high;
    while (done < bytes) {
      const count = Math.min(bytes - done, 4096 - (at & 0xfff));
      const host = this.#translate(at, atHigh, access);
      const part = this.#scratch.subarray(done, done + count);
      if (host >= 0) {
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

  /** Host page for a data access, 0 or more; DEVICE; or the negative of a STATUS. Fills the TLB. */
  #translate(low: number, high: number, access: number): number {
    if (--this.#patience === 0) this.#askForEmitted();
    const result = this.#mmu.translate(low, high, access | this.#accessBits());
    if (result === MMU_RESULT.mmio) return DEVICE;
    if (result === MMU_RESULT.pageFault) return -this.#pageFault(low, high, access | this.#accessBits());
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
    const privilege = this.#implicit ? PRIVILEGE.supervisor : this.#privilege;
    const isUnfit = host === 0 || privilege === PRIVILEGE.aligned || this.watch?.hasPage(low, high) === true;
    // Emitted code takes the host address 0 for none.
    if (isUnfit) return host;
    const pageSize = this.#mmu.pageSize ?? SMALL_PAGE;
    if (pageSize > SMALL_PAGE) this.#largePages.note(low, high, pageSize);
    const isWritable = !watched && (this.#mmu.permissions & ACCESS.write) !== 0;
    this.#fill(privilege, low, high, host, isWritable ? "writable" : "read-only");
    return host;
  }

  #fill(privilege: number, low: number, high: number, host: number, kind: "writable" | "read-only"): void {
    const entry = this.#entries.entryOf(privilege, low >>> TLB.shift) >> 2;
    if (entry === 0) return;
    const { i32 } = this.#memory;
    const page = low & ~0xfff;
    i32[entry] = page;
    i32[entry + 1] = high;
    // A tag that is looked for in another entry: that of the page with all bits of its number turned round.
    i32[entry + 2] = kind === "writable" ? page : ~page & -SMALL_PAGE;
    i32[entry + 3] = kind === "writable" ? high : ~high;
    i32[entry + 4] = host;
    if (kind === "writable") this.#writable.note(host, low);
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

  /** What emitted code is told about an access that has ended with a status: page faults it may deliver itself. */
  tell(status: number): number {
    if (status !== STATUS.stopped || this.#stop.kind !== STOP.exception || this.#stop.vector !== PAGE_FAULT)
      return status;
    const { i32 } = this.#memory;
    i32[(this.#context + CONTEXT.stopDetail) >> 2] = this.#stop.errorCode;
    i32[(this.#context + CONTEXT.linear) >> 2] = this.faultLow;
    i32[(this.#context + CONTEXT.linear + 4) >> 2] = this.faultHigh;
    i32[(this.#context + CONTEXT.faultAccess) >> 2] = this.#faultAccess;
    return STATUS.pageFault;
  }

  /** STATUS.pageFault, which emitted code has not delivered, as the STATUS that every other stop of an access is. */
  stopAtPageFault(): number {
    const { i32 } = this.#memory;
    const low = i32[(this.#context + CONTEXT.linear) >> 2] as number;
    const high = i32[(this.#context + CONTEXT.linear + 4) >> 2] as number;
    const access = i32[(this.#context + CONTEXT.faultAccess) >> 2] as number;
    // Emitted translations tell the Mmu nothing, which is asked for the details.
    this.#mmu.translate(low, high, access);
    return this.#pageFault(low, high, access);
  }
}

const jumpCacheOffset = (ripLow: number): number => Math.imul(ripLow, JUMP_CACHE.factor) >>> JUMP_CACHE.shift;

const codePage = (linearLow: number): number => (linearLow >>> 12) & (PAGE_MARKS.codePages - 1);

/** Distinguishes device memory from host pages (>= 0) and statuses (<= -2). */
const DEVICE = -1;
