import type { Personality } from "@likex/vmm-runner";

/** What the page asks the worker to run. */
export interface RunRequest {
  readonly bytes: Uint8Array;
  readonly loadAddress: number;
  /** Size of memory slot 0, which is at address 0. */
  readonly memory: number;
  readonly personality: Personality;
  readonly registers: Readonly<Record<string, bigint>>;
}

/** One VM exit, as the page shows it. */
export interface ExitRow {
  readonly rip: string;
  readonly reason: string;
  readonly details: string;
}

/** What became of the run. */
export interface RunReport {
  /** Whether the guest halted. */
  readonly halted: boolean;
  /** A sentence. */
  readonly status: string;
  readonly output: string;
  readonly exits: readonly ExitRow[];
  /** VM exits that are not in `exits`. */
  readonly exitsLeftOut: number;
  readonly trace: readonly string[];
  readonly traceLeftOut: number;
  /** Name and value, in hexadecimal. */
  readonly registers: readonly (readonly [name: string, value: string])[];
}
