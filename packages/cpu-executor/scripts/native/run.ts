import { fork } from "node:child_process";
import { differences, differs } from "../../test/support/compare.ts";
import type { NativeMachine } from "../../test/support/native-machine.ts";
import { NativeRecords, RECORD } from "../../test/support/native-record.ts";
import { type Variant, variantName, variants, writeVariant } from "./cases.ts";
import { NativeOracle } from "./native-oracle.ts";

/** What one process does: every `workers`-th block of numbers from `worker` on. */
export interface Part {
  /** Numbers of the environments. */
  readonly environments: readonly number[];
  readonly only: string;
  readonly first: number;
  readonly count: number;
  readonly worker: number;
  readonly workers: number;
}

export interface Difference {
  readonly count: number;
  readonly example: string;
}

/** By the variants' positions: executions, those that raised an exception, and those that were #UD on the real processor alone. */
export interface PartResult {
  readonly executed: readonly number[];
  readonly faulted: readonly number[];
  readonly lacking: readonly number[];
  readonly differences: Readonly<Record<string, Difference>>;
}

const BLOCK = 8000;
/** Seeds for each number, until one makes the form; odd, because a seed's lowest bit has a meaning. */
const TRIES = 17;
const UNDEFINED_OPCODE = 6;

export const selectVariants = ({ environments, only }: Pick<Part, "environments" | "only">): Variant[] => {
  const pattern = new RegExp(only);
  return variants(environments).filter(({ form }) => pattern.test(form.mnemonic));
};

/** Compares one part of the work, here. */
export function runPart(part: Part, progress: (executions: number) => void): PartResult {
  const all = selectVariants(part);
  const run = new Run(all);
  let executions = 0;
  try {
    for (let block = part.worker; block * BLOCK < part.count; block += part.workers) {
      executions += run.block(part.first + block * BLOCK, Math.min(BLOCK, part.count - block * BLOCK));
      progress(executions);
    }
    return run.result;
  } finally {
    run.dispose();
  }
}

class Run {
  readonly #all: readonly Variant[];
  readonly #oracle = new NativeOracle();
  readonly #machine: NativeMachine;
  readonly #before = new NativeRecords(BLOCK);
  readonly #native = new NativeRecords(BLOCK);
  readonly #ours = new NativeRecords(1);
  readonly #seeds = new Float64Array(BLOCK);
  readonly #positions = new Uint32Array(BLOCK);
  readonly #executed: number[];
  readonly #faulted: number[];
  readonly #lacking: number[];
  readonly #differences: Record<string, Difference> = {};

  constructor(all: readonly Variant[]) {
    this.#all = all;
    this.#executed = all.map(() => 0);
    this.#faulted = all.map(() => 0);
    this.#lacking = all.map(() => 0);
    this.#oracle.execute(this.#before, 0, this.#native);
    this.#machine = this.#oracle.createMachine();
  }

  get result(): PartResult {
    return {
      executed: this.#executed,
      faulted: this.#faulted,
      lacking: this.#lacking,
      differences: this.#differences,
    };
  }

  /** Executions of `count` numbers from `first` on, each of which is one. */
  block(first: number, count: number): number {
    let filled = 0;
    for (let number = first; number < first + count; number++) {
      const position = number % this.#all.length;
      const round = Math.floor(number / this.#all.length);
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const variant = this.#all[position] as Variant;
        const seed = writeVariant(this.#before, filled, variant, round + attempt, number * TRIES + attempt);
        if (seed < 0) continue;
        this.#seeds[filled] = seed;
        this.#positions[filled++] = position;
        break;
      }
    }
    this.#oracle.execute(this.#before, filled, this.#native);
    for (let i = 0; i < filled; i++) this.#compare(i);
    return filled;
  }

  #compare(i: number): void {
    const position = this.#positions[i] as number;
    const { form } = this.#all[position] as Variant;
    this.#machine.execute(this.#before, i, this.#ours, 0);
    const trap = this.#native.get(i, RECORD.trap) - 1;
    if (trap === UNDEFINED_OPCODE && this.#ours.get(0, RECORD.trap) - 1 !== trap) {
      this.#lacking[position] = (this.#lacking[position] as number) + 1;
      return;
    }
    this.#executed[position] = (this.#executed[position] as number) + 1;
    if (trap >= 0) this.#faulted[position] = (this.#faulted[position] as number) + 1;
    if (!differs(form, this.#ours, 0, this.#native, i)) return;
    const found = differences(form, this.#ours, 0, this.#native, i);
    if (found.length > 0) this.#note(i, position, found);
  }

  #note(i: number, position: number, found: readonly string[]): void {
    const variant = this.#all[position] as Variant;
    const name = `${variant.mode}-bit ${variantName(variant)}`;
    const known = this.#differences[name];
    const code = Buffer.from(this.#before.code(i)).toString("hex");
    const example = known?.example ?? `${code} seed ${this.#seeds[i]}: ${found.join(", ")}`;
    // At once too: a long run may be stopped.
    if (known === undefined) process.stderr.write(`\nfound: ${name}: ${example}\n`);
    this.#differences[name] = { count: (known?.count ?? 0) + 1, example };
  }

  dispose(): void {
    this.#oracle.dispose();
  }
}

const sum = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value + (b[i] as number));

function add(a: PartResult, b: PartResult): PartResult {
  const all: Record<string, Difference> = { ...a.differences };
  for (const [name, { count, example }] of Object.entries(b.differences))
    all[name] = { count: count + (all[name]?.count ?? 0), example: all[name]?.example ?? example };
  return {
    executed: sum(a.executed, b.executed),
    faulted: sum(a.faulted, b.faulted),
    lacking: sum(a.lacking, b.lacking),
    differences: all,
  };
}

/** Executions of all variants. */
export const executionsIn = ({ executed }: PartResult): number => executed.reduce((a, b) => a + b, 0);

/**
 * Compares until there are `count` executions: a few numbers make none, and others take their places. `progress` gets each process's
 * executions. Returns also the number after the last one.
 */
export async function runExecutions(
  options: Omit<Part, "worker">,
  progress: (executions: readonly number[]) => void,
): Promise<PartResult & { readonly next: number }> {
  let result = await runInWorkers(options, progress);
  let next = options.first + options.count;
  for (let missing = options.count - executionsIn(result); missing > 0; ) {
    const more = await runInWorkers({ ...options, first: next, count: missing, workers: 1 }, () => undefined);
    next += missing;
    // Variants that this processor lacks make none.
    if (executionsIn(more) === 0) break;
    result = add(result, more);
    missing = options.count - executionsIn(result);
  }
  return { ...result, next };
}

/** Compares everything, with several processes if asked to, and adds up. */
async function runInWorkers(
  options: Omit<Part, "worker">,
  progress: (executions: readonly number[]) => void,
): Promise<PartResult> {
  const done = new Array<number>(options.workers).fill(0);
  const report = (worker: number, executions: number): void => {
    done[worker] = executions;
    progress(done);
  };
  if (options.workers === 1) return runPart({ ...options, worker: 0 }, (executions) => report(0, executions));
  const parts = done.map(
    (_, worker) =>
      new Promise<PartResult>((resolve, reject) => {
        const child = fork(new URL("worker.ts", import.meta.url));
        child.on("message", (message: number | PartResult) => {
          if (typeof message === "number") report(worker, message);
          else resolve(message);
        });
        child.on("error", reject);
        child.on("exit", (code) => {
          if (code !== 0) reject(new Error(`verify:cpu: worker ${worker} ended with exit code ${code}`));
        });
        const part: Part = { ...options, worker };
        child.send(part);
      }),
  );
  return (await Promise.all(parts)).reduce(add);
}
