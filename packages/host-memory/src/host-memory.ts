import { type HostPhysicalAddress, PAGE_SHIFT, PAGE_SIZE } from "./address.ts";
import { AddressSpace } from "./address-space.ts";
import { InvalidMemoryArgumentError, OutOfHostMemoryError } from "./errors.ts";
import { FrameAllocator } from "./frames.ts";

const DEFAULT_BYTES = 256 << 20;
const WASM_PAGE = 65536;
/** WebAssembly memories with 32-bit addresses end at 4 GiB; signed indices end at 2 GiB. */
const LARGEST = 2 ** 31 - WASM_PAGE;

export interface HostMemoryOptions {
  /** Size in bytes, a multiple of 64 KiB up to 2 GiB - 64 KiB; 256 MiB when absent. Untouched memory costs the machine nothing. */
  readonly bytes?: number;
}

/**
 * All host-physical memory: one WebAssembly memory of fixed size, so that views of it never detach, in frames of 4 KiB
 * with reference counts. Frames that hold decoded code are watched: their writers tell, and processors drop what they
 * cached.
 */
export class HostMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;
  readonly #frames: FrameAllocator;
  readonly #noteFreed = (address: HostPhysicalAddress): void => this.noteWrite(address);
  /** For each frame: bit 0 watched, the bits above its version. */
  readonly #code: Uint32Array;
  /** By frame number: how often its code was patched in place. */
  readonly #patches = new Map<number, number>();
  #zero: HostPhysicalAddress | undefined;
  #watchEpoch = 0;

  private constructor(memory: WebAssembly.Memory) {
    const { buffer } = memory;
    this.memory = memory;
    this.bytes = buffer.byteLength;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.view = new DataView(buffer);
    this.#frames = new FrameAllocator(this.u8);
    this.#code = new Uint32Array(this.#frames.total);
  }

  /** Throws InvalidMemoryArgumentError for a size that cannot be, OutOfHostMemoryError when the machine refuses it. */
  static create(options: HostMemoryOptions = {}): HostMemory {
    const bytes = options.bytes ?? DEFAULT_BYTES;
    if (!Number.isInteger(bytes) || bytes < WASM_PAGE || bytes > LARGEST || bytes % WASM_PAGE !== 0)
      throw new InvalidMemoryArgumentError(
        `an arena of ${bytes} bytes was asked: give a multiple of 65536 from 65536 to ${LARGEST}`,
      );
    const pages = bytes / WASM_PAGE;
    try {
      return new HostMemory(new WebAssembly.Memory({ initial: pages, maximum: pages }));
    } catch (error) {
      if (error instanceof RangeError) throw new OutOfHostMemoryError(bytes / PAGE_SIZE, 0, "single");
      throw error;
    }
  }

  get framesInUse(): number {
    return this.#frames.inUse;
  }

  /** Frames of the arena, the first one included, which is never handed out. */
  get framesTotal(): number {
    return this.#frames.total;
  }

  /** A zeroed frame with one reference; throws OutOfHostMemoryError. */
  allocateFrame(): HostPhysicalAddress {
    return this.#frames.allocate();
  }

  /** `count` contiguous zeroed frames, one reference each; throws OutOfHostMemoryError. */
  allocateFrames(count: number): HostPhysicalAddress {
    return this.#frames.allocateRun(count);
  }

  retainFrame(address: HostPhysicalAddress): void {
    this.#frames.retain(address);
  }

  /** One more reference to every frame number of the list; 0 stands for no frame. */
  retainFrameNumbers(frames: Uint32Array): void {
    this.#frames.retainAll(frames);
  }

  releaseFrame(address: HostPhysicalAddress): void {
    if (this.#frames.release(address)) this.noteWrite(address);
  }

  /** Drops a reference of each of `count` frames side by side. */
  releaseFrames(address: HostPhysicalAddress, count: number): void {
    this.#frames.releaseRun(address, count, this.#noteFreed);
  }

  /** References to a frame, 0 when it is free. Forked address spaces that share a page table count as one. */
  references(address: HostPhysicalAddress): number {
    return this.#frames.references(address);
  }

  /** The frame behind every page that was never written; it is never written either. */
  get zeroFrame(): HostPhysicalAddress {
    this.#zero ??= this.#frames.allocate();
    return this.#zero;
  }

  readU32(address: HostPhysicalAddress): number {
    return this.view.getUint32(address, true);
  }

  readU64(address: HostPhysicalAddress): bigint {
    return this.view.getBigUint64(address, true);
  }

  writeU32(address: HostPhysicalAddress, value: number): void {
    this.view.setUint32(address, value, true);
    this.noteWrite(address);
  }

  writeU64(address: HostPhysicalAddress, value: bigint): void {
    this.view.setBigUint64(address, value, true);
    this.noteWrite(address);
  }

  /** Changes when processors must drop cached write permissions and decoded code. */
  get watchEpoch(): number {
    return this.#watchEpoch;
  }

  /** The frame holds decoded code from now on: processors must not write it without telling. */
  watchFrame(address: HostPhysicalAddress): void {
    const frame = address >>> PAGE_SHIFT;
    const state = this.#code[frame] as number;
    if ((state & 1) !== 0) return;
    this.#code[frame] = state | 1;
    this.#watchEpoch++;
  }

  isWatched(address: HostPhysicalAddress): boolean {
    return ((this.#code[address >>> PAGE_SHIFT] as number) & 1) !== 0;
  }

  /** Incremented by each noted write to the frame while it is watched. */
  frameVersion(address: HostPhysicalAddress): number {
    return (this.#code[address >>> PAGE_SHIFT] as number) >>> 1;
  }

  /** Tells that a frame was or is about to be written: code decoded from it is stale and it is no longer watched. */
  noteWrite(address: HostPhysicalAddress): void {
    const frame = address >>> PAGE_SHIFT;
    const state = this.#code[frame] as number;
    if ((state & 1) === 0) return;
    this.#code[frame] = (state & ~1) + 2;
    this.#watchEpoch++;
  }

  /**
   * Tells that a few bytes of a watched frame were or are about to be written by who has what it decoded from them follow. The
   * frame stays watched and keeps its version; whoever else has decoded code from it decodes it again.
   */
  notePatch(address: HostPhysicalAddress): void {
    const frame = address >>> PAGE_SHIFT;
    this.#patches.set(frame, (this.#patches.get(frame) ?? 0) + 1);
    this.#watchEpoch++;
  }

  /** Incremented by each noted patch of the frame. */
  framePatches(address: HostPhysicalAddress): number {
    return this.#patches.get(address >>> PAGE_SHIFT) ?? 0;
  }

  createAddressSpace(): AddressSpace {
    return new AddressSpace(this);
  }
}
