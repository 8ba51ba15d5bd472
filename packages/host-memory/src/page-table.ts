import { type HostPhysicalAddress, hpa, PAGE_SHIFT, PAGE_SIZE } from "./address.ts";
import type { HostMemory } from "./host-memory.ts";

/** Pages of one leaf: 2 MiB. */
const LEAF_PAGES = 512;
const LEAF_SHIFT = 9;
const LEAF_MASK = LEAF_PAGES - 1;

/** Frame numbers of 512 pages, 0 for none. The references to the frames are the leaf's, however many tables own it. */
interface Leaf {
  readonly frames: Uint32Array;
  owners: number;
}

/**
 * Frames of a mapping's pages. Leaves exist where pages were written, so a lazy mapping costs what it uses. A fork
 * shares the leaves; the first write below one copies it, and then frames are shared instead.
 */
export class PageTable {
  readonly #memory: HostMemory;
  readonly #leaves: (Leaf | undefined)[];
  readonly #pages: number;
  /** First frame of the run that all pages are, as long as they are. */
  #run: HostPhysicalAddress | undefined;

  constructor(memory: HostMemory, pages: number) {
    this.#memory = memory;
    this.#pages = pages;
    this.#leaves = new Array<Leaf | undefined>(Math.ceil(pages / LEAF_PAGES)).fill(undefined);
  }

  /** The page's frame, or 0. */
  frame(page: number): HostPhysicalAddress {
    const leaf = this.#leaves[page >> LEAF_SHIFT];
    return hpa(leaf === undefined ? 0 : (leaf.frames[page & LEAF_MASK] as number) * PAGE_SIZE);
  }

  /** True when others see the page's frame too. */
  isShared(page: number): boolean {
    const leaf = this.#leaves[page >> LEAF_SHIFT];
    if (leaf === undefined) return false;
    return leaf.owners > 1 || this.#memory.references(hpa((leaf.frames[page & LEAF_MASK] as number) * PAGE_SIZE)) > 1;
  }

  /** Gives the page a frame of its own, with the contents it has. Throws OutOfHostMemoryError and then changes nothing. */
  own(page: number): HostPhysicalAddress {
    const fresh = this.#memory.allocateFrame();
    const { frames } = this.#ownLeaf(page >> LEAF_SHIFT);
    const old = hpa((frames[page & LEAF_MASK] as number) * PAGE_SIZE);
    frames[page & LEAF_MASK] = fresh >>> PAGE_SHIFT;
    if (old !== 0) {
      this.#memory.u8.copyWithin(fresh, old, old + PAGE_SIZE);
      this.#memory.releaseFrame(old);
      this.#run = undefined;
    }
    return fresh;
  }

  /** Consecutive frames from `first` on, for all pages; takes over their references. */
  fill(first: HostPhysicalAddress): void {
    for (let page = 0; page < this.#pages; page++) this.#set(page, (first >>> PAGE_SHIFT) + page);
    this.#run = first;
  }

  /** A copy that shares everything. */
  fork(): PageTable {
    const copy = new PageTable(this.#memory, this.#pages);
    for (let i = 0; i < this.#leaves.length; i++) {
      const leaf = this.#leaves[i];
      if (leaf === undefined) continue;
      leaf.owners++;
      copy.#leaves[i] = leaf;
    }
    return copy;
  }

  /** A table of some of the pages, which shares their frames. */
  slice(first: number, pages: number): PageTable {
    const copy = new PageTable(this.#memory, pages);
    for (let page = first; page < first + pages; ) {
      const leaf = this.#leaves[page >> LEAF_SHIFT];
      const end = Math.min(first + pages, (page | LEAF_MASK) + 1);
      for (; leaf !== undefined && page < end; page++) {
        const frame = leaf.frames[page & LEAF_MASK] as number;
        if (frame === 0) continue;
        this.#memory.retainFrame(hpa(frame * PAGE_SIZE));
        copy.#set(page - first, frame);
      }
      page = end;
    }
    return copy;
  }

  dispose(): void {
    if (this.#run !== undefined && this.#leaves.every((leaf) => leaf?.owners === 1)) {
      this.#memory.releaseFrames(this.#run, this.#pages);
    } else {
      for (const leaf of this.#leaves) {
        if (leaf === undefined || --leaf.owners > 0) continue;
        for (const frame of leaf.frames) if (frame !== 0) this.#memory.releaseFrame(hpa(frame * PAGE_SIZE));
      }
    }
    this.#leaves.fill(undefined);
    this.#run = undefined;
  }

  #set(page: number, frame: number): void {
    this.#ownLeaf(page >> LEAF_SHIFT).frames[page & LEAF_MASK] = frame;
  }

  /** A leaf that this table alone owns. */
  #ownLeaf(index: number): Leaf {
    const leaf = this.#leaves[index];
    if (leaf !== undefined && leaf.owners === 1) return leaf;
    const own = { frames: leaf?.frames.slice() ?? new Uint32Array(this.#leafPages(index)), owners: 1 };
    if (leaf !== undefined) {
      leaf.owners--;
      this.#memory.retainFrameNumbers(leaf.frames);
    }
    this.#leaves[index] = own;
    return own;
  }

  #leafPages(index: number): number {
    return Math.min(LEAF_PAGES, this.#pages - index * LEAF_PAGES);
  }
}
