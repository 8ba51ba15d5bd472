import { fork } from "node:child_process";
import { COMPARISONS } from "./comparisons.ts";
import { executableSections, generatedBlock, REAL_BLOCK_BYTES, realPrograms, SAMPLES } from "./sources.ts";
import { addResults, Verification, type VerificationResult } from "./verification.ts";

export interface RunOptions {
  /** Generated instructions. */
  readonly count: number;
  readonly seed: number;
  readonly workers: number;
  /** Real code: of each executable section nothing, the first block, or everything. */
  readonly real: "none" | "some" | "all";
  /** Names of COMPARISONS. */
  readonly aspects: readonly string[];
  readonly progress: (text: string) => void;
}

export interface RunResult extends VerificationResult {
  /** Paths of the programs whose code was compared. */
  readonly programs: readonly string[];
}

/** One process's part: every `workers`-th block from `worker` on. */
export interface Part extends Omit<RunOptions, "progress"> {
  readonly worker: number;
}

const NOTHING: VerificationResult = { instructions: 0, differences: {}, forms: [] };

/** Compares one part of the work, here. */
export function runPart(part: Part, progress: (instructions: number) => void): VerificationResult {
  const comparisons = new Map(part.aspects.map((aspect) => [aspect, COMPARISONS.get(aspect)!()]));
  const verification = new Verification(comparisons);
  const blocks = Math.ceil(part.count / SAMPLES);
  for (let block = part.worker; block < blocks; block += part.workers) {
    verification.run(generatedBlock(block % 4 === 0 ? "random" : "forms", block, part.seed));
    if (block % 64 === part.worker) progress(verification.instructions);
  }
  let number = 0;
  for (const path of part.real === "none" ? [] : realPrograms()) {
    for (const section of executableSections(path)) {
      for (let at = 0; at < section.length; ) {
        const bytes = section.subarray(at, at + REAL_BLOCK_BYTES);
        // Every process cuts the same blocks; an instruction across a border is compared in neither.
        if (number++ % part.workers === part.worker) {
          verification.run({ bytes, bits: 64 });
          progress(verification.instructions);
        }
        if (part.real === "some") break;
        at += bytes.length;
      }
    }
  }
  return verification.result;
}

/** Compares everything, with several processes if asked to, and adds up. */
export async function runInWorkers(options: RunOptions): Promise<RunResult> {
  const { progress, ...rest } = options;
  const programs = options.real === "none" ? [] : realPrograms();
  const done = new Array<number>(options.workers).fill(0);
  const report = (worker: number, instructions: number): void => {
    done[worker] = instructions;
    progress(`${done.reduce((sum, value) => sum + value, 0)} instructions`);
  };
  if (options.workers === 1) {
    return { ...runPart({ ...rest, worker: 0 }, (instructions) => report(0, instructions)), programs };
  }
  const parts = done.map(
    (_, worker) =>
      new Promise<VerificationResult>((resolve, reject) => {
        const child = fork(new URL("worker.ts", import.meta.url));
        child.on("message", (message: number | VerificationResult) => {
          if (typeof message === "number") report(worker, message);
          else resolve(message);
        });
        child.on("error", reject);
        child.on("exit", (code) => {
          if (code !== 0) reject(new Error(`verify:decoder: worker ${worker} ended with exit code ${code}`));
        });
        const part: Part = { ...rest, worker };
        child.send(part);
      }),
  );
  return { ...(await Promise.all(parts)).reduce(addResults, NOTHING), programs };
}
