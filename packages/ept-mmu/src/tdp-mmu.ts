import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { EPT_PTE } from "./ept-entry.ts";
import { indexAt } from "./index-at.ts";

/** Bits that software puts into the entries it builds; address bits are added. */
export interface SpteFormat {
  readonly name: string;
  /** Entry that refers to the table below. */
  readonly nonLeaf: bigint;
  /** Leaf with every permission. */
  readonly leaf: bigint;
  /** Bits that a leaf lacks when it may not be written, or not be executed. */
  readonly writeBits: bigint;
  readonly executeBits: bigint;
}

const HOST_WRITABLE = 1n << 57n;
const MMU_WRITABLE = 1n << 58n;
const NON_LEAF = BigInt(EPT_PTE.read | EPT_PTE.write | EPT_PTE.execute | EPT_PTE.accessed | EPT_PTE.mmuPresent);
const LEAF = NON_LEAF | BigInt(EPT_PTE.dirty) | HOST_WRITABLE | MMU_WRITABLE;
const WRITE_BITS = BigInt(EPT_PTE.write) | HOST_WRITABLE | MMU_WRITABLE;
const WRITE_BACK = 6n << BigInt(EPT_PTE.memoryTypeShift);

/** `likex`: the published log's entries (leaf 0x0600000000000b07, memory type 0). `kvm`: write-back memory. */
export const SPTE_FORMAT: { readonly likex: SpteFormat; readonly kvm: SpteFormat } = {
  likex: { name: "likex", nonLeaf: NON_LEAF, leaf: LEAF, writeBits: WRITE_BITS, executeBits: BigInt(EPT_PTE.execute) },
  kvm: {
    name: "kvm",
    nonLeaf: NON_LEAF,
    leaf: LEAF | WRITE_BACK,
    writeBits: WRITE_BITS,
    executeBits: BigInt(EPT_PTE.execute),
  },
};

/** One entry of a map operation, as it stands in its table afterwards. */
export interface TdpMapEvent {
  readonly type: "tdp_map";
  /** 4 to 1: level of the table that holds the entry. */
  readonly level: number;
  readonly gfn: number;
  readonly spte: bigint;
  readonly tableHpa: number;
  readonly index: number;
}

export interface TdpMmuOptions {
  readonly format: SpteFormat;
  readonly trace?: (event: TdpMapEvent) => void;
}

/** EPTP bits: write-back tables, walk length 4 (SDM Vol 3C, 24.6.11). */
const EPTP_BITS = 0x1e;

const SLOTS = 512;
const HIGH_UNIT = 2 ** 32;

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(value >> 32n) | 0;

const MMU_WRITABLE_HIGH = high(MMU_WRITABLE);

/** Builds the EPT of one virtual machine, 4 KiB at a time, tables on demand. */
export class TdpMmu {
  readonly #memory: HostMemory;
  readonly #i32: Int32Array;
  readonly #u32: Uint32Array;
  /** Halves of the entries' bits as int32: bigint operations are too slow for each page. */
  readonly #nonLeafLow: number;
  readonly #nonLeafHigh: number;
  readonly #leafLow: number;
  readonly #leafHigh: number;
  readonly #writeLow: number;
  readonly #writeHigh: number;
  readonly #executeLow: number;
  readonly #executeHigh: number;
  readonly #trace: ((event: TdpMapEvent) => void) | undefined;
  readonly rootHpa: HostPhysicalAddress;
  #tables = 1;
  #span = SLOTS;

  /** Throws OutOfHostMemoryError when there is no frame for the root, as `map` does for the other tables. */
  constructor(memory: HostMemory, options: TdpMmuOptions) {
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#u32 = memory.u32;
    const { nonLeaf, leaf, writeBits, executeBits } = options.format;
    this.#nonLeafLow = low(nonLeaf);
    this.#nonLeafHigh = high(nonLeaf);
    this.#leafLow = low(leaf);
    this.#leafHigh = high(leaf);
    this.#writeLow = low(writeBits);
    this.#writeHigh = high(writeBits);
    this.#executeLow = low(executeBits);
    this.#executeHigh = high(executeBits);
    this.#trace = options.trace;
    this.rootHpa = memory.allocateFrame();
  }

  /** The EPT pointer of the VMCS: root, write-back, 4 levels. */
  get eptPointer(): number {
    return this.rootHpa + EPTP_BITS;
  }

  /** Frames that the tables take. */
  get tables(): number {
    return this.#tables;
  }

  /** Maps a guest frame to a host frame; an existing entry is replaced (the caller invalidates). */
  map(gfn: number, pfn: number, permissions: { readonly write: boolean; readonly execute: boolean }): void {
    let table: number = this.rootHpa;
    for (let level = 4; level > 1; level--) {
      const index = indexOf(gfn, level);
      const at = (table + index * 8) >> 2;
      if (((this.#u32[at] as number) & EPT_PTE.mmuPresent) === 0) {
        const child = this.#memory.allocateFrame();
        this.#tables++;
        this.#i32[at] = this.#nonLeafLow | child;
        this.#i32[at + 1] = this.#nonLeafHigh;
      }
      this.#emit(level, gfn, table, index);
      table = this.#address(at);
    }
    let leafLow = this.#leafLow;
    let leafHigh = this.#leafHigh;
    if (!permissions.write) {
      leafLow &= ~this.#writeLow;
      leafHigh &= ~this.#writeHigh;
    }
    if (!permissions.execute) {
      leafLow &= ~this.#executeLow;
      leafHigh &= ~this.#executeHigh;
    }
    const index = indexOf(gfn, 1);
    const at = (table + index * 8) >> 2;
    this.#i32[at] = leafLow | (pfn << 12);
    this.#i32[at + 1] = leafHigh | Math.floor(pfn / 2 ** 20);
    this.#emit(1, gfn, table, index);
  }

  /** Removes the leaves of `count` guest frames; true when there was one. The caller invalidates. */
  zap(gfn: number, count: number): boolean {
    return this.#forLeaves(gfn, count, (at) => {
      this.#i32[at] = 0;
      this.#i32[at + 1] = 0;
    });
  }

  /** Takes the write permission of `count` guest frames; true when there was one mapped. The caller invalidates. */
  writeProtect(gfn: number, count: number): boolean {
    return this.#forLeaves(gfn, count, (at) => {
      this.#i32[at] = (this.#i32[at] as number) & ~EPT_PTE.write;
      this.#i32[at + 1] = (this.#i32[at + 1] as number) & ~MMU_WRITABLE_HIGH;
    });
  }

  /** The leaf of a guest frame, 0n when there is none. */
  lookup(gfn: number): bigint {
    const table = this.#leafTable(gfn);
    return table === 0 ? 0n : this.#entry(table, indexOf(gfn, 1));
  }

  /** Releases every table; the object cannot be used after. */
  dispose(): void {
    this.#release(this.rootHpa, 4);
  }

  #release(table: number, level: number): void {
    if (level > 1) {
      for (let index = 0; index < SLOTS; index++) {
        const at = (table + index * 8) >> 2;
        if (((this.#u32[at] as number) & EPT_PTE.mmuPresent) !== 0) this.#release(this.#address(at), level - 1);
      }
    }
    this.#memory.releaseFrame(table as HostPhysicalAddress);
  }

  #forLeaves(gfn: number, count: number, change: (at: number) => void): boolean {
    let changed = false;
    const end = gfn + count;
    for (let next = gfn; next < end; ) {
      const table = this.#leafTable(next);
      const tableEnd = Math.min(end, next - (next % this.#span) + this.#span);
      for (; table !== 0 && next < tableEnd; next++) {
        const at = (table + indexOf(next, 1) * 8) >> 2;
        if (((this.#u32[at] as number) & EPT_PTE.mmuPresent) === 0) continue;
        change(at);
        changed = true;
      }
      next = tableEnd;
    }
    return changed;
  }

  /** The level 1 table of a guest frame, or 0. `#span`: guest frames around it of which the same is true. */
  #leafTable(gfn: number): number {
    let table: number = this.rootHpa;
    for (let level = 4; level > 1; level--) {
      const at = (table + indexOf(gfn, level) * 8) >> 2;
      if (((this.#u32[at] as number) & EPT_PTE.mmuPresent) === 0) {
        this.#span = SLOTS ** (level - 1);
        return 0;
      }
      table = this.#address(at);
    }
    this.#span = SLOTS;
    return table;
  }

  #address(at: number): number {
    return ((this.#u32[at + 1] as number) & 0xfffff) * HIGH_UNIT + ((this.#u32[at] as number) & ~0xfff);
  }

  #entry(table: number, index: number): bigint {
    return this.#memory.readU64((table + index * 8) as HostPhysicalAddress);
  }

  #emit(level: number, gfn: number, table: number, index: number): void {
    this.#trace?.({ type: "tdp_map", level, gfn, spte: this.#entry(table, index), tableHpa: table, index });
  }
}

/** Index of a guest frame's entry in its table of a level. */
const indexOf = (gfn: number, level: number): number => indexAt(gfn << 12, Math.floor(gfn / 2 ** 20), level);
