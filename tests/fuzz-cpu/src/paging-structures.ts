import { AT, MMIO, PAGE, RAM_PAGES } from "./layout.ts";
import type { Random } from "./random.ts";

/** Bits of paging-structure entries (SDM Vol 3A, tables 4-5 to 4-20). */
const PTE = { present: 1n, write: 2n, user: 4n, accessed: 0x20n, dirty: 0x40n, large: 0x80n, global: 0x100n } as const;
const NO_EXECUTE = 1n << 63n;
const KEY_SHIFT = 59n;

/** Roots of the three kinds of paging structures, as CR3 names them. */
export interface Roots {
  readonly bits32: number;
  readonly pae: number;
  readonly level4: number;
}

export interface PagingOptions {
  /** Of a hundred entries, how many are made of random bits. */
  readonly garbage: number;
  /**
   * Every entry already has its accessed and dirty flags, and none leads to a table outside of the tables' pages, so that
   * nothing writes to what a walk reads.
   */
  readonly isSealed: boolean;
}

/** Writes paging structures of all three modes into the guest's memory, each with the low memory mapped one to one, mostly. */
export function writePagingStructures(ram: Uint8Array, random: Random, options: PagingOptions): Roots {
  return new Tables(ram, random, options).write();
}

class Tables {
  readonly #view: DataView;
  readonly #random: Random;
  readonly #options: PagingOptions;
  #next: number = AT.tables;

  constructor(ram: Uint8Array, random: Random, options: PagingOptions) {
    this.#view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    this.#random = random;
    this.#options = options;
  }

  write(): Roots {
    const bits32 = this.#table();
    this.#entry32(bits32, 0, this.#link(this.#lowMemory(4)));
    this.#entry32(bits32, 1, this.#page(this.#random.below(2) << 22) | PTE.large);
    this.#entry32(bits32, 2, this.#link(this.#sparse(4)));
    this.#entry32(bits32, 1023, this.#link(bits32));
    const pae = this.#table();
    const directory = this.#directory();
    for (let i = 0; i < 4; i++)
      if (i === 0 || this.#random.chance(2)) this.#entry64(pae, i, BigInt(directory * PAGE) | PTE.present);
    const level4 = this.#table();
    const pointers = this.#table();
    this.#entry64(level4, 0, this.#link(pointers));
    this.#entry64(level4, 256, this.#link(pointers));
    this.#entry64(level4, this.#random.of([1, 255, 510, 511]), this.#link(level4));
    this.#entry64(pointers, 0, this.#link(directory));
    this.#entry64(pointers, 1, this.#page(0) | PTE.large);
    this.#entry64(pointers, 2, this.#link(this.#directory()));
    this.#entry64(pointers, 511, this.#link(this.#random.of([level4, pointers, directory])));
    return { bits32: bits32 * PAGE, pae: pae * PAGE, level4: level4 * PAGE };
  }

  /** The number of an empty table's page. */
  #table(): number {
    return this.#next++;
  }

  #directory(): number {
    const table = this.#table();
    this.#entry64(table, 0, this.#link(this.#lowMemory(8)));
    this.#entry64(table, 1, this.#page(this.#random.below(2) << 21) | PTE.large);
    this.#entry64(table, 2, this.#link(table));
    this.#entry64(table, this.#random.below(512), this.#page(this.#random.below(0x1000)) | PTE.large);
    return table;
  }

  /** A table that maps RAM and devices where they are, with some pages elsewhere, and a few more behind them. */
  #lowMemory(bytes: 4 | 8): number {
    const table = this.#table();
    for (let i = 0; i < MMIO.end; i++) this.#entry(table, i, bytes, this.#page(this.#target(i)));
    for (let i = 0; i < 8; i++)
      this.#entry(table, this.#random.below(PAGE / bytes), bytes, this.#page(this.#target(this.#random.below(80))));
    return table;
  }

  #sparse(bytes: 4 | 8): number {
    const table = this.#table();
    for (let i = 0; i < 32; i++)
      this.#entry(table, this.#random.below(PAGE / bytes), bytes, this.#page(this.#target(this.#random.below(80))));
    return table;
  }

  #target(page: number): number {
    return (this.#random.chance(20) ? this.#random.below(RAM_PAGES) : page) * PAGE;
  }

  /** An entry for a page, usually with all rights. */
  #page(physical: number): bigint {
    const random = this.#random;
    let entry = BigInt(physical) | PTE.present | PTE.write | PTE.user | this.#flags();
    if (random.chance(24)) entry &= ~PTE.write;
    if (random.chance(24)) entry &= ~PTE.user;
    if (random.chance(40)) entry &= ~PTE.present;
    if (random.chance(8)) entry |= PTE.global;
    if (random.chance(24)) entry |= NO_EXECUTE;
    if (random.chance(40)) entry |= BigInt(random.below(16)) << KEY_SHIFT;
    return entry;
  }

  /** An entry for the table in a page. */
  #link(page: number): bigint {
    const entry = BigInt(page * PAGE) | PTE.present | PTE.write | PTE.user | this.#flags();
    return this.#random.chance(30) ? entry & ~(this.#random.chance(2) ? PTE.write : PTE.user) : entry;
  }

  #flags(): bigint {
    const isSet = this.#options.isSealed || this.#random.chance(2);
    return isSet ? PTE.accessed | PTE.dirty : 0n;
  }

  #entry(table: number, index: number, bytes: 4 | 8, value: bigint): void {
    if (bytes === 4) this.#entry32(table, index, value);
    else this.#entry64(table, index, value);
  }

  #entry32(table: number, index: number, value: bigint): void {
    this.#view.setUint32(table * PAGE + index * 4, Number(BigInt.asUintN(32, this.#spoilt(value))), true);
  }

  #entry64(table: number, index: number, value: bigint): void {
    this.#view.setBigUint64(table * PAGE + index * 8, this.#spoilt(value), true);
  }

  #spoilt(value: bigint): bigint {
    const random = this.#random;
    if (!random.percent(this.#options.garbage)) return value;
    if (random.chance(2)) return value ^ (1n << BigInt(random.below(64)));
    const target = AT.tables + random.below(AT.tablesEnd - AT.tables);
    return (random.bits64() & ~0xff_ffff_f000n) | BigInt(target * PAGE);
  }
}
