/** Two ways to do the same work over the same instructions. */
export interface Workload {
  readonly name: string;
  readonly ours: () => unknown;
  readonly theirs: () => unknown;
  /** Instructions that each of the two goes through. */
  readonly instructions: number;
}

export interface Measurement {
  readonly name: string;
  /** CPU nanoseconds an instruction, the median. */
  readonly ours: number;
  readonly theirs: number;
}

const cpuNanoseconds = (run: () => unknown): number => {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Runs each workload `rounds` times in turn, ours and theirs interleaved, after two rounds to warm up. */
export function measure(workloads: readonly Workload[], rounds: number): Measurement[] {
  return workloads.map(({ name, ours, theirs, instructions }) => {
    for (let i = 0; i < 2; i++) {
      ours();
      theirs();
    }
    const times = Array.from({ length: rounds }, () => [cpuNanoseconds(ours), cpuNanoseconds(theirs)] as const);
    return {
      name,
      ours: median(times.map(([time]) => time)) / instructions,
      theirs: median(times.map(([, time]) => time)) / instructions,
    };
  });
}
