import type { Straight } from "./code-reader.ts";
import type { RegionInstruction } from "./instruction.ts";
import type { RegionBlock } from "./region.ts";

/** Runs that begin in the middle of another end that one there, so that each instruction is in one block. */
export function split(runs: ReadonlyMap<number, Straight>): Map<number, RegionBlock> {
  const blocks = new Map<number, RegionBlock>();
  for (const [start, run] of runs) {
    const cut = run.instructions.findIndex((instruction, i) => i > 0 && runs.has(instruction.start));
    const isCut = cut > 0;
    const instructions = isCut ? run.instructions.slice(0, cut) : run.instructions;
    const end = isCut ? (run.instructions[cut] as RegionInstruction).start : run.end;
    const ending = isCut ? "next" : run.ending;
    const follows = isCut ? [end] : run.targets;
    const successors = follows.filter((target) => runs.has(target));
    blocks.set(start, { id: start, start, instructions, end, ending, successors });
  }
  return blocks;
}
