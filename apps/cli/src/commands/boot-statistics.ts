import type { VcpuExit } from "@likex/kvm-client";

/** What a run took. */
export interface RunStatistics {
  readonly seconds: number;
  /** Guest instructions without those that exit to the hypervisor; undefined on a real device, which does not tell. */
  readonly instructions?: number;
  /** Millions of guest instructions a second. */
  readonly mips?: number;
  /** Exits to the VMM by their reason. */
  readonly exits: Readonly<Record<string, number>>;
}

/** Measures a run from `start` to `finish`. */
export class RunRecorder {
  readonly #readInstructions: () => number | undefined;
  readonly #exits = new Map<string, number>();
  #startedAt = 0;
  #startedWith: number | undefined;

  constructor(readInstructions: () => number | undefined) {
    this.#readInstructions = readInstructions;
  }

  start(): void {
    this.#startedWith = this.#readInstructions();
    this.#startedAt = performance.now();
  }

  count(reason: VcpuExit["reason"]): void {
    this.#exits.set(reason, (this.#exits.get(reason) ?? 0) + 1);
  }

  finish(): RunStatistics {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const exits = Object.fromEntries(this.#exits);
    const total = this.#readInstructions();
    if (total === undefined || this.#startedWith === undefined) return { seconds, exits };
    const instructions = total - this.#startedWith;
    return { seconds, instructions, mips: instructions / seconds / 1e6, exits };
  }
}

/** One line for people. */
export function describeStatistics({ seconds, instructions, mips, exits }: RunStatistics): string {
  const counts = Object.entries(exits).map(([reason, count]) => `${count} ${reason}`);
  const parts = [`${seconds.toFixed(3)} s`];
  if (instructions !== undefined && mips !== undefined) {
    parts.push(`${instructions} instructions`, `${mips.toFixed(1)} MIPS`);
  }
  return [...parts, `exits: ${counts.join(", ")}`].join(", ");
}
