import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { CodeCache, type CodeSource, FETCH } from "./code-cache.ts";
import type { CodePatches } from "./code-patches.ts";
import { CONTEXT, SEGMENT } from "./context.ts";
import type { InstructionSelector } from "./predecode.ts";
import { BLOCK } from "./record.ts";
import type { SoftTlb } from "./soft-tlb.ts";
import type { CpuState } from "./state.ts";

/** Finds the block at the instruction pointer: in the jump cache, in the code cache, or by decoding it. */
export class BlockFinder {
  readonly #memory: HostMemory;
  readonly #state: CpuState;
  readonly #tlb: SoftTlb;
  /** The decoded blocks. */
  readonly code: CodeCache;
  /** Where there is compiled code, which it is worth to keep when its fields change. */
  patches: CodePatches | undefined;
  readonly #source: MutableSource;
  #epoch: number;
  #codeGeneration = 0;

  constructor(memory: HostMemory, state: CpuState, tlb: SoftTlb, selector: InstructionSelector) {
    this.#memory = memory;
    this.#state = state;
    this.#tlb = tlb;
    this.code = new CodeCache(memory, selector);
    this.code.watch = (frame) => this.#watch(frame);
    this.#epoch = memory.watchEpoch;
    this.#source = new MutableSource(() => this.#fetchNextPage());
  }

  dispose(): void {
    this.code.dispose();
  }

  /** False where others' writes to watched frames, or a flush of the code cache, may have made blocks stale. */
  get isCurrent(): boolean {
    return this.#memory.watchEpoch === this.#epoch && this.code.generation === this.#codeGeneration;
  }

  /** Drops what is not current. */
  refresh(): void {
    if (this.isCurrent) return;
    this.#codeGeneration = this.code.generation;
    this.dropCached();
  }

  dropCached(): void {
    this.#tlb.flush();
    this.#epoch = this.#memory.watchEpoch;
  }

  /** The processor itself is about to write a frame that holds decoded code: that code is dropped, all else stays. */
  codeWritten(frame: HostPhysicalAddress): void {
    const { isCurrent } = this;
    this.#memory.noteWrite(frame);
    if (!isCurrent) {
      this.dropCached();
      return;
    }
    this.code.frameChanged(frame, ({ ripLow, address }) => this.#tlb.forgetBlock(ripLow, address));
    this.#epoch = this.#memory.watchEpoch;
  }

  /** The processor itself writes four bytes of such a frame: true where they are a field that code is patched at, and written. */
  patch(at: number, value: number): boolean {
    if (!this.isCurrent || this.patches?.write(at, value) !== true) return false;
    this.#epoch = this.#memory.watchEpoch;
    return true;
  }

  /** From now on it must not write the frame without a look; what it has cached of others stays. */
  #watch(frame: HostPhysicalAddress): void {
    if (this.#memory.isWatched(frame)) return;
    const hasSeenAll = this.#memory.watchEpoch === this.#epoch;
    this.#memory.watchFrame(frame);
    this.#tlb.forgetWritable(frame);
    if (hasSeenAll) this.#epoch = this.#memory.watchEpoch;
  }

  /** The block at RIP, or a FETCH code. A region that leaves an instruction to the interpreter makes it go on there ("resume"). */
  find(kind: "entry" | "resume" = "entry"): number {
    const block = this.#find(kind);
    if (kind === "entry" || block <= 0) return block;
    // As it was before it was compiled, or the region would leave the same instruction again.
    const original = this.#memory.i32[(block + BLOCK.original) >> 2] as number;
    return original === 0 ? block : original;
  }

  #find(kind: "entry" | "resume"): number {
    const { i32 } = this.#memory;
    const ripAt = (this.#state.contextAddress + CONTEXT.rip) >> 2;
    const low = i32[ripAt] as number;
    const high = i32[ripAt + 1] as number;
    this.#useCode();
    const known = this.#tlb.knownBlock(low, high);
    if (known !== 0) return known;
    const source = this.#locate();
    if (typeof source === "number") return source;
    const block = this.code.find(source, kind);
    if (block <= 0) return block;
    this.refresh();
    if (this.code.isKept) this.#tlb.keepBlock(low, high, block);
    return block;
  }

  #useCode(): void {
    const state = this.#state;
    if (state.codeBits === 64) this.#tlb.useCode(0, -1, 64);
    else this.#tlb.useCode(state.segmentBaseLow(SEGMENT.cs), state.segmentLimit(SEGMENT.cs) | 0, state.codeBits);
  }

  /** A block of at most `count` instructions at RIP that is used once. */
  temporary(count: number): number {
    const source = this.#locate();
    if (typeof source === "number") return source;
    const block = this.code.temporary(source, count);
    if (this.code.generation !== this.#codeGeneration) {
      this.#codeGeneration = this.code.generation;
      this.dropCached();
    }
    return block;
  }

  /** An instruction may begin at RIP: it is canonical, or not beyond the limit of CS. */
  isInCode(): boolean {
    const { i32, u32 } = this.#memory;
    const at = (this.#state.contextAddress + CONTEXT.rip) >> 2;
    const high = i32[at + 1] as number;
    // Above bit 47 all bits are the same.
    if (this.#state.codeBits === 64) return high >> 15 === 0 || high >> 15 === -1;
    return high === 0 && (u32[at] as number) <= this.#state.segmentLimit(SEGMENT.cs);
  }

  /** Where the code at RIP is, or a FETCH code. */
  #locate(): CodeSource | number {
    const source = this.#source;
    const state = this.#state;
    const { i32 } = this.#memory;
    const ripAt = (state.contextAddress + CONTEXT.rip) >> 2;
    source.bits = state.codeBits;
    if (!this.isInCode()) return FETCH.badTarget;
    const is64 = source.bits === 64;
    source.ripLow = i32[ripAt] as number;
    source.ripHigh = i32[ripAt + 1] as number;
    source.limit = is64 ? Number.POSITIVE_INFINITY : state.segmentLimit(SEGMENT.cs);
    source.linearLow = is64 ? source.ripLow : (state.segmentBaseLow(SEGMENT.cs) + source.ripLow) | 0;
    source.linearHigh = is64 ? source.ripHigh : 0;
    const page = this.#tlb.fetch(source.linearLow, source.linearHigh);
    if (page < 0) return FETCH.failed;
    source.host = page + (source.linearLow & 0xfff);
    return source;
  }

  #fetchNextPage(): number {
    const { linearLow, linearHigh, bits } = this.#source;
    const low = ((linearLow & ~0xfff) + 4096) | 0;
    // Outside 64-bit mode linear addresses have 32 bits (SDM Vol 3A, 3.4).
    const high = low === 0 && bits === 64 ? (linearHigh + 1) | 0 : linearHigh;
    const page = this.#tlb.fetch(low, high);
    return page >= 0 ? page : FETCH.failed;
  }
}

class MutableSource implements CodeSource {
  host = 0;
  linearLow = 0;
  linearHigh = 0;
  ripLow = 0;
  ripHigh = 0;
  bits: 16 | 32 | 64 = 16;
  limit = 0;
  readonly nextPage: () => number;

  constructor(nextPage: () => number) {
    this.nextPage = nextPage;
  }
}
