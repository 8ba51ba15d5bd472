import { type HostPhysicalAddress, hpa, PAGE_SHIFT, PAGE_SIZE } from "./address.ts";
import type { HostMemory } from "./host-memory.ts";

/** Pages of one leaf: 2 MiB. */
const LEAF_PAGES = 512;
const LEAF_SHIFT = 9;

/**
 * Frames of a mapping's pages. Leaves exist where pages were written, so a lazy mapping costs what it uses. An entry
 * is a frame number, 0 for none. A page is shared while its frame has more than one reference.
 */
export class PageTable {
  readonly #memory: HostMemory;
  readonly #leaves: (Uint32Array | undefined)[];
  readonly #pages: number;

  constructor(memory: HostMemory, pages: number) {
    this.#memory = memory;
    this.#pages = pages;
    this.#leaves = new Array<Uint32Array | undefined>(Math.ceil(pages / LEAF_PAGES));
  }

  /** The page's frame, or 0. */
  frame(page: number): HostPhysicalAddress {
    const leaf = this.#leaves[page >> LEAF_SHIFT];
    return hpa(leaf === undefined ? 0 : (leaf[page & (LEAF_PAGES - 1)] as number) * PAGE_SIZE);
  }

  isShared(page: number): boolean {
    return this.#memory.references(this.frame(page)) > 1;
  }

  /** Gives the page a frame of its own, with the contents it has. */
  own(page: number): HostPhysicalAddress {
    const old = this.frame(page);
    const fresh = this.#memory.allocateFrame();
    if (old !== 0) {
      this.#memory.u8.copyWithin(fresh, old, old + PAGE_SIZE);
      this.#memory.releaseFrame(old);
    }
    this.#set(page, fresh >>> PAGE_SHIFT);
    return fresh;
  }

  /** Consecutive frames from `first` on, for all pages; takes over their references. */
  fill(first: HostPhysicalAddress): void {
    for (let page = 0; page < this.#pages; page++) this.#set(page, (first >>> PAGE_SHIFT) + page);
  }

  /** A copy that shares every frame. */
  fork(): PageTable {
    return this.slice(0, this.#pages);
  }

  /** The same for some of the pages. */
  slice(first: number, pages: number): PageTable {
    const copy = new PageTable(this.#memory, pages);
    if ((first & (LEAF_PAGES - 1)) === 0 && first + pages === this.#pages) copy.#shareLeaves(this, first >> LEAF_SHIFT);
    else
      this.#each((page, frame) => {
        if (page < first || page >= first + pages) return;
        this.#memory.retainFrame(frame);
        copy.#set(page - first, frame >>> PAGE_SHIFT);
      });
    return copy;
  }

  dispose(): void {
    this.#each((_page, frame) => this.#memory.releaseFrame(frame));
    this.#leaves.fill(undefined);
  }

  #shareLeaves(from: PageTable, first: number): void {
    for (let i = 0; i < this.#leaves.length; i++) {
      const leaf = from.#leaves[first + i];
      if (leaf === undefined) continue;
      this.#leaves[i] = leaf.slice();
      for (const frame of leaf) if (frame !== 0) this.#memory.retainFrame(hpa(frame * PAGE_SIZE));
    }
  }

  #set(page: number, frame: number): void {
    let leaf = this.#leaves[page >> LEAF_SHIFT];
    if (leaf === undefined) {
      leaf = new Uint32Array(Math.min(LEAF_PAGES, this.#pages - (page & ~(LEAF_PAGES - 1))));
      this.#leaves[page >> LEAF_SHIFT] = leaf;
    }
    leaf[page & (LEAF_PAGES - 1)] = frame;
  }

  #each(visit: (page: number, frame: HostPhysicalAddress) => void): void {
    this.#leaves.forEach((leaf, i) => {
      leaf?.forEach((frame, at) => {
        if (frame !== 0) visit(i * LEAF_PAGES + at, hpa(frame * PAGE_SIZE));
      });
    });
  }
}
