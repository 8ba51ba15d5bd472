import { DECODE_STATUS, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import { describe, type Ending, endingOf, type RegionInstruction } from "./instruction.ts";
import type { ExecutedCode, Read, RegionPage } from "./region.ts";

const PAGE = 4096;
/** Bytes of an instruction at most. */
const LONGEST = 15;
const MOST_IN_BLOCK = 64;
const MOST_PAGES = 4;
/** Pages that are only there for copies of leaf functions. */
const MOST_LEAF_PAGES = 60;
/** Positions have to fit into 24 bits beside a count (write-region.ts). */
const FARTHEST = 1 << 22;

/** Instructions from a position to the first that ends a block. */
export interface Straight {
  readonly instructions: readonly RegionInstruction[];
  readonly end: number;
  readonly ending: Ending;
  /** Where direct branches, and the end of a page, lead to. */
  readonly targets: readonly number[];
  /** Behind the instruction at `end`, where that is left to the interpreter. */
  readonly behind: number | undefined;
}

/** Reads the code that a region is to be made of, and notes its pages. */
export class CodeReader {
  readonly pages: RegionPage[] = [];
  readonly #code: ExecutedCode;
  readonly #ofLeaves = new Set<RegionPage>();

  constructor(code: ExecutedCode) {
    this.#code = code;
  }

  /** Undefined where the region may not have code. */
  pageOf(position: number): RegionPage | undefined {
    const known = this.#knownPage(position);
    const isLeaf = known !== undefined && this.#ofLeaves.has(known);
    if (known !== undefined && !isLeaf) return known;
    if (this.pages.length - this.#ofLeaves.size === MOST_PAGES) return undefined;
    if (isLeaf) this.#ofLeaves.delete(known);
    const page = known ?? this.#findPage(position);
    if (page !== undefined && known === undefined) this.pages.push(page);
    return page;
  }

  /** A position's page for a function that is copied to its callers: `noteLeaf` makes it one of the region's. */
  leafPageOf(position: number): RegionPage | undefined {
    const known = this.#knownPage(position);
    return known ?? (this.#ofLeaves.size < MOST_LEAF_PAGES ? this.#findPage(position) : undefined);
  }

  isWarmLeaf(position: number): boolean {
    const page = this.leafPageOf(position);
    return page !== undefined && this.#code.isWarm(page, position);
  }

  noteLeaf(page: RegionPage): void {
    if (this.pages.includes(page)) return;
    this.pages.push(page);
    this.#ofLeaves.add(page);
  }

  #knownPage(position: number): RegionPage | undefined {
    const offset = position & ~(PAGE - 1);
    return this.pages.find((page) => page.offset === offset);
  }

  #findPage(position: number): RegionPage | undefined {
    return Math.abs(position & ~(PAGE - 1)) < FARTHEST ? this.#code.pageOf(position) : undefined;
  }

  isWarm(position: number): boolean {
    const page = this.pageOf(position);
    return page !== undefined && this.#code.isWarm(page, position);
  }

  read(page: RegionPage, start: number): Straight {
    const instructions: RegionInstruction[] = [];
    const pageEnd = page.offset + PAGE;
    let at = start;
    while (instructions.length < MOST_IN_BLOCK && at < pageEnd) {
      const { length, instruction, ending } = this.#instructionAt(page, at);
      if (ending === undefined || instruction === undefined || !this.#mayBranch(instruction, ending)) {
        // The interpreter carries it out, and comes back behind it.
        const behind = length > 0 ? at + length : undefined;
        return { instructions, end: at, ending: "next", targets: [], behind };
      }
      instructions.push(instruction);
      at += length;
      if (ending === "next") continue;
      return { instructions, end: at, ending, targets: targetsOf(instruction, ending), behind: undefined };
    }
    return { instructions, end: at, ending: "next", targets: [at], behind: undefined };
  }

  #instructionAt(page: RegionPage, at: number): Read {
    const known = this.#code.read.get(at);
    if (known !== undefined) return known;
    const { u8, selector, page: base, scratch, patchedFields } = this.#code;
    const host = page.host - page.offset;
    let status = decodeInto(u8, host + at, host + page.offset + PAGE, base.bits, scratch);
    const crosses = status === DECODE_STATUS.truncated;
    if (crosses) status = this.#decodeAcross(page, at, scratch);
    if (status !== DECODE_STATUS.ok) return { length: 0, instruction: undefined, ending: undefined };
    // Making one for each instruction would take longer than all else here.
    const decoded = { ...scratch };
    const selection = selector.select(decoded);
    const { length } = decoded;
    const patched = patchedFields.ofInstruction({ start: host + at, length, bits: base.bits }, selector);
    const read = {
      length,
      instruction: selection && describe(decoded, selection, at, patched),
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
      const next = this.pageOf(pageEnd + inNext);
      if (next === undefined) continue;
      bytes.set(u8.subarray(next.host, next.host + LONGEST - here), here);
      this.#code.patchedFields.forget(next.host, LONGEST - here);
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
}

/** Where a branch leads, as far as its code says: of a call, the function. */
function targetsOf({ end, decoded }: RegionInstruction, ending: Ending): readonly number[] {
  const target = end + decoded.immediate;
  if (ending === "jump" || ending === "call") return [target];
  return ending === "conditional" ? [target, end] : [];
}
