import { GuestBuilder } from "../../src/build.ts";
import { runLikex } from "./engines.ts";
import { type LikexRun, median } from "./measurement.ts";
import type { Selection } from "./selection.ts";

const MIB = 1 << 20;

/** What the compiler adds to the process for one image, in bytes: medians. */
export interface MemoryResult {
  /** GUEST/BITS/memory. */
  readonly name: string;
  /** Resident bytes at the guest's last line, with compiled code less without. */
  readonly value: number;
  readonly unit: "bytes";
  /** The same for the most that the process has had. */
  readonly peak: number;
  readonly residentInterpreted: number;
  readonly wasmBytes: number;
  readonly regions: number;
  readonly modules: number;
}

const HEADING = [
  "                    MiB that the compiler adds    interpreted       WebAssembly",
  "guest                   at the end       at most        MiB     KiB  regions  modules",
].join("\n");

function line({ name, value, peak, residentInterpreted, wasmBytes, regions, modules }: MemoryResult): string {
  const mib = (bytes: number, width: number): string => (bytes / MIB).toFixed(1).padStart(width);
  return [
    name.padEnd(18),
    mib(value, 15),
    mib(peak, 13),
    mib(residentInterpreted, 10),
    (wasmBytes / 1024).toFixed(0).padStart(7),
    String(regions).padStart(8),
    String(modules).padStart(8),
  ].join(" ");
}

/** Runs each image with and without the compiler, in turn. A run that fails throws. */
export async function measureMemory(
  { guests, bits, rounds }: Selection,
  log: (line: string) => void,
): Promise<MemoryResult[]> {
  const builder = new GuestBuilder();
  const results: MemoryResult[] = [];
  log(HEADING);
  try {
    for (const guest of guests) {
      const { n, sum } = guest.measured.interpreted;
      for (const width of bits) {
        const image = builder.build(guest, width);
        const name = `${guest.name}/${width}/memory`;
        const runs = { auto: [] as LikexRun[], interpreter: [] as LikexRun[] };
        for (let round = 0; round < rounds; round++) {
          for (const tier of ["auto", "interpreter"] as const) {
            const run = await runLikex(image, n, tier);
            if (run.sum !== sum || !("compiled" in run)) {
              throw new Error(`${name}: ${run.problem ?? `checksum ${run.sum}`}`);
            }
            runs[tier].push(run);
          }
        }
        const result = resultOf(name, runs);
        results.push(result);
        log(line(result));
      }
    }
  } finally {
    builder.dispose();
  }
  return results;
}

function resultOf(name: string, runs: Readonly<Record<"auto" | "interpreter", readonly LikexRun[]>>): MemoryResult {
  const of = (tier: "auto" | "interpreter", what: (run: LikexRun) => number): number => median(runs[tier].map(what));
  const added = (what: (run: LikexRun) => number): number => of("auto", what) - of("interpreter", what);
  return {
    name,
    value: added(({ residentBytes }) => residentBytes),
    unit: "bytes",
    peak: added(({ peakResidentBytes }) => peakResidentBytes),
    residentInterpreted: of("interpreter", ({ residentBytes }) => residentBytes),
    wasmBytes: of("auto", ({ compiled }) => compiled.bytes),
    regions: of("auto", ({ compiled }) => compiled.regions),
    modules: of("auto", ({ compiled }) => compiled.modules),
  };
}
