import { type HostPhysicalAddress, hpa, PAGE_SHIFT, PAGE_SIZE } from "./address.ts";
import { InvalidMemoryArgumentError, OutOfHostMemoryError } from "./errors.ts";

/**
 * Hands out frames with reference counts. Single frames come from a stack of freed ones, then from untouched memory at
 * the low end, which is known to be zero; runs of frames come from freed runs, then from the low end.
 */
export class FrameAllocator {
  readonly #u8: Uint8Array;
  readonly #references: Uint32Array;
  /** Freed single frames, a stack of frame numbers. */
  readonly #free: Int32Array;
  #freeCount = 0;
  /** Frames from here on have never been handed out. Frame 0 never is. */
  #untouched = 1;
  #inUse = 0;
  readonly total: number;

  constructor(u8: Uint8Array) {
    this.#u8 = u8;
    this.total = u8.length >> PAGE_SHIFT;
    this.#references = new Uint32Array(this.total);
    this.#free = new Int32Array(this.total);
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** A zeroed frame with one reference. */
  allocate(): HostPhysicalAddress {
    let frame: number;
    if (this.#freeCount > 0) {
      frame = this.#free[--this.#freeCount] as number;
      this.#u8.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    } else if (this.#untouched < this.total) {
      frame = this.#untouched++;
    } else {
      throw new OutOfHostMemoryError(1, 0, "single");
    }
    this.#references[frame] = 1;
    this.#inUse++;
    return hpa(frame * PAGE_SIZE);
  }

  /** `count` zeroed frames, one after the other, one reference each. */
  allocateRun(count: number): HostPhysicalAddress {
    if (!Number.isInteger(count) || count < 1)
      throw new InvalidMemoryArgumentError(`a run of ${count} frames was asked: give an integer of at least 1`);
    if (count === 1) return this.allocate();
    const first = count <= this.total - this.#untouched ? this.#bump(count) : this.#fromFreed(count);
    this.#references.fill(1, first, first + count);
    this.#inUse += count;
    return hpa(first * PAGE_SIZE);
  }

  retain(address: HostPhysicalAddress): void {
    const frame = this.#live(address);
    this.#references[frame] = (this.#references[frame] as number) + 1;
  }

  /** Drops a reference; true when it was the last one and the frame is free. */
  release(address: HostPhysicalAddress): boolean {
    const frame = this.#live(address);
    const left = (this.#references[frame] as number) - 1;
    this.#references[frame] = left;
    if (left > 0) return false;
    this.#free[this.#freeCount++] = frame;
    this.#inUse--;
    return true;
  }

  references(address: HostPhysicalAddress): number {
    return this.#references[address >>> PAGE_SHIFT] ?? 0;
  }

  #bump(count: number): number {
    const first = this.#untouched;
    this.#untouched += count;
    return first;
  }

  /** Untouched memory is used up: looks for a run among the freed frames. */
  #fromFreed(count: number): number {
    const free = this.#free.subarray(0, this.#freeCount).sort();
    let start = 0;
    for (let i = 0; i < free.length; i++) {
      if (i > 0 && (free[i] as number) !== (free[i - 1] as number) + 1) start = i;
      if (i - start + 1 === count) {
        const first = free[start] as number;
        free.copyWithin(start, i + 1);
        this.#freeCount -= count;
        this.#u8.fill(0, first * PAGE_SIZE, (first + count) * PAGE_SIZE);
        return first;
      }
    }
    throw new OutOfHostMemoryError(count, this.#freeCount + this.total - this.#untouched, "contiguous");
  }

  #live(address: HostPhysicalAddress): number {
    const frame = address >>> PAGE_SHIFT;
    if ((address & (PAGE_SIZE - 1)) !== 0 || (this.#references[frame] ?? 0) === 0)
      throw new InvalidMemoryArgumentError(
        `0x${address.toString(16)} is not an allocated frame: it was released already or never handed out`,
      );
    return frame;
  }
}
