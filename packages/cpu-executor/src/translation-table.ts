import { type HostMemory, type HostPhysicalAddress, OutOfHostMemoryError } from "@likex/host-memory";
import { TLB } from "./context.ts";

/** Where a table of emitted code is described in the context, and how large it may be; entries are powers of two. */
export interface TableLayout {
  /** Context offsets of the table's address and of the mask that selects an entry's offset. */
  readonly address: number;
  readonly mask: number;
  readonly entryBytes: number;
  readonly fewest: number;
  readonly most: number;
}

interface Bank {
  /** The privilege whose translations it holds. */
  owner: number;
  address: number;
  entries: number;
  /** Offsets of the entries written since the last flush, while there are few; then -1, and a flush clears all. */
  written: number;
  readonly offsets: Int32Array;
  /** Entries that took another's place since the table was made or flushed. */
  displaced: number;
}

const FRAME = 4096;
/** So many entries are cleared one by one: a guest that drops its translations often fills few in between. */
const FEW = 64;
const INVALID_WORD = TLB.invalidByte * 0x01010101;
const MANY = -1;
const GROWTH = 4;

/**
 * A direct-mapped table in host memory that emitted code looks into, with a bank for each privilege: what is cached for one
 * says nothing of another, and changing it is a change of the table's address. It starts small, so that an idle VM is small,
 * and grows while its entries displace each other.
 */
export class TranslationTable {
  readonly #memory: HostMemory;
  readonly #context: number;
  readonly #layout: TableLayout;
  readonly #banks: (Bank | undefined)[] = [];
  #current: Bank;

  constructor(memory: HostMemory, context: number, layout: TableLayout) {
    this.#memory = memory;
    this.#context = context;
    this.#layout = layout;
    this.#current = this.#create(0);
    this.#banks[0] = this.#current;
    this.#publish();
  }

  dispose(): void {
    for (const bank of this.#banks) if (bank !== undefined) this.#release(bank.address, bank.entries);
    this.#banks.length = 0;
  }

  /** Uses the bank of another privilege. */
  select(number: number): void {
    const bank = this.#banks[number] ?? this.#addBank(number);
    if (bank.owner !== number) {
      this.#clear(bank);
      bank.owner = number;
    }
    this.#current = bank;
    this.#publish();
  }

  /** Without room for a bank of its own the privilege shares the one in use, which is emptied at each change. */
  #addBank(number: number): Bank {
    try {
      const bank = this.#create(number);
      this.#banks[number] = bank;
      return bank;
    } catch (error) {
      if (error instanceof OutOfHostMemoryError) return this.#current;
      throw error;
    }
  }

  /** Forgets everything, in every bank. */
  flush(): void {
    for (const bank of this.#banks) if (bank !== undefined) this.#clear(bank);
  }

  /** Forgets everything of the privilege in use. */
  flushCurrent(): void {
    this.#clear(this.#current);
  }

  /**
   * Host address of the entry at an offset that is not masked yet, which the caller writes: an entry with another tag there
   * gives way.
   */
  entryFor(offset: number): number {
    return this.#entryIn(this.#current, offset);
  }

  /** The same in the bank of a privilege that need not be the one in use; 0 where it has none. */
  entryOf(privilege: number, offset: number): number {
    const bank = this.#bankOf(privilege);
    return bank === undefined ? 0 : this.#entryIn(bank, offset);
  }

  /** Host address of the entry where an offset's is in the bank of a privilege, to look at; 0 where it has none. */
  seenBy(privilege: number, offset: number): number {
    const bank = this.#bankOf(privilege);
    return bank === undefined ? 0 : bank.address + (offset & ((bank.entries - 1) * this.#layout.entryBytes));
  }

  /** Without memory for a bank of its own a privilege has one only while it is in use. */
  #bankOf(privilege: number): Bank | undefined {
    const bank = this.#banks[privilege];
    return bank !== undefined && bank.owner === privilege ? bank : undefined;
  }

  #entryIn(bank: Bank, offset: number): number {
    const at = offset & ((bank.entries - 1) * this.#layout.entryBytes);
    if (bank.written !== MANY) {
      if (bank.written === FEW) bank.written = MANY;
      else bank.offsets[bank.written++] = at;
    }
    // No tag of a canonical address ends like this.
    if (this.#memory.u8[bank.address + at + 7] === TLB.invalidByte) return bank.address + at;
    if (++bank.displaced * 2 < bank.entries || !this.#grow(bank)) return bank.address + at;
    return this.#entryIn(bank, offset);
  }

  /** Forgets the entry whose tag is two int32 where an offset's is, in every bank. */
  forget(offset: number, low: number, high: number): void {
    for (let i = 0; i < this.#banks.length; i++) {
      const bank = this.#banks[i];
      if (bank === undefined) continue;
      const at = bank.address + (offset & ((bank.entries - 1) * this.#layout.entryBytes));
      this.#forgetWithTag(at, low, high, 0, 0);
    }
  }

  /** Forgets every entry whose tag plus what `bases` has for its bank's privilege lies in a page. */
  forgetPage(low: number, high: number, bases: Int32Array): void {
    const { entryBytes } = this.#layout;
    for (let i = 0; i < this.#banks.length; i++) {
      const bank = this.#banks[i];
      if (bank === undefined) continue;
      const base = bases[bank.owner] as number;
      // Few entries are in a list; else all are looked at.
      const isListed = bank.written !== MANY;
      const count = isListed ? bank.written : bank.entries;
      for (let entry = 0; entry < count; entry++) {
        const at = isListed ? (bank.offsets[entry] as number) : entry * entryBytes;
        this.#forgetWithTag(bank.address + at, low & ~(FRAME - 1), high, base, FRAME - 1);
      }
    }
  }

  /** Forgets an entry whose tag plus a base, the ignored bits apart, is the one given. */
  #forgetWithTag(entry: number, low: number, high: number, base: number, ignored: number): void {
    const { i32 } = this.#memory;
    const at = entry >> 2;
    if ((((i32[at] as number) + base) & ~ignored) !== low || i32[at + 1] !== high) return;
    this.#invalidate(entry);
  }

  /** Word by word: a call of fill takes as long as all the rest of an INVLPG. */
  #invalidate(entry: number): void {
    const { i32 } = this.#memory;
    const end = (entry + this.#layout.entryBytes) >> 2;
    for (let at = entry >> 2; at < end; at++) i32[at] = INVALID_WORD;
  }

  #create(owner: number): Bank {
    const entries = this.#layout.fewest;
    const bank = {
      owner,
      address: this.#allocate(entries),
      entries,
      written: MANY,
      offsets: new Int32Array(FEW),
      displaced: 0,
    };
    this.#clear(bank);
    return bank;
  }

  #clear(bank: Bank): void {
    const { u8 } = this.#memory;
    const { entryBytes } = this.#layout;
    if (bank.written === MANY) u8.fill(TLB.invalidByte, bank.address, bank.address + bank.entries * entryBytes);
    for (let i = 0; i < bank.written; i++) this.#invalidate(bank.address + (bank.offsets[i] as number));
    bank.written = 0;
    bank.displaced = 0;
  }

  /** A larger, empty table in the place of this one. False when it is as large as it may be or memory is short. */
  #grow(bank: Bank): boolean {
    const entries = bank.entries * GROWTH;
    bank.displaced = 0;
    if (entries > this.#layout.most) return false;
    let address: number;
    try {
      address = this.#allocate(entries);
    } catch (error) {
      if (error instanceof OutOfHostMemoryError) return false;
      throw error;
    }
    this.#release(bank.address, bank.entries);
    Object.assign(bank, { address, entries, written: MANY });
    this.#clear(bank);
    this.#publish();
    return true;
  }

  #allocate(entries: number): number {
    return this.#memory.allocateFrames((entries * this.#layout.entryBytes) / FRAME);
  }

  #release(address: number, entries: number): void {
    this.#memory.releaseFrames(address as HostPhysicalAddress, (entries * this.#layout.entryBytes) / FRAME);
  }

  #publish(): void {
    const { i32 } = this.#memory;
    i32[(this.#context + this.#layout.address) >> 2] = this.#current.address;
    i32[(this.#context + this.#layout.mask) >> 2] = (this.#current.entries - 1) * this.#layout.entryBytes;
  }
}
