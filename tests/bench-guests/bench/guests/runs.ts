import { type Amounts, steadyWorks, type Work } from "../../src/catalogue.ts";
import type { Engine, EngineName } from "./engines.ts";
import { median, type Run } from "./measurement.ts";

/** Times of one engine: CPU seconds of all threads, and seconds on the clock. */
export interface Times {
  readonly seconds: number;
  readonly clockSeconds: number;
  /** Millions of guest instructions a CPU second, where the engine counts them. */
  readonly mips: number | undefined;
}

/** All runs of one image, by engine and amount of work, in the order of the rounds. */
export class ImageRuns {
  readonly #runs = new Map<string, Run[]>();

  add(engine: EngineName, { n }: Work, run: Run): void {
    const key = `${engine} ${n}`;
    const list = this.#runs.get(key);
    if (list === undefined) this.#runs.set(key, [run]);
    else list.push(run);
  }

  #of(engine: EngineName, { n }: Work): readonly Run[] {
    return this.#runs.get(`${engine} ${n}`) ?? [];
  }

  /** What went wrong in a run of this work, or undefined. */
  problem(engine: EngineName, work: Work): string | undefined {
    const wrong = this.#of(engine, work).find(({ sum }) => sum !== work.sum);
    if (wrong === undefined) return undefined;
    return wrong.sum === undefined ? (wrong.problem ?? "no checksum") : `checksum ${wrong.sum}, wanted ${work.sum}`;
  }

  /** Medians from the first line to the last; undefined without a run, or with a wrong one. */
  total(engine: EngineName, work: Work): Times | undefined {
    const runs = this.#of(engine, work);
    if (runs.length === 0 || this.problem(engine, work) !== undefined) return undefined;
    const seconds = median(runs.map(({ cpu }) => cpu));
    const instructions = runs[0]?.instructions;
    return {
      seconds,
      clockSeconds: median(runs.map(({ wall }) => wall)),
      mips: instructions === undefined ? undefined : instructions / seconds / 1e6,
    };
  }

  /** Medians of the slopes between the two amounts in each round, for the smaller one; undefined where there is no slope. */
  steady(engine: EngineName, amounts: Amounts): Times | undefined {
    const [small, large] = steadyWorks(amounts);
    if (this.total(engine, small) === undefined || this.total(engine, large) === undefined) return undefined;
    const lesser = this.#of(engine, small);
    const share = small.n / (large.n - small.n);
    const slope = (of: (run: Run) => number): number =>
      median(this.#of(engine, large).map((run, round) => of(run) - of(lesser[round] as Run))) * share;
    const seconds = slope(({ cpu }) => cpu);
    const instructions = slope(({ instructions: count = Number.NaN }) => count);
    if (seconds <= 0) return undefined;
    return {
      seconds,
      clockSeconds: slope(({ wall }) => wall),
      mips: Number.isNaN(instructions) ? undefined : instructions / seconds / 1e6,
    };
  }
}

/** Runs an image round by round over the engines, so that a change of the machine's load meets all of them. */
export async function runImage(
  image: string,
  engines: readonly Engine[],
  amounts: Amounts,
  rounds: number,
): Promise<ImageRuns> {
  const runs = new ImageRuns();
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      for (const work of engine.works(amounts)) runs.add(engine.name, work, await engine.run(image, work.n));
    }
  }
  return runs;
}
