import type { Region, RegionBlock } from "./region.ts";

/**
 * The order and nesting in which a region's blocks become structured code (Ramsey, "Beyond Relooper", ICFP 2022): dominators say
 * where a block's code belongs, reverse postorder which of two comes later.
 */
export class RegionFlow {
  readonly #number = new Map<number, number>();
  readonly #order: RegionBlock[] = [];
  readonly #dominator: number[] = [];
  readonly #forward: number[] = [];
  readonly #headers = new Set<number>();
  readonly #children: number[][] = [];

  constructor({ blocks, entry }: Region) {
    const seen = new Set<number>();
    const post: RegionBlock[] = [];
    const visit = (start: number): void => {
      seen.add(start);
      const block = blocks.get(start) as RegionBlock;
      for (const next of [...block.successors].reverse()) if (!seen.has(next)) visit(next);
      post.push(block);
    };
    visit(entry);
    this.#order = post.reverse();
    for (const [i, block] of this.#order.entries()) this.#number.set(block.start, i);
    this.#findDominators();
    this.#order.forEach((block, i) => {
      for (const next of block.successors) {
        const target = this.numberOf(next);
        if (target > i) this.#forward[target] = (this.#forward[target] ?? 0) + 1;
        else if (this.#dominates(target, i)) this.#headers.add(target);
      }
    });
    for (let i = 0; i < this.#order.length; i++) this.#children.push([]);
    for (let i = this.#order.length - 1; i > 0; i--)
      if (this.isMerge(i)) this.#children[this.#dominator[i] as number]?.push(i);
  }

  numberOf(start: number): number {
    return this.#number.get(start) as number;
  }

  blockOf(number: number): RegionBlock {
    return this.#order[number] as RegionBlock;
  }

  /** Several forward branches lead to it. */
  isMerge(number: number): boolean {
    return (this.#forward[number] ?? 0) > 1;
  }

  isLoopHeader(number: number): boolean {
    return this.#headers.has(number);
  }

  /** Merge blocks whose immediate dominator this is, the last in order first. */
  mergesBelow(number: number): readonly number[] {
    return this.#children[number] as readonly number[];
  }

  /** Whether a branch can be written: forward, or back to a loop that it is in. Others leave the region. */
  canBranch(from: number, to: number): boolean {
    return to > from || this.#dominates(to, from);
  }

  /** Only one block leads to it. */
  hasOnePredecessor(number: number): boolean {
    return number !== 0 && (this.#forward[number] ?? 0) === 1 && !this.#headers.has(number);
  }

  #findDominators(): void {
    const predecessors: number[][] = this.#order.map(() => []);
    this.#order.forEach((block, i) => {
      for (const next of block.successors) predecessors[this.numberOf(next)]?.push(i);
    });
    this.#dominator[0] = 0;
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 1; i < this.#order.length; i++) {
        let found: number | undefined;
        for (const p of predecessors[i] as number[]) {
          if (this.#dominator[p] === undefined) continue;
          found = found === undefined ? p : this.#common(found, p);
        }
        if (found === undefined || this.#dominator[i] === found) continue;
        this.#dominator[i] = found;
        changed = true;
      }
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
