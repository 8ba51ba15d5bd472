import { InvalidElfError } from "../errors.ts";

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** The bytes of a file with little-endian numbers in them. */
export class ElfBytes {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Number at an offset that `slice` or `table` has checked. */
  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** An address, offset or size: 32 or 64 bits, by the file's class. */
  word(offset: number, is64: boolean): bigint {
    return is64 ? this.u64(offset) : BigInt(this.u32(offset));
  }

  /** @throws InvalidElfError when the range is not in the file. */
  slice(what: string, offset: bigint, size: bigint): Uint8Array {
    this.check(what, offset, size);
    return this.bytes.subarray(Number(offset), Number(offset + size));
  }

  /** @throws InvalidElfError when the range is not in the file. */
  check(what: string, offset: bigint, size: bigint): void {
    if (offset + size > BigInt(this.bytes.length)) {
      throw new InvalidElfError(
        `The ELF file has ${what} at offset ${hex(offset)}, ${size} bytes, but ends at ${hex(this.bytes.length)}. It is truncated or damaged; get a complete copy.`,
      );
    }
  }
}
