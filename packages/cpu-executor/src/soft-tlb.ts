import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { CONTEXT, JUMP_CACHE, TLB } from "./context.ts";
import { ACCESS, MMIO_RESULT, MMU_RESULT, type Mmu } from "./mmu.ts";
import { STATUS } from "./status.ts";
import { STOP, type StopDetails } from "./stop.ts";

const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;

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
  /** ACCESS bits of the guest's privilege: `user` at CPL 3, else `userAllowed` while EFLAGS.AC is set. A change needs a flush. */
  privilege = 0;
  /** Linear address of the last page fault, low and high. */
  faultLow = 0;
  faultHigh = 0;
  /** Host address of the page whose decoded code the last refused write would have changed. */
  codePage = 0;

  constructor(memory: HostMemory, mmu: Mmu, context: number, stop: StopDetails) {
    this.#memory = memory;
    this.#mmu = mmu;
    this.#context = context;
    this.#stop = stop;
    this.flush();
  }

  /** Forgets every translation and every known block. */
  flush(): void {
    const from = this.#context + TLB.read;
    this.#memory.u8.fill(
      TLB.invalidByte,
      from,
      this.#context + JUMP_CACHE.offset + JUMP_CACHE.entries * JUMP_CACHE.entryBytes,
    );
  }

  read(bytes: number, low: number, high: number): number {
    const result = this.#access(bytes, low, high, ACCESS.read);
    if (result === 0) {
      const from = this.#context + CONTEXT.memoryValue;
      this.#memory.u8.fill(0, from, from + 8);
      this.#memory.u8.set(this.#scratch.subarray(0, bytes), from);
    }
    return result;
  }

  write(bytes: number, low: number, high: number): number {
    const from = this.#context + CONTEXT.memoryValue;
    this.#scratch.set(this.#memory.u8.subarray(from, from + bytes));
    const crosses = (low & 0xfff) + bytes > 4096;
    if (crosses) {
      // Both pages must be writable before either changes.
      const status = this.#probePages(bytes, low, high);
      if (status !== 0) return status;
    }
    return this.#access(bytes, low, high, ACCESS.write);
  }

  /** Makes sure that writing cannot fail; sets CONTEXT.probedHost. */
  probe(bytes: number, low: number, high: number): number {
    const at = (this.#context + CONTEXT.probedHost) >> 2;
    this.#memory.i32[at] = 0;
    if ((low & 0xfff) + bytes > 4096) return this.#probePages(bytes, low, high);
    const host = this.#translate(low, high, ACCESS.write);
    if (host > 0) this.#memory.i32[at] = host + (low & 0xfff);
    return host > 0 || host === DEVICE ? 0 : -host;
  }

  /** Host address of the page that code at a linear address is fetched from, or the negative of a STATUS. */
  fetch(low: number, high: number): number {
    const result = this.#mmu.translate(low, high, ACCESS.execute | this.privilege);
    if (result === MMU_RESULT.ok) return this.#mmu.hostPage;
    if (result === MMU_RESULT.pageFault) return -this.#pageFault(low, high);
    if (result === MMU_RESULT.nonCanonical) return -this.#nonCanonical();
    // Code in device memory cannot be executed: the hypervisor must act.
    this.#stop.kind = result === MMU_RESULT.mmio ? STOP.mmio : STOP.mmu;
    return -STATUS.stopped;
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
    const result = this.#mmu.translate(low, high, access | this.privilege);
    if (result === MMU_RESULT.mmio) return DEVICE;
    if (result === MMU_RESULT.pageFault) return -this.#pageFault(low, high);
    if (result === MMU_RESULT.nonCanonical) return -this.#nonCanonical();
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
    this.#fill(TLB.read, low, high, host);
    if (!watched && (this.#mmu.permissions & ACCESS.write) !== 0) this.#fill(TLB.write, low, high, host);
    return host;
  }

  #fill(table: number, low: number, high: number, host: number): void {
    const entry = (this.#context + table + (((low >>> 12) & (TLB.entries - 1)) << 4)) >> 2;
    const { i32 } = this.#memory;
    i32[entry] = low & ~0xfff;
    i32[entry + 1] = high;
    i32[entry + 2] = host;
  }

  #nonCanonical(): number {
    this.#stop.kind = STOP.exception;
    this.#stop.vector = GENERAL_PROTECTION;
    this.#stop.errorCode = 0;
    return STATUS.stopped;
  }

  #pageFault(low: number, high: number): number {
    this.#stop.kind = STOP.exception;
    this.#stop.vector = PAGE_FAULT;
    this.#stop.errorCode = this.#mmu.pageFaultErrorCode;
    this.faultLow = low;
    this.faultHigh = high;
    return STATUS.stopped;
  }
}

/** Distinguishes device memory from host pages (> 0) and statuses (<= -2). */
const DEVICE = -1;
