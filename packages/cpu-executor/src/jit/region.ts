import { createDecodedInstruction, DECODE_STATUS, decodeInto } from "@likex/x86-decoder";
import type { InstructionSelector } from "../predecode.ts";
import { describe, type Ending, endingOf, type RegionInstruction } from "./instruction.ts";

/** Where a region's code is: all of it lies in one page. */
export interface RegionPage {
  /** Host address of the page. */
  readonly host: number;
  /** Instruction pointer of the page's first byte. */
  readonly rip: bigint;
  readonly bits: 32 | 64;
}

/** Instructions that are executed one after the other. Positions are bytes from the start of the page. */
export interface RegionBlock {
  readonly start: number;
  readonly instructions: readonly RegionInstruction[];
  /** Behind the last instruction. */
  readonly end: number;
  /** "next" when the block ends without a branch: what follows is left to the interpreter, or is a block of its own. */
  readonly ending: Ending;
  /** Blocks of the region that follow, in the order of preference: behind a conditional jump taken first. */
  readonly successors: readonly number[];
}

export interface Region {
  readonly page: RegionPage;
  readonly entry: number;
  readonly blocks: ReadonlyMap<number, RegionBlock>;
}

const PAGE = 4096;
const MOST_INSTRUCTIONS = 256;
const MOST_IN_BLOCK = 64;

interface Straight {
  readonly instructions: readonly RegionInstruction[];
  readonly end: number;
  readonly ending: Ending;
  readonly targets: readonly number[];
}

/** The blocks that direct branches reach from an entry without leaving its page; undefined where its first instruction is none for regions. */
export function discoverRegion(
  u8: Uint8Array,
  selector: InstructionSelector,
  page: RegionPage,
  entry: number,
): Region | undefined {
  const runs = new Map<number, Straight>();
  const open = [entry];
  let count = 0;
  for (let start = open.shift(); start !== undefined && count < MOST_INSTRUCTIONS; start = open.shift()) {
    if (runs.has(start)) continue;
    const run = readRun(u8, selector, page, start);
    if (run.instructions.length === 0) continue;
    runs.set(start, run);
    count += run.instructions.length;
    open.push(...run.targets);
  }
  return runs.has(entry) ? { page, entry, blocks: split(runs) } : undefined;
}

function readRun(u8: Uint8Array, selector: InstructionSelector, page: RegionPage, start: number): Straight {
  const instructions: RegionInstruction[] = [];
  let at = start;
  while (instructions.length < MOST_IN_BLOCK && at < PAGE) {
    const decoded = createDecodedInstruction();
    const status = decodeInto(u8, page.host + at, page.host + PAGE, page.bits, decoded);
    const selection = status === DECODE_STATUS.ok ? selector.select(decoded) : undefined;
    const ending = selection === undefined ? undefined : endingOf(selection);
    const instruction = selection === undefined ? undefined : describe(decoded, selection, at);
    if (ending === undefined || instruction === undefined) break;
    // Such a branch drops the upper half of the instruction pointer.
    if (ending !== "next" && decoded.operandSize === 16) break;
    instructions.push(instruction);
    at += decoded.length;
    if (ending === "next") continue;
    const target = at + decoded.immediate;
    const near = target >= 0 && target < PAGE ? [target] : [];
    const targets = ending === "jump" ? near : ending === "conditional" ? [...near, at] : [];
    return { instructions, end: at, ending, targets };
  }
  return { instructions, end: at, ending: "next", targets: [] };
}

/** Runs that begin in the middle of another end that one there, so that each instruction is in one block. */
function split(runs: ReadonlyMap<number, Straight>): Map<number, RegionBlock> {
  const blocks = new Map<number, RegionBlock>();
  for (const [start, run] of runs) {
    const cut = run.instructions.findIndex((instruction, i) => i > 0 && runs.has(instruction.start));
    const isCut = cut > 0;
    const instructions = isCut ? run.instructions.slice(0, cut) : run.instructions;
    const end = isCut ? (run.instructions[cut] as RegionInstruction).start : run.end;
    const ending = isCut ? "next" : run.ending;
    const follows = ending === "next" ? [end] : run.targets;
    blocks.set(start, { start, instructions, end, ending, successors: follows.filter((target) => runs.has(target)) });
  }
  return blocks;
}
