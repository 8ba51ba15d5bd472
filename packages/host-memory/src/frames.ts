import { type HostPhysicalAddress, hpa, PAGE_SHIFT, PAGE_SIZE } from "./address.ts";
import { InvalidMemoryArgumentError, OutOfHostMemoryError } from "./errors.ts";

/**
 * Hands out frames with reference counts. Single frames come from a stack of freed ones, then from untouched memory,
 * which is known to be zero. Runs come from freed runs of the same length, so that who creates and destroys the same
 * things over and over stays in the same memory, then from untouched memory, then from whatever is free side by side.
 */
export class FrameAllocator {
  readonly #u8: Uint8Array;
  readonly #references: Uint32Array;
  /** Freed single frames, a stack of frame numbers. */
  readonly #free: Int32Array;
  #freeCount = 0;
  /** Freed runs: their first frames, by length. */
  readonly #freeRuns = new Map<number, number[]>();
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
    if (this.#freeCount === 0 && this.#untouched === this.total) this.#breakRuns();
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
    const first = this.#freedRun(count) ?? this.#untouchedRun(count) ?? this.#sideBySide(count);
    this.#references.fill(1, first, first + count);
    this.#inUse += count;
    return hpa(first * PAGE_SIZE);
  }

  retain(address: HostPhysicalAddress): void {
    const frame = this.#live(address);
    this.#references[frame] = (this.#references[frame] as number) + 1;
  }

  /** One more reference to every frame of a list of frame numbers that are allocated; 0 stands for none. */
  retainAll(frames: Uint32Array): void {
    const references = this.#references;
    for (let i = 0; i < frames.length; i++) {
      const frame = frames[i] as number;
      if (frame !== 0) references[frame] = (references[frame] as number) + 1;
    }
  }

  /** Drops a reference; true when it was the last one and the frame is free. */
  release(address: HostPhysicalAddress): boolean {
    const frame = this.#live(address);
    if (!this.#drop(frame)) return false;
    this.#free[this.#freeCount++] = frame;
    return true;
  }

  /** Drops a reference of each frame of a run; `freed` is told of every frame that became free. */
  releaseRun(address: HostPhysicalAddress, count: number, freed: (address: HostPhysicalAddress) => void): void {
    const first = address >>> PAGE_SHIFT;
    for (let i = 0; i < count; i++) this.#live(hpa(address + i * PAGE_SIZE));
    let freedCount = 0;
    for (let frame = first; frame < first + count; frame++) {
      if (!this.#drop(frame)) continue;
      freed(hpa(frame * PAGE_SIZE));
      // Until all of the run turns out to be free, its frames are single ones.
      this.#free[this.#freeCount++] = frame;
      freedCount++;
    }
    if (count < 2 || freedCount < count) return;
    this.#freeCount -= count;
    const runs = this.#freeRuns.get(count);
    if (runs === undefined) this.#freeRuns.set(count, [first]);
    else runs.push(first);
  }

  references(address: HostPhysicalAddress): number {
    return this.#references[address >>> PAGE_SHIFT] ?? 0;
  }

  #drop(frame: number): boolean {
    const left = (this.#references[frame] as number) - 1;
    this.#references[frame] = left;
    if (left > 0) return false;
    this.#inUse--;
    return true;
  }

  #freedRun(count: number): number | undefined {
    const first = this.#freeRuns.get(count)?.pop();
    if (first !== undefined) this.#u8.fill(0, first * PAGE_SIZE, (first + count) * PAGE_SIZE);
    return first;
  }

  #untouchedRun(count: number): number | undefined {
    const first = this.#untouched;
    if (count > this.total - first) return undefined;
    this.#untouched += count;
    return first;
  }

  /** Makes single frames of all freed runs. */
  #breakRuns(): void {
    for (const [count, runs] of this.#freeRuns)
      for (const first of runs)
        for (let frame = first; frame < first + count; frame++) this.#free[this.#freeCount++] = frame;
    this.#freeRuns.clear();
  }

  /** The last resort: the first freed frames that are enough side by side, continued by untouched ones at the end. */
  #sideBySide(count: number): number {
    const available = this.total - 1 - this.#inUse;
    if (count > available) throw new OutOfHostMemoryError(count, available, "contiguous");
    this.#breakRuns();
    const free = this.#free.subarray(0, this.#freeCount).sort();
    let start = 0;
    for (let i = 0; i < free.length; i++) {
      if (i > 0 && (free[i] as number) !== (free[i - 1] as number) + 1) start = i;
      if (i - start + 1 === count) return this.#takeFreed(start, count);
    }
    const atEnd = free.at(-1) === this.#untouched - 1 ? free.length - start : 0;
    if (atEnd === 0 || this.#untouchedRun(count - atEnd) === undefined)
      throw new OutOfHostMemoryError(count, available, "contiguous");
    return this.#takeFreed(start, atEnd);
  }

  /** Takes frames out of the stack, which is in order of address. */
  #takeFreed(start: number, count: number): number {
    const first = this.#free[start] as number;
    this.#free.copyWithin(start, start + count, this.#freeCount);
    this.#freeCount -= count;
    this.#u8.fill(0, first * PAGE_SIZE, (first + count) * PAGE_SIZE);
    return first;
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
