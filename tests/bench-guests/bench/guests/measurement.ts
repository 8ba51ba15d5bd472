/** One run of a guest: from its "start" line to its "done" line. */
export interface Run {
  /** What the guest printed as its checksum; undefined when it did not come to that, and why. */
  readonly sum: string | undefined;
  readonly problem?: string;
  /** CPU seconds of the process, all its threads. */
  readonly cpu: number;
  /** Seconds on the clock. */
  readonly wall: number;
  /** Guest instructions, where the engine counts them. */
  readonly instructions?: number;
}

/** What LiKeX's process prints besides: its memory at the end, and what was compiled. */
export interface LikexRun extends Run {
  /** Bytes of memory that the process has at the guest's last line, and the most that it has had. */
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  /** Bytes of WebAssembly compiled while the guest ran, and in how many regions and modules; 0 without a compiler. */
  readonly compiled: { readonly bytes: number; readonly regions: number; readonly modules: number };
}

export const failed = (problem: string): Run => ({ sum: undefined, problem, cpu: Number.NaN, wall: Number.NaN });

export const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
};

const seconds = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;

/** Takes the guest's lines as they come, in the process that runs it, and measures between the two that count. */
export class Stopwatch {
  #cpuStart: NodeJS.CpuUsage | undefined;
  #wallStart = 0;
  #instructionsStart = 0;
  #run: Run | undefined;

  get run(): Run | undefined {
    return this.#run;
  }

  get isRunning(): boolean {
    return this.#cpuStart !== undefined && this.#run === undefined;
  }

  line(text: string, instructions?: number): void {
    if (text.startsWith("start ")) {
      this.#cpuStart = process.cpuUsage();
      this.#wallStart = performance.now();
      this.#instructionsStart = instructions ?? 0;
    } else if (text.startsWith("done ") && this.#cpuStart !== undefined) {
      this.#run = {
        sum: /sum=([0-9a-f]{8})/.exec(text)?.[1],
        cpu: seconds(process.cpuUsage(this.#cpuStart)),
        wall: (performance.now() - this.#wallStart) / 1000,
        ...(instructions === undefined ? {} : { instructions: instructions - this.#instructionsStart }),
      };
    }
  }

  /** The run, or that there was none. */
  report(problem: string): Run {
    return this.#run ?? failed(problem);
  }
}
