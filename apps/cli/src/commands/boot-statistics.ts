import type { VcpuExit } from "@likex/kvm-client";
import { describeTiers, type TierStatistics } from "./compiler-statistics.ts";

/** What a run took. */
export interface RunStatistics {
  readonly seconds: number;
  /** Guest instructions without those that exit to the hypervisor; undefined on a real device, which does not tell. */
  readonly instructions?: number;
  /** Millions of guest instructions a second. */
  readonly mips?: number;
  /** Exits to the VMM by their reason. */
  readonly exits: Readonly<Record<string, number>>;
  /** Undefined on a real device. */
  readonly tiers?: TierStatistics;
}

/** What a processor tells of itself. */
export interface ProcessorCounts {
  readonly instructions: () => number;
  readonly tiers: (instructions: number) => TierStatistics;
}

/** Measures a run from `start` to `finish`. */
export class RunRecorder {
  readonly #processor: ProcessorCounts | undefined;
  readonly #exits = new Map<string, number>();
  #startedAt = 0;
  #startedWith = 0;

  /** `processor` is undefined where nothing can be told of it. */
  constructor(processor: ProcessorCounts | undefined) {
    this.#processor = processor;
  }

  start(): void {
    this.#startedWith = this.#processor?.instructions() ?? 0;
    this.#startedAt = performance.now();
  }

  count(reason: VcpuExit["reason"]): void {
    this.#exits.set(reason, (this.#exits.get(reason) ?? 0) + 1);
  }

  finish(): RunStatistics {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const exits = Object.fromEntries(this.#exits);
    if (this.#processor === undefined) return { seconds, exits };
    const instructions = this.#processor.instructions() - this.#startedWith;
    const mips = instructions / seconds / 1e6;
    return { seconds, instructions, mips, exits, tiers: this.#processor.tiers(instructions) };
  }
}

/** Lines for people. */
export function describeStatistics({ seconds, instructions, mips, exits, tiers }: RunStatistics): readonly string[] {
  const counts = Object.entries(exits).map(([reason, count]) => `${count} ${reason}`);
  const parts = [`${seconds.toFixed(3)} s`];
  if (instructions !== undefined && mips !== undefined) {
    parts.push(`${instructions} instructions`, `${mips.toFixed(1)} MIPS`);
  }
  const first = [...parts, `exits: ${counts.join(", ")}`].join(", ");
  return tiers === undefined ? [first] : [first, ...describeTiers(tiers)];
}
