import { formAt, type InstructionForm } from "@likex/x86-decoder";
import type { Region, RegionBlock } from "./region.ts";

/** By how much an instruction moves the x87 stack's top, as the instruction table says: 1 is a pop. */
function topChange(form: InstructionForm): number {
  const word = form.attributes.find((attribute) => attribute.startsWith("st="));
  return word === undefined ? 0 : Number.parseInt(word.slice(3), 10);
}

const changeOf = (block: RegionBlock): number =>
  block.instructions.reduce((sum, { decoded }) => sum + topChange(formAt(decoded.form)), 0);

/** For each block the depth at which it begins, 0 to 7. */
export type StackDepths = ReadonlyMap<number, number>;

/**
 * For each block the distance of the x87 stack's top from where it is when the region's first entry begins, 0 to 7. Compilers
 * have the same depth wherever paths join; an edge between blocks that do not fit leaves the region. Entries that no
 * branch reaches get the depth of the call that they return from, else 0. Undefined where there are no x87 instructions.
 */
export function stackDepths({ blocks, entries }: Region): StackDepths | undefined {
  const hasX87 = [...blocks.values()].some(({ instructions }) => instructions.some(({ selection }) => selection.isX87));
  if (!hasX87) return undefined;
  const depths = new Map<number, number>();
  const open: number[] = [];
  const reach = (start: number, depth: number): void => {
    if (depths.has(start) || !blocks.has(start)) return;
    depths.set(start, depth & 7);
    open.push(start);
  };
  const follow = (): void => {
    for (let start = open.pop(); start !== undefined; start = open.pop()) {
      const block = blocks.get(start) as RegionBlock;
      const depth = (depths.get(start) as number) + changeOf(block);
      for (const next of block.successors) reach(next, depth);
      if (block.ending === "call" || block.ending === "indirectCall") reach(block.end, depth);
    }
  };
  for (const entry of entries) {
    reach(entry, 0);
    follow();
  }
  return depths;
}
