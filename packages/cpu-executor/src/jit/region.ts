import type { DecodedInstruction } from "@likex/x86-decoder";
import type { PatchedFields } from "../patched-fields.ts";
import type { InstructionSelector } from "../predecode.ts";
import type { Ending, RegionInstruction } from "./instruction.ts";

const PAGE = 4096;

/** Where the positions of a region count from, and what its code is. */
export interface RegionBase {
  /** Instruction pointer at position 0, a multiple of 4096. */
  readonly rip: bigint;
  readonly bits: 32 | 64;
}

/** A page with code of a region, and the version that it had then. */
export interface RegionPage {
  /** Position of its first byte, a multiple of 4096. */
  readonly offset: number;
  readonly host: number;
  readonly version: number;
}

/** Instructions that are executed one after the other. Positions are bytes from RegionBase.rip. */
export interface RegionBlock {
  /** Its start; of a copy of a leaf function's block (leaf.ts) a number of its own. */
  readonly id: number;
  readonly start: number;
  readonly instructions: readonly RegionInstruction[];
  /** Behind the last instruction. */
  readonly end: number;
  /** "next" when the block ends without a branch: what follows is left to the interpreter, or is a block of its own. */
  readonly ending: Ending;
  /** Blocks of the region that follow, by id, in the order of preference: behind a conditional jump taken first. */
  readonly successors: readonly number[];
  /** With a return in a copy: where the call that the copy belongs to comes back to. */
  readonly returnsTo?: number | undefined;
}

export interface Region {
  readonly page: RegionBase;
  readonly pages: readonly RegionPage[];
  /** Where it is worth entering, in the order of their discovery: the blocks that were asked for first. */
  readonly entries: readonly number[];
  /** Entries that a RET may lead to, and that another indirect branch may. */
  readonly returns: readonly number[];
  readonly targets: readonly number[];
  /** By id. */
  readonly blocks: ReadonlyMap<number, RegionBlock>;
}

/** Guest instructions in a region. */
export function instructionsIn({ blocks }: Region): number {
  let count = 0;
  for (const block of blocks.values()) count += block.instructions.length;
  return count;
}

/** The page of a region that has a position. */
export const pageAt = ({ pages }: Pick<Region, "pages">, position: number): RegionPage =>
  pages.find(({ offset }) => offset === (position & ~(PAGE - 1))) as RegionPage;

/** What discovery sees of the code that the processor has executed. Positions count from the same base as the region's. */
export interface ExecutedCode {
  readonly u8: Uint8Array;
  readonly selector: InstructionSelector;
  readonly page: RegionBase;
  /** Whether a block that begins there has been executed often enough to belong to a region. */
  isWarm(page: RegionPage, position: number): boolean;
  /** Whether it has been executed a few times, as one of many targets of a branch. */
  isLukewarm(page: RegionPage, position: number): boolean;
  /** The page of a position where a block is known, or undefined. */
  pageOf(position: number): RegionPage | undefined;
  /** The address that guest memory has at a linear address, if it is known where that is. */
  pointerAt(linear: bigint): bigint | undefined;
  /** What a general register holds while the region is planned, unsigned and as wide as the code. */
  registerNow(number: number): bigint;
  /** Positions of the warm blocks of a page. */
  warmBlocks(page: RegionPage): readonly number[];
  /** Fields of instructions that are loaded instead of being constants. */
  readonly patchedFields: Pick<PatchedFields, "ofInstruction" | "forget">;
  /** For the decoder to fill. */
  readonly scratch: DecodedInstruction;
  /** Instructions that have been read, by position. */
  readonly read: Map<number, Read>;
}

/** What stands at a position; length 0 for what cannot be decoded. */
export interface Read {
  readonly length: number;
  /** Undefined where an operand, or how control goes on, is none that regions have. */
  readonly instruction: RegionInstruction | undefined;
  readonly ending: Ending | undefined;
}
