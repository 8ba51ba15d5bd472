import { UnreadableModuleError } from "../errors.ts";

/** Reads the binary format (core specification 5.2). Reading beyond the end throws UnreadableModuleError. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  /** Of the next byte, in all the bytes. */
  offset: number;

  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#end = Math.min(end, bytes.length);
    this.offset = start;
  }

  get isAtEnd(): boolean {
    return this.offset >= this.#end;
  }

  byte(): number {
    const value = this.offset < this.#end ? this.#bytes[this.offset] : undefined;
    if (value === undefined) throw new UnreadableModuleError(`the module's bytes end at ${this.offset}, in the middle`);
    this.offset += 1;
    return value;
  }

  bytes(count: number): Uint8Array {
    const start = this.offset;
    if (count > this.#end - start) {
      throw new UnreadableModuleError(`the module's bytes end before the ${count} at ${start} do`);
    }
    this.offset += count;
    return this.#bytes.subarray(start, start + count);
  }

  /** Unsigned LEB128 of 32 bits. */
  unsigned(): number {
    const start = this.offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const next = this.byte();
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
    throw new UnreadableModuleError(`the number at ${start} has more than 32 bits`);
  }

  /** Signed LEB128 of up to 64 bits. */
  signed(): bigint {
    const start = this.offset;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const next = this.byte();
      value |= BigInt(next & 0x7f) << shift;
      if (next < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
    }
    throw new UnreadableModuleError(`the number at ${start} has more than 64 bits`);
  }

  name(): string {
    return new TextDecoder().decode(this.bytes(this.unsigned()));
  }

  /** A vector: its length, then what `read` reads so many times. */
  list<T>(read: () => T): T[] {
    const length = this.unsigned();
    // Each element takes a byte at least.
    if (length > this.#end - this.offset) {
      throw new UnreadableModuleError(`the list before ${this.offset} has more elements than the module has bytes`);
    }
    return Array.from({ length }, read);
  }

  /** A reader of the next `count` bytes, which this one skips. */
  part(count: number): ByteReader {
    const start = this.offset;
    this.bytes(count);
    return new ByteReader(this.#bytes, start, start + count);
  }
}
