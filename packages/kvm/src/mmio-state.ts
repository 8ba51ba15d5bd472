/** One access to device memory: at most 8 bytes. */
export interface MmioFragment {
  readonly guestPhysical: number;
  readonly size: number;
  readonly data: Uint8Array;
}

/**
 * Where an instruction that accesses device memory stands. It is repeated from its start for each read that the VMM
 * must answer: the answers so far are replayed in order. Its writes are handed over one by one after it is done.
 */
export class MmioState {
  /** Reads that have their data. */
  readonly reads: MmioFragment[] = [];
  /** Reads replayed in the current repetition. */
  replayed = 0;
  /** The read that waits for the VMM. */
  wanted: { guestPhysical: number; size: number } | undefined;
  /** Writes of the current repetition; of the finished instruction once it is done. */
  readonly writes: MmioFragment[] = [];

  /** Before each repetition. */
  restart(): void {
    this.replayed = 0;
    this.wanted = undefined;
    this.writes.length = 0;
  }

  /**
   * The answer to the next read of this repetition. Where another read was answered there it is another instruction, since
   * the VMM has changed registers or memory meanwhile: what it was told is void.
   */
  answerTo({ guestPhysical, size }: Omit<MmioFragment, "data">): MmioFragment | undefined {
    const answer = this.reads[this.replayed];
    if (answer?.guestPhysical === guestPhysical && answer.size === size) {
      this.replayed++;
      return answer;
    }
    this.reads.length = this.replayed;
    return undefined;
  }

  /** The instruction is done or abandoned: its reads are used up. */
  finish(): void {
    this.reads.length = 0;
    this.wanted = undefined;
  }
}
