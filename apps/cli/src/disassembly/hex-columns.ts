/** Most instructions have no more bytes. */
const USUAL_BYTES = 10;
const LONGEST_INSTRUCTION = 15;
/** Digits that a table gives: an address is the text of its block of 4 KiB, and these. */
const LOW_DIGITS = 3;
const LOW_BITS = 12;
const LOW_MASK = 0xfff;
const ADDRESS_COLUMNS = 8;

const digits = (value: number, length: number): string => value.toString(16).padStart(length, "0");

const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => `${digits(byte, 2)} `);
const PADDING: readonly string[] = Array.from({ length: LONGEST_INSTRUCTION + 1 }, (_, count) =>
  " ".repeat(Math.max(0, 3 * (USUAL_BYTES - count))),
);
const LOW: readonly string[] = Array.from({ length: LOW_MASK + 1 }, (_, low) => digits(low, LOW_DIGITS));

/** The bytes of an instruction in hexadecimal, padded to the usual length. */
export function byteColumn(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let at = offset; at < offset + length; at++) text += BYTES[bytes[at]!]!;
  return text + PADDING[length]!;
}

/**
 * Addresses of offsets from `base`, which wrap at 2^64, in hexadecimal and right-aligned. A listing goes through them in
 * order: all but the last digits are made once for 4 KiB, as a bigint's digits take 150 ns.
 */
export class AddressColumn {
  readonly #base: bigint;
  readonly #low: number;
  #block = -1;
  #high = "";

  constructor(base: bigint) {
    this.#base = base;
    this.#low = Number(base & BigInt(LOW_MASK));
  }

  text(offset: number): string {
    const sum = this.#low + offset;
    const block = Math.floor(sum / (LOW_MASK + 1));
    if (block !== this.#block) {
      this.#block = block;
      const high = BigInt.asUintN(64, this.#base + BigInt(offset)) >> BigInt(LOW_BITS);
      this.#high = high === 0n ? "" : high.toString(16).padStart(ADDRESS_COLUMNS - LOW_DIGITS);
    }
    const low = sum & LOW_MASK;
    return this.#high === "" ? low.toString(16).padStart(ADDRESS_COLUMNS) : this.#high + LOW[low]!;
  }
}
