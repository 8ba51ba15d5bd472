import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { PAGE } from "./layout.ts";

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The bytes of a guard frame: other ones in each, so that a copy of another guard is noticed too. */
const guardByte = (frame: number): number => ((frame / PAGE) * 0x9d + 0x5a) & 0xff;

/**
 * An arena in which every frame is somebody's or a guard, and which notices changes where none may be. Frames that are
 * `open` belong to the guest under test or to the processor that runs it; all others are compared with a copy.
 */
export class Arena {
  readonly memory: HostMemory;
  readonly #open: Range[] = [];
  #closed: Range[] = [];
  #copy: Uint8Array = new Uint8Array(0);

  constructor(memory: HostMemory) {
    this.memory = memory;
  }

  /** A frame that belongs to nobody. */
  guard(): number {
    const frame = this.memory.allocateFrame();
    this.memory.u8.fill(guardByte(frame), frame, frame + PAGE);
    return frame;
  }

  /** What the action allocates lies between two guards; the range from one to the other. */
  between<T>(action: () => T): { readonly made: T; readonly range: Range } {
    const start = this.guard() + PAGE;
    const made = action();
    return { made, range: { start, end: this.guard() } };
  }

  /** A range that the guest under test may change. */
  open(range: Range): void {
    this.#open.push(range);
  }

  /** Makes guards of all that is free but some frames at the end, and remembers everything that must not change. */
  seal(spareFrames: number): void {
    let spare = this.memory.bytes - spareFrames * PAGE;
    while (this.memory.framesInUse < this.memory.framesTotal - 1 - spareFrames) spare = this.guard() + PAGE;
    this.open({ start: spare, end: this.memory.bytes });
    this.#open.sort((a, b) => a.start - b.start);
    this.#closed = [];
    let at = 0;
    for (const { start, end } of this.#open) {
      if (start > at) this.#closed.push({ start: at, end: start });
      at = end;
    }
    if (at < this.memory.bytes) this.#closed.push({ start: at, end: this.memory.bytes });
    this.#copy = this.memory.u8.slice();
  }

  /** Takes what stands in a range now for right: its owner has changed it. */
  accept({ start, end }: Range): void {
    this.#copy.set(this.memory.u8.subarray(start, end), start);
  }

  /** The first byte that has changed and must not have, or -1. */
  firstDamage(): HostPhysicalAddress | -1 {
    for (const { start, end } of this.#closed) {
      const now = Buffer.from(this.memory.u8.buffer, start, end - start);
      const before = Buffer.from(this.#copy.buffer, start, end - start);
      if (now.equals(before)) continue;
      for (let at = 0; at < now.length; at++) if (now[at] !== before[at]) return (start + at) as HostPhysicalAddress;
    }
    return -1;
  }
}
