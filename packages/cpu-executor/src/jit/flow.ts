import type { Region, RegionBlock } from "./region.ts";

/** Number of the node before all entries, which chooses among them. */
const ROOT = 0;

/**
 * The order and nesting in which a region's blocks become structured code (Ramsey, "Beyond Relooper", ICFP 2022): dominators say
 * where a block's code belongs, reverse postorder which of two comes later. Blocks are numbered from 1 in that order.
 * A block that a branch could not be written to otherwise, because it leads back into the middle of a loop, becomes an entry.
 */
export class RegionFlow {
  /** Starts of the blocks that control can come to from outside, or through the node before them all. */
  readonly entries: readonly number[];
  /** Control chooses among the entries while the region runs. */
  readonly hasChoice: boolean;
  #number = new Map<number, number>();
  #order: RegionBlock[] = [];
  #predecessors: number[][] = [];
  #dominator: number[] = [];
  #forward: number[] = [];
  #headers = new Set<number>();
  readonly #children: number[][] = [];
  readonly #paths: number[] = [];

  constructor({ blocks, entries, returns, targets }: Region) {
    const all = [...entries];
    for (;;) {
      this.#arrange(blocks, all);
      const more = this.#unreachable();
      if (more.length === 0) break;
      all.push(...more);
    }
    this.entries = all;
    this.hasChoice = all.length > 1 || returns.length + targets.length > 0;
    for (let i = 0; i <= this.#order.length; i++) this.#children.push([]);
    for (let i = this.#order.length; i > 0; i--)
      if (this.isMerge(i)) this.#children[this.#dominator[i] as number]?.push(i);
    this.#measurePaths();
  }

  numberOf(id: number): number {
    return this.#number.get(id) as number;
  }

  blockOf(number: number): RegionBlock {
    return this.#order[number - 1] as RegionBlock;
  }

  get blocks(): readonly RegionBlock[] {
    return this.#order;
  }

  isEntry(number: number): boolean {
    return this.entries.includes(this.blockOf(number).id);
  }

  /** Several forward branches lead to it. */
  isMerge(number: number): boolean {
    return (this.#forward[number] ?? 0) > 1 || (this.hasChoice && this.isEntry(number));
  }

  isLoopHeader(number: number): boolean {
    return this.#headers.has(number);
  }

  /** Merge blocks whose immediate dominator this is (0: the node before the entries), the last in order first. */
  mergesBelow(number: number): readonly number[] {
    return this.#children[number] as readonly number[];
  }

  /** Whether a branch can be written directly: forward, or back to a loop that it is in. Others choose among the entries. */
  canBranch(from: number, to: number): boolean {
    return to > from || (this.#headers.has(to) && this.#dominates(to, from));
  }

  /** Only one block leads to it. */
  hasOnePredecessor(number: number): boolean {
    return (this.#forward[number] ?? 0) === 1 && !this.#headers.has(number) && !this.isEntry(number);
  }

  /** Where loops and entries begin the budget is compared with what may come before the next such place. */
  isCheckpoint(number: number): boolean {
    return this.#headers.has(number) || this.isEntry(number);
  }

  /** Instructions on the longest way from a checkpoint to before the next one. */
  longestPath(number: number): number {
    return this.#paths[number] as number;
  }

  /** The same behind a block. */
  longestPathBehind(number: number): number {
    return this.longestPath(number) - this.blockOf(number).instructions.length;
  }

  #arrange(blocks: Region["blocks"], entries: readonly number[]): void {
    const seen = new Set<number>();
    const post: RegionBlock[] = [];
    const visit = (id: number): void => {
      if (seen.has(id)) return;
      seen.add(id);
      const block = blocks.get(id) as RegionBlock;
      for (const next of [...block.successors].reverse()) visit(next);
      post.push(block);
    };
    for (const entry of [...entries].reverse()) visit(entry);
    this.#order = post.reverse();
    this.#number = new Map(this.#order.map((block, i) => [block.id, i + 1]));
    this.#findPredecessors(entries);
    this.#findDominators();
    this.#forward = [];
    this.#headers = new Set();
    this.#predecessors.forEach((list, to) => {
      for (const from of list) {
        if (to > from) this.#forward[to] = (this.#forward[to] ?? 0) + 1;
        else if (this.#dominates(to, from)) this.#headers.add(to);
      }
    });
  }

  #findPredecessors(entries: readonly number[]): void {
    this.#predecessors = [[], ...this.#order.map((): number[] => [])];
    for (const entry of entries) this.#predecessors[this.numberOf(entry)]?.push(ROOT);
    this.#order.forEach((block, i) => {
      for (const next of block.successors) this.#predecessors[this.numberOf(next)]?.push(i + 1);
    });
  }

  /** Targets of branches back that lead into the middle of a loop, and are no entries yet. */
  #unreachable(): number[] {
    const found = new Set<number>();
    this.#predecessors.forEach((list, to) => {
      if (list.includes(ROOT)) return;
      for (const from of list) if (to <= from && !this.#dominates(to, from)) found.add(this.blockOf(to).id);
    });
    return [...found];
  }

  #findDominators(): void {
    this.#dominator = [ROOT];
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 1; i <= this.#order.length; i++) {
        let found: number | undefined;
        for (const p of this.#predecessors[i] as number[]) {
          if (this.#dominator[p] === undefined) continue;
          found = found === undefined ? p : this.#common(found, p);
        }
        if (found === undefined || this.#dominator[i] === found) continue;
        this.#dominator[i] = found;
        changed = true;
      }
    }
  }

  #measurePaths(): void {
    for (let i = this.#order.length; i > 0; i--) {
      const block = this.blockOf(i);
      let longest = 0;
      for (const id of block.successors) {
        const next = this.numberOf(id);
        if (next > i && !this.isCheckpoint(next)) longest = Math.max(longest, this.#paths[next] as number);
      }
      this.#paths[i] = block.instructions.length + longest;
    }
  }

  #common(a: number, b: number): number {
    let [x, y] = [a, b];
    while (x !== y) {
      while (x > y) x = this.#dominator[x] as number;
      while (y > x) y = this.#dominator[y] as number;
    }
    return x;
  }

  #dominates(a: number, b: number): boolean {
    let at = b;
    while (at > a) at = this.#dominator[at] as number;
    return at === a;
  }
}
