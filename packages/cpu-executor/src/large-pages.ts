import { PAGE_MARKS } from "./context.ts";

/** Sizes of pages larger than 4 KiB, as shifts: 2 MiB, 4 MiB, 1 GiB. */
export const LARGE_PAGE_SHIFTS = [21, 22, 30] as const;
const SHIFTS = LARGE_PAGE_SHIFTS;
const SIZES = SHIFTS.map((shift) => 2 ** shift);
const MARKS = PAGE_MARKS.largeOfSize;

/**
 * Which large pages cached translations of 4 KiB may be a part of: INVLPG of any address in one invalidates all of it. Regions
 * share marks, so that the answer may be yes where it should be no, never the other way.
 */
export class LargePages {
  readonly #marks: Uint8Array;
  #isEmpty = true;

  /** `marks`: PAGE_MARKS.large of a context. */
  constructor(marks: Uint8Array) {
    this.#marks = marks;
  }

  clear(): void {
    if (!this.#isEmpty) this.#marks.fill(0);
    this.#isEmpty = true;
  }

  /** A translation was cached that is a part of a page of `bytes` bytes. */
  note(low: number, high: number, bytes: number): void {
    for (let i = 0; i < SHIFTS.length; i++) {
      if (bytes !== SIZES[i]) continue;
      this.#marks[markOf(i, low, high)] = 1;
      this.#isEmpty = false;
    }
  }

  /** Whether the linear address may be in one. */
  covers(low: number, high: number): boolean {
    if (this.#isEmpty) return false;
    for (let i = 0; i < SHIFTS.length; i++) if (this.#marks[markOf(i, low, high)] !== 0) return true;
    return false;
  }
}

const markOf = (size: number, low: number, high: number): number => {
  const region = (low >>> (SHIFTS[size] as number)) ^ (high << (32 - (SHIFTS[size] as number))) ^ (high >>> 3);
  return size * MARKS + (region & (MARKS - 1));
};
