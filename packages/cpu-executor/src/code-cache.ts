import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { createDecodedInstruction, DECODE_STATUS, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import { type InstructionSelector, type RecordWriter, type Selection, writeInt64, writeRecord } from "./predecode.ts";
import { BLOCK, MAX_BLOCK_INSTRUCTIONS, RECORD } from "./record.ts";

/** Where code is fetched from: the page that holds its first byte, and for an instruction that crosses it, the next page. */
export interface CodeSource {
  /** Host address of the first byte. */
  readonly host: number;
  /** Linear address of the first byte, low and high int32. */
  readonly linearLow: number;
  readonly linearHigh: number;
  readonly rip: bigint;
  /** Default operand and address size. */
  readonly bits: 16 | 32 | 64;
  /** Highest valid instruction pointer. */
  readonly limit: bigint;
  /** Host address of the linear page behind, or the negative of a fetch failure; asked only for instructions that cross. */
  readonly nextPage: () => number;
}

interface CachedBlock {
  readonly address: number;
  readonly frame: number;
  readonly version: number;
}

/** The block could not be built: what stands at the instruction pointer cannot be fetched, or nothing may be there. */
export const FETCH = { failed: 0, beyondLimit: -1, tooLong: -2, badTarget: -3 } as const;

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
  readonly #blocks = new Map<string, CachedBlock>();
  readonly #decoded: DecodedInstruction = createDecodedInstruction();
  readonly #crossing: Uint8Array = new Uint8Array(16);
  #next: number;
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
    this.#blocks.clear();
    this.#memory.releaseFrames(this.#base, FRAMES);
  }

  /** The block that starts at the source, decoded if need be; or a FETCH code. */
  find(source: CodeSource): number {
    const frame = source.host & ~0xfff;
    const key = `${source.host}:${source.rip}:${source.bits}`;
    const known = this.#blocks.get(key);
    if (known !== undefined && known.version === this.#memory.frameVersion(frame as HostPhysicalAddress))
      return known.address;
    if (this.#next + LARGEST_BLOCK > this.#base + CAPACITY) this.#flush();
    const built = this.#build(source, MAX_BLOCK_INSTRUCTIONS);
    if (built.address <= 0) return built.address;
    this.#next = built.end;
    if (!built.crosses) {
      this.#memory.watchFrame(frame as HostPhysicalAddress);
      this.#blocks.set(key, {
        address: built.address,
        frame,
        version: this.#memory.frameVersion(frame as HostPhysicalAddress),
      });
    }
    return built.address;
  }

  /** A block of at most `count` instructions that is used once: its code is neither watched nor found again. */
  temporary(source: CodeSource, count: number): number {
    if (this.#next + LARGEST_BLOCK > this.#base + CAPACITY) this.#flush();
    return this.#build(source, Math.min(count, MAX_BLOCK_INSTRUCTIONS)).address;
  }

  /** True when the block at this address can be found again, so that the jump cache may hold it. */
  isKept(source: CodeSource): boolean {
    return this.#blocks.has(`${source.host}:${source.rip}:${source.bits}`);
  }

  #flush(): void {
    this.#blocks.clear();
    this.#next = this.#base;
    this.generation++;
  }

  #build(source: CodeSource, most: number): { address: number; end: number; crosses: boolean } {
    const { i32, u16, u8 } = this.#memory;
    const d = this.#decoded;
    const address = this.#next;
    const pageEnd = (source.host & ~0xfff) + 4096;
    let at = address + BLOCK.size;
    let host = source.host;
    let rip = source.rip;
    let count = 0;
    let crosses = false;
    let previous: Selection | undefined;
    while (count < most) {
      let status = decodeInto(u8, host, pageEnd, source.bits, d);
      if (status === DECODE_STATUS.truncated) {
        if (count > 0) break;
        const next = source.nextPage();
        if (next <= 0) return { address: next, end: 0, crosses };
        crosses = true;
        const here = pageEnd - host;
        this.#crossing.set(u8.subarray(host, pageEnd));
        this.#crossing.set(u8.subarray(next, next + 16 - here), here);
        status = decodeInto(this.#crossing, 0, 15, source.bits, d);
        if (status === DECODE_STATUS.truncated) status = DECODE_STATUS.tooLong;
      }
      if (status === DECODE_STATUS.tooLong) {
        if (count > 0) break;
        return { address: FETCH.tooLong, end: 0, crosses };
      }
      const selection = status === DECODE_STATUS.ok ? this.#selector.select(d) : undefined;
      if (selection !== undefined && rip + BigInt(d.length) - 1n > source.limit) {
        if (count > 0) break;
        return { address: FETCH.beyondLimit, end: 0, crosses };
      }
      if (selection === undefined) {
        i32.fill(0, at >> 2, (at + RECORD.size) >> 2);
        u16[(at + RECORD.handler) >> 1] = this.#selector.undefinedInstruction;
        u8[at + RECORD.length] = status === DECODE_STATUS.ok ? d.length : 1;
        u8[at + RECORD.index] = count++;
        at += RECORD.size;
        break;
      }
      rip += BigInt(d.length);
      host += d.length;
      const size = this.#write(this.#memory, at, d, selection, count++, source.bits, rip);
      const fused = previous === undefined ? undefined : this.#selector.fuse(previous, selection);
      if (fused !== undefined) u16[(at - RECORD.size + RECORD.handler) >> 1] = fused;
      previous = selection;
      at += size;
      if (selection.endsBlock || crosses || host >= pageEnd) break;
    }
    if (previous === undefined || !previous.endsBlock) at = this.#continueBehind(at, count, rip);
    writeInt64(i32, address + BLOCK.rip, source.rip);
    writeInt64(i32, address + BLOCK.end, rip);
    i32[(address + BLOCK.count) >> 2] = count;
    i32[(address + BLOCK.linear) >> 2] = source.linearLow;
    i32[(address + BLOCK.linear + 4) >> 2] = source.linearHigh;
    return { address, end: at, crosses };
  }

  /** A jump to the next instruction that counts as none: blocks end with it when no instruction ends them. */
  #continueBehind(at: number, index: number, rip: bigint): number {
    const { u16, u8, i32 } = this.#memory;
    i32.fill(0, at >> 2, (at + RECORD.size) >> 2);
    u16[(at + RECORD.handler) >> 1] = this.#selector.handlerOf("continue 32") as number;
    u8[at + RECORD.index] = index;
    writeInt64(i32, at + RECORD.target, rip);
    return at + RECORD.size;
  }
}
