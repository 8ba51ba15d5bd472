import { CodeReader, type Straight } from "./code-reader.ts";
import type { RegionInstruction } from "./instruction.ts";
import { branchTargetNow, tableLoad, tableTargets } from "./jump-table.ts";
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
  /** Where calls and indirect branches lead to, by the position behind them: functions that are copied, or positions. */
  readonly #leads = new Map<number, readonly (Leaf | number)[]>();
  readonly #leaves = new Map<number, Leaf | undefined>();
  readonly #entries: number[] = [];
  readonly #returns: number[] = [];
  readonly #targets: number[] = [];
  readonly #open: number[] = [];
  /** Runs that end with an indirect branch whose targets have not been looked for. */
  readonly #unresolved: Straight[] = [];
  /** Pages with indirect calls through no table, and those of them whose functions have been looked for. */
  readonly #calling = new Set<RegionPage>();
  readonly #isDone = new Set<RegionPage>();
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
    for (const page of this.#calling) this.#addCalled(page);
  }

  #addOpen(): void {
    do {
      for (let start = this.#open.shift(); start !== undefined; start = this.#open.shift())
        if (!this.#runs.has(start) && this.#count < MOST_INSTRUCTIONS) this.#addRun(start);
      const indirect = this.#unresolved.shift();
      if (indirect !== undefined) this.#resolve(indirect);
    } while (this.#open.length + this.#unresolved.length > 0);
  }

  /** What an indirect call may lead to is code of its page that nothing else reaches. */
  #addCalled(page: RegionPage): void {
    if (this.#isDone.has(page)) return;
    this.#isDone.add(page);
    for (const target of this.#code.warmBlocks(page)) {
      if (this.#targets.length < MOST_TARGETS && !this.#runs.has(target)) this.#addEntry(target, this.#targets);
      this.#addOpen();
    }
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
    for (const block of [...blocks.values()]) {
      const leads = block.ending === "next" ? undefined : this.#leads.get(block.end);
      if (leads === undefined) continue;
      const successors = leads.map((to) => (typeof to === "number" ? to : copies.add(blocks, to, block.end)));
      blocks.set(block.id, { ...block, successors: successors.filter((id) => blocks.has(id)) });
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
    this.#follow(run);
  }

  /** Notes a position as an entry, if it is worth one. */
  #addEntry(position: number, kind?: number[]): void {
    if (!this.#reader.isWarm(position)) return;
    this.#entries.push(position);
    kind?.push(position);
    this.#open.push(position);
  }

  /** Where a run leads, as far as its code says. */
  #follow(run: Straight): void {
    const { end, ending, targets } = run;
    if (ending === "call") this.#call(targets[0] as number, end);
    else if (ending === "indirectCall") {
      this.#addEntry(end, this.#returns);
      this.#unresolved.push(run);
    } else if (ending === "indirectJump") this.#unresolved.push(run);
    else {
      const isMiddle = (target: number): boolean => ending === "next" && (target & (PAGE - 1)) !== 0;
      this.#open.push(...targets.filter((target) => isMiddle(target) || this.#reader.isWarm(target)));
    }
  }

  /** A short function is copied, so that control comes back by a comparison; others are entries, and so is what is behind the call. */
  #call(target: number, end: number): void {
    if (this.#leads.has(end)) return;
    const isWarm = this.#reader.isWarm(end) && this.#reader.isWarmLeaf(target);
    const leaf = isWarm ? this.#copyOf(target) : undefined;
    if (leaf !== undefined) {
      this.#leads.set(end, [leaf]);
      this.#open.push(end);
      return;
    }
    this.#addEntry(target);
    this.#addEntry(end, this.#returns);
  }

  /** Looks for a table that an indirect branch goes through; without one it may lead to all that is warm in its page. */
  #resolve({ ending, end, instructions }: Straight): void {
    if (this.#leads.has(end)) return;
    const branch = instructions.at(-1) as RegionInstruction;
    const targets = tableTargets(this.#code, tableLoad(branch, this.#instructions()) ?? branch);
    const page = this.#reader.pageOf(branch.start) as RegionPage;
    if (ending === "indirectJump") {
      this.#leads.set(end, targets);
      this.#open.push(...targets);
      if (targets.length === 0) this.#addTargets(page);
      return;
    }
    const guess = targets.length === 0 ? this.#calledNow(branch) : undefined;
    const leads = (guess === undefined ? targets : [guess]).map((target) => this.#copyOf(target) ?? target);
    for (const to of leads) if (typeof to === "number") this.#addEntry(to);
    this.#leads.set(end, leads);
    if (targets.length === 0) this.#calling.add(page);
  }

  /** The warm function that an indirect call would lead to with the registers and pointers that there are now: a guess. */
  #calledNow(branch: RegionInstruction): number | undefined {
    const { bits, rip } = this.#code.page;
    const target = branchTargetNow(this.#code, branch);
    if (target === undefined) return undefined;
    const position = Number(BigInt.asIntN(bits, target - rip));
    return Number.isSafeInteger(position) && this.#reader.isWarmLeaf(position) ? position : undefined;
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
