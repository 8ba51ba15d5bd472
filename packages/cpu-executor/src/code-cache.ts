import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { createDecodedInstruction, DECODE_STATUS, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import {
  type InstructionSelector,
  type RecordWriter,
  type Selection,
  writePair,
  writeRecord,
  writeSum,
} from "./predecode.ts";
import { BLOCK, MAX_BLOCK_INSTRUCTIONS, NEVER_HOT, RECORD, REGION_HANDLER } from "./record.ts";

/** Where code is, in host memory and as the guest sees it. */
export interface CodePlace {
  /** Host address of the first byte. */
  readonly host: number;
  /** Instruction pointer, low and high int32. */
  readonly ripLow: number;
  readonly ripHigh: number;
  /** Default operand and address size. */
  readonly bits: number;
}

/** Where code is fetched from: the page that holds its first byte, and for an instruction that crosses it, the next page. */
export interface CodeSource extends CodePlace {
  /** Linear address of the first byte, low and high int32. */
  readonly linearLow: number;
  readonly linearHigh: number;
  readonly bits: 16 | 32 | 64;
  /** Highest valid instruction pointer, Infinity in 64-bit code. */
  readonly limit: number;
  /** Host address of the linear page behind, or the negative of a fetch failure; asked only for instructions that cross. */
  readonly nextPage: () => number;
}

interface CachedBlock {
  readonly ripLow: number;
  readonly ripHigh: number;
  readonly bits: number;
  address: number;
  /** Of the frame that holds its code, when it was decoded, and patches of it that its records have followed. */
  version: number;
  patches: number;
  /** The same of the frame that its one instruction crosses into. */
  crossed: { readonly frame: HostPhysicalAddress; readonly version: number; readonly patches: number } | undefined;
  /** It is among those of its frame. */
  isListed: boolean;
  /** Another block at the same place, which the guest sees elsewhere or as code of another width. */
  readonly next: CachedBlock | undefined;
}

/** The guest sees two pieces of code, which begin at the same host address, at the same place and as code of the same width. */
export const isSameView = (a: Omit<CodePlace, "host">, b: Omit<CodePlace, "host">): boolean =>
  a.ripLow === b.ripLow && a.ripHigh === b.ripHigh && a.bits === b.bits;

/** The block could not be built: what stands at the instruction pointer cannot be fetched, or nothing may be there. */
export const FETCH = { failed: -4, beyondLimit: -1, tooLong: -2, badTarget: -3 } as const;

const FRAMES = 64;
const CAPACITY = FRAMES * 4096;

/** Bytes that a block may take at most, with up to four records an instruction. */
const LARGEST_BLOCK = BLOCK.size + 4 * MAX_BLOCK_INSTRUCTIONS * RECORD.size;

/** Decoded blocks in host memory, found by where their code is in host memory and where the guest sees it. */
export class CodeCache {
  readonly #memory: HostMemory;
  readonly #selector: InstructionSelector;
  readonly #write: RecordWriter;
  readonly #base: HostPhysicalAddress;
  /** By the host address of their code. */
  readonly #blocks = new Map<number, CachedBlock>();
  /** By frame, those that have been decoded since it was last said to change. */
  readonly #ofFrame = new Map<number, CachedBlock[]>();
  readonly #decoded: DecodedInstruction = createDecodedInstruction();
  readonly #crossing: Uint8Array = new Uint8Array(16);
  #next: number;
  /** Whether the block last found can be found again, so that the jump cache may hold it. */
  isKept = false;
  /** Where the block last built ends, and whether its code crosses a page. */
  #end = 0;
  #crosses = false;
  /** Host address of the page that it crosses into. */
  #crossedInto = 0;
  /** BLOCK.heat of new blocks that can be found again, by where their code is. */
  heatOf: (place: CodePlace) => number = () => NEVER_HOT;
  /** Has a frame watched whose code is decoded. */
  watch: (frame: HostPhysicalAddress) => void = (frame) => this.#memory.watchFrame(frame);
  /** Called before all blocks are dropped, by flush() or for good by dispose(). */
  onDrop: (by: "flush" | "dispose") => void = () => undefined;
  /** Incremented when every block's address has become invalid. */
  generation = 0;

  constructor(memory: HostMemory, selector: InstructionSelector, write: RecordWriter = writeRecord) {
    this.#memory = memory;
    this.#selector = selector;
    this.#write = write;
    this.#base = memory.allocateFrames(FRAMES);
    this.#next = this.#base;
  }

  dispose(): void {
    this.onDrop("dispose");
    this.#forgetBlocks();
    this.#memory.releaseFrames(this.#base, FRAMES);
  }

  /**
   * The block that starts at the source, decoded if need be; or a FETCH code. One that goes on in the middle of a block that has
   * been compiled ("resume") never becomes hot by itself.
   */
  find(source: CodeSource, kind: "entry" | "resume" = "entry"): number {
    const frame = (source.host & ~0xfff) as HostPhysicalAddress;
    let known = this.#known(source);
    this.isKept = true;
    if (known !== undefined && this.#isCurrent(known, source)) {
      this.isKept = known.crossed === undefined;
      return known.address;
    }
    if (this.#next + LARGEST_BLOCK > this.#base + CAPACITY) {
      this.flush();
      known = undefined;
    }
    const address = this.#build(source, MAX_BLOCK_INSTRUCTIONS);
    this.isKept = address > 0 && !this.#crosses;
    if (address <= 0) return address;
    this.#next = this.#end;
    this.watch(frame);
    const version = this.#memory.frameVersion(frame);
    const crossed = this.#crosses ? this.#watchCrossed() : undefined;
    const heat = kind === "entry" ? this.heatOf(source) : NEVER_HOT;
    this.#memory.i32[(address + BLOCK.heat) >> 2] = heat;
    this.#memory.i32[(address + BLOCK.first) >> 2] = heat;
    this.#memory.i32[(address + BLOCK.version) >> 2] = version;
    const block = known ?? this.#add(source);
    block.address = address;
    block.version = version;
    block.patches = this.#memory.framePatches(frame);
    block.crossed = crossed;
    if (!block.isListed) this.#list(frame, block);
    return address;
  }

  /** A block for the place, which has no code yet. */
  #add({ host, ripLow, ripHigh, bits }: CodePlace): CachedBlock {
    const next = this.#blocks.get(host);
    const block: CachedBlock = {
      ...{ ripLow, ripHigh, bits, next },
      ...{ address: 0, version: 0, patches: 0, crossed: undefined, isListed: false },
    };
    this.#blocks.set(host, block);
    return block;
  }

  #list(frame: HostPhysicalAddress, block: CachedBlock): void {
    const list = this.#ofFrame.get(frame);
    if (list === undefined) this.#ofFrame.set(frame, [block]);
    else list.push(block);
    block.isListed = true;
  }

  /** The frame's code has changed, which its version tells: `told` is given each block that was decoded from it. */
  frameChanged(
    frame: HostPhysicalAddress,
    told: (block: { readonly address: number; readonly ripLow: number }) => void,
  ): void {
    for (const block of this.#ofFrame.get(frame) ?? []) {
      told(block);
      block.isListed = false;
    }
    this.#ofFrame.delete(frame);
  }

  /**
   * Has a frame patched: `patch` is given the blocks that were decoded from it as it is now, and true says that it has written
   * and had their records follow.
   */
  followed(frame: HostPhysicalAddress, patch: (blocks: readonly number[]) => boolean): boolean {
    const current = (this.#ofFrame.get(frame) ?? []).filter((block) => this.#isAsDecoded(block, frame));
    if (!patch(current.map(({ address }) => address))) return false;
    for (const block of current) block.patches = this.#memory.framePatches(frame);
    return true;
  }

  /** Its code is what it was. Where the guest has the page that it crosses into is asked each time. */
  #isCurrent(block: CachedBlock, source: CodeSource): boolean {
    if (!this.#isAsDecoded(block, (source.host & ~0xfff) as HostPhysicalAddress)) return false;
    const { crossed } = block;
    return crossed === undefined || (this.#isAsDecoded(crossed, crossed.frame) && crossed.frame === source.nextPage());
  }

  #isAsDecoded(of: { readonly version: number; readonly patches: number }, frame: HostPhysicalAddress): boolean {
    return of.version === this.#memory.frameVersion(frame) && of.patches === this.#memory.framePatches(frame);
  }

  #watchCrossed(): CachedBlock["crossed"] {
    const frame = this.#crossedInto as HostPhysicalAddress;
    this.watch(frame);
    return { frame, version: this.#memory.frameVersion(frame), patches: this.#memory.framePatches(frame) };
  }

  #known(source: CodePlace): CachedBlock | undefined {
    let block = this.#blocks.get(source.host);
    while (block !== undefined && !isSameView(block, source)) block = block.next;
    return block;
  }

  /** A block of at most `count` instructions that is used once: its code is neither watched nor found again. */
  temporary(source: CodeSource, count: number): number {
    if (this.#next + LARGEST_BLOCK > this.#base + CAPACITY) this.flush();
    return this.#build(source, Math.min(count, MAX_BLOCK_INSTRUCTIONS));
  }

  /** The block that was decoded from a place in host memory as it is now, or 0. */
  blockAt(place: CodePlace): number {
    const block = this.#known(place);
    const isCurrent = block !== undefined && this.#isAsDecoded(block, (place.host & ~0xfff) as HostPhysicalAddress);
    return isCurrent ? block.address : 0;
  }

  /** All blocks since the last flush: also those whose code has changed, and the copies that attach() makes; no temporary ones. */
  *blocks(): IterableIterator<number> {
    const { u16 } = this.#memory;
    for (let at: number = this.#base; at < this.#next; at += u16[(at + BLOCK.bytes) >> 1] as number) yield at;
  }

  /**
   * Makes the block run an entry of a compiled region: in place, because others are linked to it, with a copy beside it for what
   * the region leaves to the interpreter, which has the block's entries so far. False where there is no room for the copy.
   */
  attach(block: number, region: number, entry: number): boolean {
    const { i32, u16, u8 } = this.#memory;
    if (i32[(block + BLOCK.original) >> 2] === 0) {
      const bytes = u16[(block + BLOCK.bytes) >> 1] as number;
      if (this.#next + bytes > this.#base + CAPACITY) return false;
      const copy = this.#next;
      this.#next += bytes;
      u8.copyWithin(copy, block, block + bytes);
      const entries = (i32[(block + BLOCK.first) >> 2] as number) - (i32[(block + BLOCK.heat) >> 2] as number);
      i32[(copy + BLOCK.heat) >> 2] = NEVER_HOT;
      i32[(copy + BLOCK.first) >> 2] = NEVER_HOT + entries;
      i32[(block + BLOCK.heat) >> 2] = NEVER_HOT;
      i32[(block + BLOCK.count) >> 2] = 0;
      i32[(block + BLOCK.original) >> 2] = copy;
      u16[(block + BLOCK.size + RECORD.handler) >> 1] = REGION_HANDLER;
    }
    i32[(block + BLOCK.region) >> 2] = region;
    i32[(block + BLOCK.entry) >> 2] = entry;
    return true;
  }

  #forgetBlocks(): void {
    this.#blocks.clear();
    this.#ofFrame.clear();
  }

  /** Drops every block. */
  flush(): void {
    this.onDrop("flush");
    this.#forgetBlocks();
    this.#next = this.#base;
    this.generation++;
  }

  /** Decodes a block at `#next`: its address, or a FETCH code. */
  #build(source: CodeSource, most: number): number {
    const { i32, u16, u8 } = this.#memory;
    const d = this.#decoded;
    const address = this.#next;
    const pageEnd = (source.host & ~0xfff) + 4096;
    let at = address + BLOCK.size;
    let host = source.host;
    /** Bytes from the block's first to the one behind the last instruction. */
    let bytes = 0;
    let count = 0;
    this.#crosses = false;
    let previous: Selection | undefined;
    while (count < most) {
      let status = decodeInto(u8, host, pageEnd, source.bits, d);
      if (status === DECODE_STATUS.truncated) {
        if (count > 0) break;
        const next = source.nextPage();
        if (next < 0) return next;
        this.#crosses = true;
        this.#crossedInto = next;
        const here = pageEnd - host;
        this.#crossing.set(u8.subarray(host, pageEnd));
        this.#crossing.set(u8.subarray(next, next + 16 - here), here);
        status = decodeInto(this.#crossing, 0, 15, source.bits, d);
        if (status === DECODE_STATUS.truncated) status = DECODE_STATUS.tooLong;
      }
      if (status === DECODE_STATUS.tooLong) {
        if (count > 0) break;
        return FETCH.tooLong;
      }
      const selection = status === DECODE_STATUS.ok ? this.#selector.select(d) : undefined;
      // Of what is no instruction nobody knows how long it is: it has one byte.
      const length = status === DECODE_STATUS.ok ? d.length : 1;
      if ((source.ripLow >>> 0) + bytes + length - 1 > source.limit) {
        if (count > 0) break;
        return FETCH.beyondLimit;
      }
      if (selection === undefined) {
        i32.fill(0, at >> 2, (at + RECORD.size) >> 2);
        u16[(at + RECORD.handler) >> 1] = this.#selector.undefinedInstruction;
        u8[at + RECORD.length] = length;
        u8[at + RECORD.index] = count++;
        at += RECORD.size;
        break;
      }
      bytes += d.length;
      host += d.length;
      writeSum(i32, address + BLOCK.end, source.ripLow, source.ripHigh, bytes);
      const nextLow = i32[(address + BLOCK.end) >> 2] as number;
      const nextHigh = i32[(address + BLOCK.end + 4) >> 2] as number;
      const size = this.#write(this.#memory, at, d, selection, count++, source.bits, nextLow, nextHigh);
      const fused = previous === undefined ? undefined : this.#selector.fuse(previous, selection);
      if (fused !== undefined) u16[(at - RECORD.size + RECORD.handler) >> 1] = fused;
      previous = selection;
      at += size;
      if (selection.endsBlock || this.#crosses || host >= pageEnd) break;
    }
    writeSum(i32, address + BLOCK.end, source.ripLow, source.ripHigh, bytes);
    if (previous === undefined || !previous.endsBlock) at = this.#continueBehind(at, count, address);
    writePair(i32, address + BLOCK.rip, source.ripLow, source.ripHigh);
    i32[(address + BLOCK.count) >> 2] = count;
    i32[(address + BLOCK.heat) >> 2] = NEVER_HOT;
    i32[(address + BLOCK.first) >> 2] = NEVER_HOT;
    i32[(address + BLOCK.host) >> 2] = source.host;
    i32[(address + BLOCK.original) >> 2] = 0;
    u8[address + BLOCK.bits] = source.bits;
    u16[(address + BLOCK.bytes) >> 1] = at - address;
    writePair(i32, address + BLOCK.linear, source.linearLow, source.linearHigh);
    this.#end = at;
    return address;
  }

  /** A jump to the next instruction that counts as none: blocks end with it when no instruction ends them. */
  #continueBehind(at: number, index: number, block: number): number {
    const { u16, u8, i32 } = this.#memory;
    i32.fill(0, at >> 2, (at + RECORD.size) >> 2);
    u16[(at + RECORD.handler) >> 1] = this.#selector.continuation;
    u8[at + RECORD.index] = index;
    writePair(
      i32,
      at + RECORD.target,
      i32[(block + BLOCK.end) >> 2] as number,
      i32[(block + BLOCK.end + 4) >> 2] as number,
    );
    return at + RECORD.size;
  }
}
