import { type HostMemory, type HostPhysicalAddress, PAGE_SIZE } from "@likex/host-memory";
import type { BlockFinder } from "./block-finder.ts";
import { CONTEXT } from "./context.ts";
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
    while (status === STATUS.codeWrite && this.#dropsCode()) status = this.#tlb.write(bytes, low, high);
    return status;
  }

  probe(bytes: number, low: number, high: number): number {
    let status = this.#tlb.probe(bytes, low, high);
    while (status === STATUS.codeWrite && this.#dropsCode()) status = this.#tlb.probe(bytes, low, high);
    return status;
  }

  /** Drops what was decoded from the frame that was not written, unless the running block comes from there. */
  #dropsCode(): boolean {
    const { i32 } = this.#memory;
    const frame = this.#tlb.codePage;
    const block = i32[(this.#context + CONTEXT.block) >> 2] as number;
    const host = i32[(block + BLOCK.host) >> 2] as number;
    // A block that goes on in another page ends there with its first instruction.
    if (host - (host % PAGE_SIZE) === frame) return false;
    this.#finder.codeWritten(frame as HostPhysicalAddress);
    return true;
  }
}
