import { type HostMemory, type HostPhysicalAddress, PAGE_SIZE } from "@likex/host-memory";
import type { BlockFinder } from "./block-finder.ts";
import { CONTEXT } from "./context.ts";
import { FIELD_BYTES, frameOf } from "./patched-fields.ts";
import { BLOCK } from "./record.ts";
import type { SoftTlb } from "./soft-tlb.ts";
import { STATUS } from "./status.ts";

/**
 * Writes of the interpreter to frames that hold decoded code. Where the block that is running is in another frame, what was
 * decoded is dropped and the instruction goes on; else it has to be repeated from a block that nobody keeps.
 */
export class OwnCodeWrites {
  readonly #memory: HostMemory;
  readonly #context: number;
  readonly #tlb: SoftTlb;
  readonly #finder: BlockFinder;

  constructor(memory: HostMemory, context: number, tlb: SoftTlb, finder: BlockFinder) {
    this.#memory = memory;
    this.#context = context;
    this.#tlb = tlb;
    this.#finder = finder;
  }

  write(bytes: number, low: number, high: number): number {
    let status = this.#tlb.write(bytes, low, high);
    if (status === STATUS.codeWrite && bytes === FIELD_BYTES && this.#patches(low)) return 0;
    while (status === STATUS.codeWrite && this.#dropsCode()) status = this.#tlb.write(bytes, low, high);
    return status;
  }

  probe(bytes: number, low: number, high: number): number {
    let status = this.#tlb.probe(bytes, low, high);
    while (status === STATUS.codeWrite && this.#dropsCode()) status = this.#tlb.probe(bytes, low, high);
    return status;
  }

  /** Writes four bytes that are a field which is patched again and again. */
  #patches(low: number): boolean {
    const inPage = low & (PAGE_SIZE - 1);
    if (inPage > PAGE_SIZE - FIELD_BYTES || this.#tlb.watch !== undefined || this.#runsThere()) return false;
    const value = this.#memory.i32[(this.#context + CONTEXT.memoryValue) >> 2] as number;
    return this.#finder.patch(this.#tlb.codePage + inPage, value);
  }

  /** The running block comes from the frame that was not written. */
  #runsThere(): boolean {
    const { i32 } = this.#memory;
    const block = i32[(this.#context + CONTEXT.block) >> 2] as number;
    const host = i32[(block + BLOCK.host) >> 2] as number;
    // A block that goes on in another page ends there with its first instruction.
    return frameOf(host) === this.#tlb.codePage;
  }

  /** Drops what was decoded from the frame that was not written, unless the running block comes from there. */
  #dropsCode(): boolean {
    const frame = this.#tlb.codePage;
    if (this.#runsThere()) return false;
    this.#finder.codeWritten(frame as HostPhysicalAddress);
    return true;
  }
}
