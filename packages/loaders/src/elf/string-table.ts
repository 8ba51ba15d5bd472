/** No real name comes near it; a table without NULs would otherwise be one name for each of its offsets. */
const LONGEST_NAME = 0x1_0000;

/** Names in a string table section: bytes up to a NUL, found by offset. */
export class StringTable {
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The name at an offset, its first 64 KiB; "" outside of the table. What is not UTF-8 becomes U+FFFD. */
  at(offset: number): string {
    if (offset >= this.#bytes.length) return "";
    const name = this.#bytes.subarray(offset, offset + LONGEST_NAME);
    const end = name.indexOf(0);
    return this.#decoder.decode(end < 0 ? name : name.subarray(0, end));
  }
}
