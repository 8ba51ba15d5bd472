import { CodeReader, type Straight } from "./code-reader.ts";
import type { RegionInstruction } from "./instruction.ts";
import { tableLoad, tableTargets } from "./jump-table.ts";
import { type Leaf, LeafCopies, leafAt } from "./leaf.ts";
import type { ExecutedCode, Region, RegionBlock, RegionPage } from "./region.ts";
import { split } from "./split.ts";

const PAGE = 4096;
const MOST_INSTRUCTIONS = 256;
/** Instructions in copies of leaf functions. */
const MOST_COPIED = 1024;
const MOST_TARGETS = 32;

/**
 * The code that is reached from `seeds` by direct branches, calls and returns, as far as it has been executed. A seed that
 * an earlier one reaches is an entry of its own only if a branch makes it one. Undefined where the first seed's
 * instruction is none for regions.
 */
export function discoverRegion(code: ExecutedCode, seeds: readonly number[]): Region | undefined {
  const discovery = new Discovery(code);
  for (const seed of seeds) discovery.addSeed(seed);
  return discovery.finish();
}

class Discovery {
  readonly #code: ExecutedCode;
  readonly #reader: CodeReader;
  readonly #runs = new Map<number, Straight>();
  /** Where the branch that ends a run leads to, by the run's start: functions that are copied, or positions. */
  readonly #leads = new Map<number, readonly (Leaf | number)[]>();
  readonly #leaves = new Map<number, Leaf | undefined>();
  readonly #entries: number[] = [];
  readonly #returns: number[] = [];
  readonly #targets: number[] = [];
  readonly #open: number[] = [];
  /** Starts of runs that end with an indirect branch whose targets have not been looked for. */
  readonly #unresolved: number[] = [];
  /** Pages with indirect calls. */
  readonly #calling = new Set<RegionPage>();
  #count = 0;
  #countCopied = 0;

  constructor(code: ExecutedCode) {
    this.#code = code;
    this.#reader = new CodeReader(code);
  }

  addSeed(seed: number): void {
    if (this.#runs.has(seed)) return;
    this.#entries.push(seed);
    this.#open.push(seed);
    this.#addOpen();
    for (let start = this.#unresolved.shift(); start !== undefined; start = this.#unresolved.shift()) {
      this.#resolve(start, this.#runs.get(start) as Straight);
      this.#addOpen();
    }
    // What a call may lead to is code that nothing else reaches.
    for (const page of this.#calling)
      for (const target of this.#code.warmBlocks(page)) {
        if (this.#targets.length < MOST_TARGETS && !this.#runs.has(target)) this.#addEntry(target, this.#targets);
        this.#addOpen();
      }
  }

  #addOpen(): void {
    for (let start = this.#open.shift(); start !== undefined; start = this.#open.shift())
      if (!this.#runs.has(start) && this.#count < MOST_INSTRUCTIONS) this.#addRun(start);
    this.#open.length = 0;
  }

  finish(): Region | undefined {
    const isThere = (position: number): boolean => this.#runs.has(position);
    const entries = [...new Set(this.#entries)].filter(isThere);
    if (entries.length === 0 || entries[0] !== this.#entries[0]) return undefined;
    return {
      page: this.#code.page,
      pages: this.#reader.pages,
      entries,
      returns: [...new Set(this.#returns)].filter(isThere),
      targets: [...new Set(this.#targets)].filter(isThere),
      blocks: this.#blocks(),
    };
  }

  #blocks(): ReadonlyMap<number, RegionBlock> {
    const blocks = split(this.#runs);
    const copies = new LeafCopies();
    for (const [start, leads] of this.#leads) {
      const block = blocks.get(start) as RegionBlock;
      // Cut, where another run begins in its middle, which ends with the same branch.
      if (block.ending === "next") continue;
      const successors = leads.map((to) => (typeof to === "number" ? to : copies.add(blocks, to, block.end)));
      blocks.set(start, { ...block, successors: successors.filter((id) => blocks.has(id)) });
    }
    return blocks;
  }

  #addRun(start: number): void {
    const page = this.#reader.pageOf(start);
    if (page === undefined) return;
    const run = this.#reader.read(page, start);
    if (run.behind !== undefined) this.#addEntry(run.behind);
    if (run.instructions.length === 0) return;
    this.#runs.set(start, run);
    this.#count += run.instructions.length;
    this.#follow(start, run);
  }

  /** Notes a position as an entry, if it is worth one. */
  #addEntry(position: number, kind?: number[]): void {
    if (!this.#reader.isWarm(position)) return;
    this.#entries.push(position);
    kind?.push(position);
    this.#open.push(position);
  }

  /** Where a run leads, as far as its code says. */
  #follow(start: number, { end, ending, targets }: Straight): void {
    if (ending === "call") this.#call(start, targets[0] as number, end);
    else if (ending === "indirectCall") {
      this.#addEntry(end, this.#returns);
      this.#unresolved.push(start);
    } else if (ending === "indirectJump") this.#unresolved.push(start);
    else {
      const isMiddle = (target: number): boolean => ending === "next" && (target & (PAGE - 1)) !== 0;
      this.#open.push(...targets.filter((target) => isMiddle(target) || this.#reader.isWarm(target)));
    }
  }

  /** A short function is copied, so that control comes back by a comparison; others are entries, and so is what is behind the call. */
  #call(start: number, target: number, end: number): void {
    const isWarm = this.#reader.isWarm(end) && this.#reader.isWarmLeaf(target);
    const leaf = isWarm ? this.#copyOf(target) : undefined;
    if (leaf !== undefined) {
      this.#leads.set(start, [leaf]);
      this.#open.push(end);
      return;
    }
    this.#addEntry(target);
    this.#addEntry(end, this.#returns);
  }

  /** Looks for a table that an indirect branch goes through; without one it may lead to all that is warm in its page. */
  #resolve(start: number, { ending, instructions }: Straight): void {
    const branch = instructions.at(-1) as RegionInstruction;
    const targets = tableTargets(this.#code, tableLoad(branch, this.#instructions()) ?? branch);
    const page = this.#reader.pageOf(branch.start) as RegionPage;
    if (ending === "indirectJump") {
      this.#leads.set(start, targets);
      this.#open.push(...targets);
      if (targets.length === 0) this.#addTargets(page);
      return;
    }
    const leads = targets.map((target) => this.#copyOf(target) ?? target);
    for (const to of leads) if (typeof to === "number") this.#addEntry(to);
    this.#leads.set(start, leads);
    if (targets.length === 0) this.#calling.add(page);
  }

  *#instructions(): Iterable<RegionInstruction> {
    for (const { instructions } of this.#runs.values()) yield* instructions;
  }

  /** The function at a position as one that is copied, if it is one and there is room. */
  #copyOf(target: number): Leaf | undefined {
    const leaf = this.#leafAt(target);
    if (leaf === undefined || this.#countCopied + leaf.instructions > MOST_COPIED) return undefined;
    this.#countCopied += leaf.instructions;
    this.#reader.noteLeaf(leaf.page);
    return leaf;
  }

  #leafAt(target: number): Leaf | undefined {
    if (!this.#leaves.has(target)) this.#leaves.set(target, leafAt(this.#reader, target));
    return this.#leaves.get(target);
  }

  #addTargets(page: RegionPage): void {
    if (this.#targets.length > 0) return;
    for (const target of this.#code.warmBlocks(page).slice(0, MOST_TARGETS)) this.#addEntry(target, this.#targets);
  }
}
