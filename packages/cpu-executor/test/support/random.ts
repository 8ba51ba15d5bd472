/** Borders of operand widths, each as low and high half. */
const BORDERS: Int32Array = Int32Array.of(
  ...[0, 0, 1, 0, 2, 0, 0x7f, 0, 0x80, 0, 0xff, 0, 0x7fff, 0, 0x8000, 0, 0xffff, 0],
  ...[0x7fffffff, 0, 0x80000000, 0, 0xffffffff, 0],
  ...[0xffffffff, 0x7fffffff, 0, 0x80000000, 0xffffffff, 0xffffffff],
);
const BORDER_COUNT = BORDERS.length / 2;

/** Limits below this one are divided by in int32. */
const SMALL = 0x8000;

/**
 * splitmix64: small, and the same everywhere. A value is left in `low` and `high`, so that millions of states can be made
 * without allocating; the methods in the middle change it in place.
 */
export class Random {
  low = 0;
  high = 0;
  #stateLow = 0;
  #stateHigh = 0;

  constructor(seed: bigint | number) {
    if (typeof seed === "number") this.reseed(seed);
    else {
      this.#stateLow = Number(BigInt.asIntN(32, seed));
      this.#stateHigh = Number(BigInt.asIntN(32, seed >> 32n));
    }
  }

  /** Starts again from a whole number of 0 to 2^53. */
  reseed(seed: number): void {
    this.#stateLow = seed | 0;
    this.#stateHigh = Math.floor(seed / 0x100000000) | 0;
  }

  /** Leaves the next 64 bits in low and high. */
  advance(): void {
    const state = (this.#stateLow >>> 0) + 0x7f4a7c15;
    this.#stateLow = state | 0;
    this.#stateHigh = (this.#stateHigh + 0x9e3779b9 + (state > 0xffffffff ? 1 : 0)) | 0;
    this.low = this.#stateLow;
    this.high = this.#stateHigh;
    this.#fold(30);
    this.#multiply(0x1ce4e5b9, 0xbf58476d);
    this.#fold(27);
    this.#multiply(0x133111eb, 0x94d049bb);
    this.#fold(31);
  }

  #fold(shift: number): void {
    this.low ^= (this.low >>> shift) | (this.high << (32 - shift));
    this.high ^= this.high >>> shift;
  }

  #multiply(low: number, high: number): void {
    const a = this.low;
    const a0 = a & 0xffff;
    const a1 = a >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    const middle = (Math.imul(a1, b0) >>> 0) + (Math.imul(a0, b0) >>> 16);
    const other = (Math.imul(a0, b1) >>> 0) + (middle & 0xffff);
    const carried = Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16);
    this.high = (carried + Math.imul(a, high) + Math.imul(this.high, low)) | 0;
    this.low = Math.imul(a, low);
  }

  /** A whole number from 0 to `limit` - 1; limit at most 2^31. */
  below(limit: number): number {
    this.advance();
    if ((limit & (limit - 1)) === 0) return this.low & (limit - 1);
    const { low, high } = this;
    if (limit < SMALL) {
      let rest = (((high >>> 16) % limit) << 16) | (high & 0xffff);
      rest = (((rest >>> 0) % limit) << 16) | (low >>> 16);
      rest = (((rest >>> 0) % limit) << 16) | (low & 0xffff);
      return (rest >>> 0) % limit;
    }
    let rest = (((high >>> 0) % limit) * 0x10000 + (low >>> 16)) % limit;
    rest = (rest * 0x10000 + (low & 0xffff)) % limit;
    return rest;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Leaves 64 bits in low and high, half of the time near a border of some operand width. */
  advanceValue(): void {
    const kind = this.below(4);
    if (kind === 0) this.#border();
    else if (kind === 1) {
      this.#border();
      const { low, high } = this;
      const moved = (low >>> 0) + this.below(5) - 2;
      this.low = moved | 0;
      this.high = (high + (moved < 0 ? -1 : moved > 0xffffffff ? 1 : 0)) | 0;
    } else if (kind === 2) {
      this.advance();
      const { low, high } = this;
      const count = this.below(64);
      this.low = low;
      this.high = high;
      this.shiftRight(count);
    } else this.advance();
  }

  #border(): void {
    const at = this.below(BORDER_COUNT) * 2;
    this.low = BORDERS[at] as number;
    this.high = BORDERS[at + 1] as number;
  }

  /** Shifts the value by 0 to 63. */
  shiftRight(count: number): void {
    if (count >= 32) {
      this.low = this.high >>> (count - 32);
      this.high = 0;
    } else if (count > 0) {
      this.low = (this.low >>> count) | (this.high << (32 - count));
      this.high >>>= count;
    }
  }

  shiftLeft(count: number): void {
    if (count >= 32) {
      this.high = this.low << (count - 32);
      this.low = 0;
    } else if (count > 0) {
      this.high = (this.high << count) | (this.low >>> (32 - count));
      this.low <<= count;
    }
  }

  next(): bigint {
    this.advance();
    return this.#bigint();
  }

  /** As advanceValue(). */
  value(): bigint {
    this.advanceValue();
    return this.#bigint();
  }

  #bigint(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }
}
