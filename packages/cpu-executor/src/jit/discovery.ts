import { CodeReader, type Straight } from "./code-reader.ts";
import { type Leaf, LeafCopies, leafAt } from "./leaf.ts";
import type { ExecutedCode, Region, RegionBlock } from "./region.ts";
import { split } from "./split.ts";

const PAGE = 4096;
const MOST_INSTRUCTIONS = 256;
/** Instructions in copies of leaf functions. */
const MOST_COPIED = 512;
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
  /** Functions that are copied behind the call that ends a run, by the run's start. */
  readonly #copied = new Map<number, Leaf>();
  readonly #leaves = new Map<number, Leaf | undefined>();
  readonly #entries: number[] = [];
  readonly #returns: number[] = [];
  readonly #targets: number[] = [];
  readonly #open: number[] = [];
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
    for (const [start, leaf] of this.#copied) {
      const caller = blocks.get(start) as RegionBlock;
      // Cut, where another run begins in its middle, which ends with the same call.
      if (caller.ending === "call")
        blocks.set(start, { ...caller, successors: [copies.add(blocks, leaf, caller.end)] });
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
    if (ending === "call") {
      this.#call(start, targets[0] as number, end);
      return;
    }
    if (ending === "indirectCall") this.#addEntry(end, this.#returns);
    if (ending === "indirectJump" || ending === "indirectCall") this.#addTargets(end - 1);
    const isMiddle = (target: number): boolean => ending === "next" && (target & (PAGE - 1)) !== 0;
    this.#open.push(...targets.filter((target) => isMiddle(target) || this.#reader.isWarm(target)));
  }

  /** A short function is copied, so that control comes back by a comparison; others are entries, and so is what is behind the call. */
  #call(start: number, target: number, end: number): void {
    const leaf = this.#reader.isWarm(end) ? this.#leafAt(target) : undefined;
    if (leaf !== undefined && this.#countCopied + leaf.instructions <= MOST_COPIED) {
      this.#countCopied += leaf.instructions;
      this.#copied.set(start, leaf);
      this.#reader.noteLeaf(leaf.page);
      this.#open.push(end);
      return;
    }
    this.#addEntry(target);
    this.#addEntry(end, this.#returns);
  }

  #leafAt(target: number): Leaf | undefined {
    if (!this.#leaves.has(target)) this.#leaves.set(target, leafAt(this.#reader, target));
    return this.#leaves.get(target);
  }

  /** What an indirect branch may lead to: all that has been executed often in its page. */
  #addTargets(position: number): void {
    const page = this.#reader.pageOf(position);
    if (page === undefined || this.#targets.length > 0) return;
    for (const target of this.#code.warmBlocks(page).slice(0, MOST_TARGETS)) this.#addEntry(target, this.#targets);
  }
}
