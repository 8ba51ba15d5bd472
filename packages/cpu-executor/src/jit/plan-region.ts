import { discoverRegion } from "./discovery.ts";
import type { Ending } from "./instruction.ts";
import type { ExecutedCode, Region, RegionBlock } from "./region.ts";
import type { CompiledRegion, RegionPlan } from "./region-store.ts";

/** A region grows in place so often, and up to so many instructions; then its page's other blocks get regions of their own. */
const MOST_REBUILDS = 4;
const MOST_GROWN = 192;
/** Endings behind which direct branches lead on. */
const LEADS_ON: ReadonlySet<Ending> = new Set(["next", "jump", "conditional"]);

/**
 * The region for a block that has become hot: one in the place of an older one of the same page, if that may still grow, or its
 * own. Undefined where none is worth it; `shortest` is JitThresholds.shortest.
 */
export function planRegion(
  code: ExecutedCode,
  older: CompiledRegion | undefined,
  position: number,
  shortest: number,
): RegionPlan | undefined {
  if (older !== undefined && mayGrow(older)) return grow(code, older, position);
  const region = discoverRegion(code, [position]);
  return region && isWorthEntering(region, shortest) ? { region, seeds: [position], rebuilds: 0 } : undefined;
}

/**
 * A few instructions between others that are left to the interpreter are carried out sooner than a region is entered: it is worth it
 * where some way through it has `shortest` instructions, or comes round again, or ends in a branch to another region.
 */
function isWorthEntering({ blocks }: Region, shortest: number): boolean {
  /** Instructions on the longest way from a block on; infinite while it is being found out. */
  const lengths = new Map<number, number>();
  const lengthFrom = (id: number): number => {
    const known = lengths.get(id);
    if (known !== undefined) return known;
    const block = blocks.get(id) as RegionBlock;
    if (block.successors.length === 0 && !LEADS_ON.has(block.ending)) return Number.POSITIVE_INFINITY;
    lengths.set(id, Number.POSITIVE_INFINITY);
    const length = block.instructions.length + Math.max(0, ...block.successors.map(lengthFrom));
    lengths.set(id, length);
    return length;
  };
  return [...blocks.keys()].some((id) => lengthFrom(id) >= shortest);
}

const mayGrow = ({ region, rebuilds }: CompiledRegion): boolean =>
  rebuilds < MOST_REBUILDS && ownInstructions(region) < MOST_GROWN;

/** Without copies of leaf functions. */
function ownInstructions({ blocks }: Region): number {
  let count = 0;
  for (const { id, start, instructions } of blocks.values()) if (id === start) count += instructions.length;
  return count;
}

/**
 * Also has a block which has become hot since: within the older region if its seeds reach the block, or else with the block as
 * the first of the seeds, of which those it reaches are none any more.
 */
function grow(code: ExecutedCode, older: CompiledRegion, position: number): RegionPlan | undefined {
  const rebuilds = older.rebuilds + 1;
  const within = discoverRegion(code, older.seeds);
  if (within?.blocks.has(position) === true && !older.region.blocks.has(position))
    return { region: within, seeds: older.seeds, rebuilds };
  const region: Region | undefined = discoverRegion(code, [position, ...older.seeds]);
  const seeds = [position, ...older.seeds].filter((seed) => region?.entries.includes(seed));
  return region && { region, seeds, rebuilds };
}
