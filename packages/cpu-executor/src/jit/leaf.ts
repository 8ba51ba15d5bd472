import type { CodeReader, Straight } from "./code-reader.ts";
import type { RegionBlock, RegionPage } from "./region.ts";
import { split } from "./split.ts";

const PAGE = 4096;
/** Instructions of a leaf function that is copied to where it is called. */
const MOST_IN_LEAF = 24;
/** Copies have ids from here on: above all positions. */
const FIRST_COPY = 1 << 24;

/** A short function that calls nothing and has no loop: what it is made of, by start, and where it begins. */
export interface Leaf {
  readonly start: number;
  readonly page: RegionPage;
  readonly instructions: number;
  readonly runs: ReadonlyMap<number, Straight>;
}

/** The function at a position, if it is one that is worth a copy. Code beyond its page, or x87's, is none. */
export function leafAt(reader: CodeReader, start: number): Leaf | undefined {
  const page = reader.leafPageOf(start);
  if (page === undefined) return undefined;
  const runs = new Map<number, Straight>();
  const open = [start];
  let instructions = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (runs.has(at)) continue;
    const run = reader.read(page, at);
    runs.set(at, run);
    instructions += run.instructions.length;
    const isPlain = (target: number): boolean => target >= run.end && target < page.offset + PAGE;
    if (instructions > MOST_IN_LEAF || !isOfLeaf(run) || run.end > page.offset + PAGE || !run.targets.every(isPlain))
      return undefined;
    open.push(...run.targets);
  }
  return { start, page, instructions, runs };
}

const isOfLeaf = ({ instructions, ending, targets }: Straight): boolean =>
  (ending === "return" || ending === "jump" || ending === "conditional" || (ending === "next" && targets.length > 0)) &&
  !instructions.some(({ selection }) => selection.isX87);

/** Copies leaf functions: their blocks, with ids of their own. */
export class LeafCopies {
  #next = FIRST_COPY;

  /** Adds a leaf's blocks to `blocks`, which has all others, for a call that comes back to `returnsTo`. Returns the id of the first. */
  add(blocks: Map<number, RegionBlock>, leaf: Leaf, returnsTo: number): number {
    const ids = new Map<number, number>();
    const idOf = (start: number): number => {
      const id = ids.get(start) ?? this.#next++;
      ids.set(start, id);
      return id;
    };
    for (const block of split(leaf.runs).values()) {
      const id = idOf(block.start);
      const isReturn = block.ending === "return";
      const successors = isReturn ? [returnsTo].filter((to) => blocks.has(to)) : block.successors.map(idOf);
      blocks.set(id, { ...block, id, successors, returnsTo: isReturn ? returnsTo : undefined });
    }
    return idOf(leaf.start);
  }
}
