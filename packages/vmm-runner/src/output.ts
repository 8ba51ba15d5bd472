/** Bytes that the guest wrote, kept up to a limit. */
export class OutputBuffer {
  #bytes: Uint8Array = new Uint8Array(256);
  #length = 0;
  #dropped = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that came after the limit was reached. */
  get dropped(): number {
    return this.#dropped;
  }

  push(byte: number): void {
    if (this.#length === this.#limit) {
      this.#dropped += 1;
      return;
    }
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(this.#length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  /** A copy of what was kept. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
