import { DECODE_STATUS, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import type { InstructionSelector } from "../predecode.ts";
import { describe, type Ending, endingOf, type RegionInstruction } from "./instruction.ts";

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
  readonly page: RegionBase;
  readonly pages: readonly RegionPage[];
  /** Where it is worth entering, in the order of their discovery: the blocks that were asked for first. */
  readonly entries: readonly number[];
  /** Entries that a RET may lead to, and that another indirect branch may. */
  readonly returns: readonly number[];
  readonly targets: readonly number[];
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
  /** The page of a position where a block is known, or undefined. */
  pageOf(position: number): RegionPage | undefined;
  /** Positions of the warm blocks of a page. */
  warmBlocks(page: RegionPage): readonly number[];
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

const PAGE = 4096;
/** Bytes of an instruction at most. */
const LONGEST = 15;
const MOST_INSTRUCTIONS = 256;
const MOST_IN_BLOCK = 64;
const MOST_PAGES = 4;
const MOST_TARGETS = 32;
/** Positions have to fit into 24 bits beside a count (write-region.ts). */
const FARTHEST = 1 << 22;

interface Straight {
  readonly instructions: readonly RegionInstruction[];
  readonly end: number;
  readonly ending: Ending;
  readonly targets: readonly number[];
}

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
  readonly #pages: RegionPage[] = [];
  readonly #runs = new Map<number, Straight>();
  readonly #entries: number[] = [];
  readonly #returns: number[] = [];
  readonly #targets: number[] = [];
  readonly #open: number[] = [];
  #count = 0;

  constructor(code: ExecutedCode) {
    this.#code = code;
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
      pages: this.#pages,
      entries,
      returns: [...new Set(this.#returns)].filter(isThere),
      targets: [...new Set(this.#targets)].filter(isThere),
      blocks: split(this.#runs),
    };
  }

  #addRun(start: number): void {
    const page = this.#pageOf(start);
    if (page === undefined) return;
    const run = this.#read(page, start);
    if (run.instructions.length === 0) return;
    this.#runs.set(start, run);
    this.#count += run.instructions.length;
    const isMiddle = (target: number): boolean => run.ending === "next" && target < page.offset + PAGE;
    this.#open.push(...run.targets.filter((target) => isMiddle(target) || this.#isWarm(target)));
  }

  #pageOf(position: number): RegionPage | undefined {
    const offset = position & ~(PAGE - 1);
    const known = this.#pages.find((page) => page.offset === offset);
    if (known !== undefined) return known;
    if (this.#pages.length === MOST_PAGES || Math.abs(offset) >= FARTHEST) return undefined;
    const page = this.#code.pageOf(position);
    if (page !== undefined) this.#pages.push(page);
    return page;
  }

  #isWarm(position: number): boolean {
    const page = this.#pageOf(position);
    return page !== undefined && this.#code.isWarm(page, position);
  }

  /** Notes a position as an entry, if it is worth one. */
  #addEntry(position: number, kind?: number[]): void {
    if (!this.#isWarm(position)) return;
    this.#entries.push(position);
    kind?.push(position);
    this.#open.push(position);
  }

  #read(page: RegionPage, start: number): Straight {
    const instructions: RegionInstruction[] = [];
    const pageEnd = page.offset + PAGE;
    let at = start;
    while (instructions.length < MOST_IN_BLOCK && at < pageEnd) {
      const { length, instruction, ending } = this.#instructionAt(page, at);
      if (ending === undefined || instruction === undefined || !this.#mayBranch(instruction, ending)) {
        // The interpreter carries it out, and comes back behind it.
        if (length > 0) this.#addEntry(at + length);
        break;
      }
      instructions.push(instruction);
      at += length;
      if (ending !== "next") return { instructions, end: at, ending, targets: this.#follow(instruction, ending) };
    }
    const isCut = instructions.length === MOST_IN_BLOCK || at >= pageEnd;
    return { instructions, end: at, ending: "next", targets: isCut ? [at] : [] };
  }

  #instructionAt(page: RegionPage, at: number): Read {
    const known = this.#code.read.get(at);
    if (known !== undefined) return known;
    const { u8, selector, page: base, scratch } = this.#code;
    const host = page.host - page.offset;
    let status = decodeInto(u8, host + at, host + page.offset + PAGE, base.bits, scratch);
    const crosses = status === DECODE_STATUS.truncated;
    if (crosses) status = this.#decodeAcross(page, at, scratch);
    if (status !== DECODE_STATUS.ok) return { length: 0, instruction: undefined, ending: undefined };
    // Making one for each instruction would take longer than all else here.
    const decoded = { ...scratch };
    const selection = selector.select(decoded);
    const read = {
      length: decoded.length,
      instruction: selection && describe(decoded, selection, at),
      ending: selection && endingOf(selection),
    };
    // What the next page has there is asked anew.
    if (!crosses) this.#code.read.set(at, read);
    return read;
  }

  /**
   * Decodes an instruction that ends in the next page, if that is known by a block that begins behind the instruction. Returns a
   * DECODE_STATUS.
   */
  #decodeAcross(page: RegionPage, at: number, decoded: DecodedInstruction): number {
    const { u8, page: base } = this.#code;
    const pageEnd = page.offset + PAGE;
    const here = pageEnd - at;
    const bytes = new Uint8Array(LONGEST);
    bytes.set(u8.subarray(page.host + at - page.offset, page.host + PAGE));
    for (let inNext = 1; here + inNext <= LONGEST; inNext++) {
      const next = this.#pageOf(pageEnd + inNext);
      if (next === undefined) continue;
      bytes.set(u8.subarray(next.host, next.host + LONGEST - here), here);
      return decodeInto(bytes, 0, LONGEST, base.bits, decoded);
    }
    return DECODE_STATUS.truncated;
  }

  /** A branch with an operand of 16 bits drops the upper half of the instruction pointer; one to no canonical address raises #GP. */
  #mayBranch({ end, decoded }: RegionInstruction, ending: Ending): boolean {
    if (ending === "next") return true;
    if (decoded.operandSize === 16) return false;
    const target = this.#code.page.rip + BigInt(end + decoded.immediate);
    return this.#code.page.bits === 32 || BigInt.asUintN(64, BigInt.asIntN(48, target)) === BigInt.asUintN(64, target);
  }

  /** Where a branch leads, as far as its code says. */
  #follow({ end, decoded }: RegionInstruction, ending: Ending): number[] {
    const target = end + decoded.immediate;
    if (ending === "jump") return [target];
    if (ending === "conditional") return [target, end];
    if (ending === "call") {
      this.#addEntry(target);
      this.#addEntry(end, this.#returns);
      return [target];
    }
    if (ending === "indirectCall") this.#addEntry(end, this.#returns);
    if (ending !== "return") this.#addTargets(end - 1);
    return [];
  }

  /** What an indirect branch may lead to: all that has been executed often in its page. */
  #addTargets(position: number): void {
    const page = this.#pageOf(position);
    if (page === undefined || this.#targets.length > 0) return;
    for (const target of this.#code.warmBlocks(page).slice(0, MOST_TARGETS)) this.#addEntry(target, this.#targets);
  }
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
