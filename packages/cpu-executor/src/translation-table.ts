import { type HostMemory, type HostPhysicalAddress, OutOfHostMemoryError } from "@likex/host-memory";
import { TABLE_NOTES, TLB } from "./context.ts";

/** Where a table of emitted code is described in the context, and how large it may be; entries are powers of two. */
export interface TableLayout {
  /** Context offsets of the table's address and of the mask that selects an entry's offset. */
  readonly address: number;
  readonly mask: number;
  /** Where both are for each privilege. */
  readonly banks?: number;
  readonly entryBytes: number;
  /** Offset of four bytes of each entry for TABLE_NOTES. */
  readonly spare: number;
  /** Offsets, not masked, of the entries in which addresses are looked for that a tag with this low half matches: one or two. */
  readonly placesOf: (tagLow: number) => readonly [number, number];
  readonly fewest: number;
  readonly most: number;
}

interface Bank {
  /** The privilege whose translations it holds. */
  owner: number;
  address: number;
  entries: number;
}

const FRAME = 4096;
/**
 * What fills entries without a translation. No canonical address has it for a tag, but a guest may use any other; so where such an
 * address is looked for, the tag is OTHER_TAG, which is looked for elsewhere.
 */
const INVALID_WORD = TLB.invalidByte * 0x01010101;
const OTHER_TAG = TLB.invalidByte << 24;
const GROWTH = 4;
/** Where an entry of the soft TLB has another tag, and one of the jump cache its block. */
const SECOND_TAG = TLB.write;
const { written: WRITTEN, displaced: DISPLACED, list: LIST, listed: LISTED, many: MANY } = TABLE_NOTES;

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
  /** Where INVALID_WORD's addresses are looked for. */
  readonly #firstPlace: number;
  readonly #lastPlace: number;
  #current: Bank;

  constructor(memory: HostMemory, context: number, layout: TableLayout) {
    this.#memory = memory;
    this.#context = context;
    this.#layout = layout;
    [this.#firstPlace, this.#lastPlace] = layout.placesOf(INVALID_WORD);
    this.#current = this.#create(0);
    this.#banks[0] = this.#current;
    this.#publish();
    this.#publishBanks();
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
      this.#publishBanks();
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
    const { i32 } = this.#memory;
    // While they are few, written entries are cleared one by one: a guest that drops its translations often fills few in between.
    const writtenAt = this.#noteAt(bank, WRITTEN);
    const written = i32[writtenAt] as number;
    if (written !== MANY) {
      i32[writtenAt] = written === LISTED ? MANY : written + 1;
      if (written !== LISTED) i32[this.#noteAt(bank, LIST + written)] = at;
    }
    // No tag of a canonical address ends like this.
    if (this.#memory.u8[bank.address + at + 7] === TLB.invalidByte) return bank.address + at;
    const displacedAt = this.#noteAt(bank, DISPLACED);
    const displaced = (i32[displacedAt] as number) + 1;
    i32[displacedAt] = displaced;
    if (displaced * 2 < bank.entries || !this.#grow(bank)) return bank.address + at;
    return this.#entryIn(bank, offset);
  }

  /** Place in `i32` of one of TABLE_NOTES. */
  #noteAt(bank: Bank, note: number): number {
    return (bank.address + note * this.#layout.entryBytes + this.#layout.spare) >> 2;
  }

  /** Forgets the entry whose tag is two int32 where an offset's is, in every bank. */
  forget(offset: number, low: number, high: number): void {
    for (let i = 0; i < this.#banks.length; i++) {
      const bank = this.#banks[i];
      if (bank === undefined) continue;
      const at = offset & ((bank.entries - 1) * this.#layout.entryBytes);
      this.#forgetWithTag(bank, at, low, high, 0, 0);
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
      const { i32 } = this.#memory;
      const written = i32[this.#noteAt(bank, WRITTEN)] as number;
      const count = written === MANY ? bank.entries : written;
      for (let entry = 0; entry < count; entry++) {
        const at = written === MANY ? entry * entryBytes : (i32[this.#noteAt(bank, LIST + entry)] as number);
        this.#forgetWithTag(bank, at, low & ~(FRAME - 1), high, base, FRAME - 1);
      }
    }
  }

  /** Forgets in every bank the entry where an offset's is, if it has a value at a place of its own. */
  forgetHolding(offset: number, place: number, value: number): void {
    for (let i = 0; i < this.#banks.length; i++) {
      const bank = this.#banks[i];
      if (bank === undefined) continue;
      this.#forgetIfHolding(bank, offset & ((bank.entries - 1) * this.#layout.entryBytes), place, value);
    }
  }

  /** The same for every entry. */
  forgetAllHolding(place: number, value: number): void {
    const { entryBytes } = this.#layout;
    for (const bank of this.#banks) {
      if (bank === undefined) continue;
      for (let entry = 0; entry < bank.entries; entry++) this.#forgetIfHolding(bank, entry * entryBytes, place, value);
    }
  }

  #forgetIfHolding(bank: Bank, at: number, place: number, value: number): void {
    if (this.#memory.i32[(bank.address + at + place) >> 2] === value) this.#invalidate(bank, at);
  }

  /** Forgets an entry whose tag plus a base, the ignored bits apart, is the one given. */
  #forgetWithTag(bank: Bank, at: number, low: number, high: number, base: number, ignored: number): void {
    const { i32 } = this.#memory;
    const entry = (bank.address + at) >> 2;
    if ((((i32[entry] as number) + base) & ~ignored) !== low || i32[entry + 1] !== high) return;
    this.#invalidate(bank, at);
  }

  /** Word by word: a call of fill takes as long as all the rest of an INVLPG. */
  #invalidate(bank: Bank, at: number): void {
    const { i32 } = this.#memory;
    const first = (bank.address + at) >> 2;
    const end = (bank.address + at + this.#layout.spare) >> 2;
    for (let word = first; word < end; word++) i32[word] = INVALID_WORD;
    const mask = (bank.entries - 1) * this.#layout.entryBytes;
    if ((this.#firstPlace & mask) === at || (this.#lastPlace & mask) === at) this.#setOtherTag(bank, at);
  }

  /** In both tags that an entry may have. */
  #setOtherTag(bank: Bank, at: number): void {
    const { i32 } = this.#memory;
    i32[(bank.address + at) >> 2] = OTHER_TAG;
    i32[(bank.address + at + SECOND_TAG) >> 2] = OTHER_TAG;
  }

  #create(owner: number): Bank {
    const entries = this.#layout.fewest;
    const bank = {
      owner,
      address: this.#allocate(entries),
      entries,
    };
    this.#clearAll(bank);
    return bank;
  }

  #clear(bank: Bank): void {
    const { i32 } = this.#memory;
    const written = i32[this.#noteAt(bank, WRITTEN)] as number;
    if (written === MANY) {
      this.#clearAll(bank);
      return;
    }
    for (let i = 0; i < written; i++) this.#invalidate(bank, i32[this.#noteAt(bank, LIST + i)] as number);
    i32[this.#noteAt(bank, WRITTEN)] = 0;
    i32[this.#noteAt(bank, DISPLACED)] = 0;
  }

  #clearAll(bank: Bank): void {
    const { u8, i32 } = this.#memory;
    u8.fill(TLB.invalidByte, bank.address, bank.address + bank.entries * this.#layout.entryBytes);
    const mask = (bank.entries - 1) * this.#layout.entryBytes;
    this.#setOtherTag(bank, this.#firstPlace & mask);
    this.#setOtherTag(bank, this.#lastPlace & mask);
    i32[this.#noteAt(bank, WRITTEN)] = 0;
    i32[this.#noteAt(bank, DISPLACED)] = 0;
  }

  /** A larger, empty table in the place of this one. False when it is as large as it may be or memory is short. */
  #grow(bank: Bank): boolean {
    const entries = bank.entries * GROWTH;
    this.#memory.i32[this.#noteAt(bank, DISPLACED)] = 0;
    if (entries > this.#layout.most) return false;
    let address: number;
    try {
      address = this.#allocate(entries);
    } catch (error) {
      if (error instanceof OutOfHostMemoryError) return false;
      throw error;
    }
    this.#release(bank.address, bank.entries);
    Object.assign(bank, { address, entries });
    this.#clearAll(bank);
    this.#publish();
    this.#publishBanks();
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

  /** A bank has come or moved. */
  #publishBanks(): void {
    const { banks, entryBytes } = this.#layout;
    if (banks === undefined) return;
    const { i32 } = this.#memory;
    for (const [number, bank] of this.#banks.entries()) {
      if (bank === undefined) continue;
      const at = (this.#context + banks + number * 8) >> 2;
      i32[at] = bank.address;
      i32[at + 1] = (bank.entries - 1) * entryBytes;
    }
  }
}
