import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repositoryRoot } from "../../../scripts/check/workspace.ts";
import { GuestBuilder, guestsMissing } from "../src/build.ts";
import { type Bits, GUESTS, type GuestSpec } from "../src/catalogue.ts";
import { ENGINES, type Engine } from "./guests/engines.ts";
import type { Run } from "./guests/measurement.ts";

const USAGE = `Builds the packages and the benchmark guests, runs each as likex boot does, checks its checksum, and compares the time with
other engines that run the same images.

  pnpm bench guests [NAME...] [--bits 32|64] [--rounds N] [--quick] [--no-peers] [--json]

  NAME        only these guests (${GUESTS.map(({ name }) => name).join(", ")})
  --bits      only images of this word size
  --rounds N  runs of each engine, interleaved; medians are printed (default 1)
  --quick     the smallest amount of work: checks checksums, times mean little
  --no-peers  without v86 and QEMU
  --json      one JSON object on stdout

Each run is a process of its own; time is its CPU time, all threads, from the guest's first line to its last. v86 runs
without its JIT, as an interpreter, and has no 64-bit mode; QEMU runs with TCG, a compiler.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: "string" },
    rounds: { type: "string", default: "1" },
    quick: { type: "boolean", default: false },
    "no-peers": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** A guest's result on one engine. */
interface Result {
  /** GUEST/BITS/total. */
  readonly name: string;
  readonly engine: Engine["name"];
  readonly n: number;
  /** Median CPU seconds; undefined when the guest did not end with its checksum. */
  readonly seconds: number | undefined;
  readonly wallSeconds: number | undefined;
  readonly instructions: number | undefined;
  readonly mips: number | undefined;
  readonly problem: string | undefined;
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

function resultOf(guest: GuestSpec, bits: Bits, engine: Engine, runs: readonly Run[]): Result {
  const work = values.quick ? guest.quick : guest.measured;
  const common = { name: `${guest.name}/${bits}/total`, engine: engine.name, n: work.n };
  const wrong = runs.find(({ sum }) => sum !== work.sum);
  if (wrong !== undefined) {
    const problem = wrong.sum === undefined ? (wrong.problem ?? "no checksum") : `checksum ${wrong.sum}`;
    return {
      ...common,
      seconds: undefined,
      wallSeconds: undefined,
      instructions: undefined,
      mips: undefined,
      problem,
    };
  }
  const seconds = median(runs.map(({ cpu }) => cpu));
  const instructions = runs[0]?.instructions;
  return {
    ...common,
    seconds,
    wallSeconds: median(runs.map(({ wall }) => wall)),
    instructions,
    mips: instructions === undefined ? undefined : instructions / seconds / 1e6,
    problem: undefined,
  };
}

/** All runs of one image: round by round over the engines, so that a change of the machine's load meets all of them. */
async function measure(guest: GuestSpec, bits: Bits, image: string, engines: readonly Engine[]): Promise<Result[]> {
  const { n } = values.quick ? guest.quick : guest.measured;
  const able = engines.filter((engine) => engine.bits.includes(bits));
  const runs = able.map((): Run[] => []);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [index, engine] of able.entries()) runs[index]?.push(await engine.run(image, n));
  }
  return able.map((engine, index) => resultOf(guest, bits, engine, runs[index] ?? []));
}

const text = (value: number | undefined, digits: number): string =>
  value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);

function row(results: readonly Result[]): string {
  const of = (name: Engine["name"]): Result | undefined => results.find(({ engine }) => engine === name);
  const own = of("likex");
  const ratio = (name: Engine["name"]): string => {
    const theirs = of(name)?.seconds;
    return theirs === undefined || own?.seconds === undefined ? "–" : `${(theirs / own.seconds).toFixed(2)} x`;
  };
  const cells = [
    (own?.name ?? "").padEnd(18),
    String(own?.n ?? "").padStart(8),
    text(own?.seconds, 2).padStart(8),
    text(own?.mips, 1).padStart(8),
    text(of("v86-interpreter")?.seconds, 2).padStart(8),
    ratio("v86-interpreter").padStart(8),
    text(of("qemu-tcg")?.seconds, 2).padStart(8),
    ratio("qemu-tcg").padStart(8),
  ];
  const problems = results.flatMap(({ engine, problem }) => (problem === undefined ? [] : [`  ${engine}: ${problem}`]));
  return [cells.join(" "), ...problems].join("\n");
}

/** Geometric mean of how many times faster than v86's interpreter the four integer guests run; undefined without all. */
function meanRatio(results: readonly Result[]): number | undefined {
  const ratios = ["int", "mem", "branch", "calls"].map((guest) => {
    const seconds = (engine: Engine["name"]): number | undefined =>
      results.find((result) => result.name === `${guest}/32/total` && result.engine === engine)?.seconds;
    const [own, theirs] = [seconds("likex"), seconds("v86-interpreter")];
    return own === undefined || theirs === undefined ? Number.NaN : theirs / own;
  });
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  return Number.isNaN(mean) ? undefined : mean;
}

async function main(): Promise<number> {
  const missing = guestsMissing();
  if (missing !== undefined) {
    console.error(`skipped: ${missing}`);
    return 0;
  }
  execFileSync(join(repositoryRoot, "node_modules/.bin/tsc"), ["-b"], { cwd: repositoryRoot, stdio: "inherit" });
  const log = (line: string): void => {
    if (!values.json) console.log(line);
  };
  const skipped: { readonly engine: string; readonly reason: string }[] = [];
  const engines = ENGINES.filter(({ name, missing: why }) => {
    if (name !== "likex" && values["no-peers"]) return false;
    const reason = why();
    if (reason === undefined) return true;
    skipped.push({ engine: name, reason });
    log(`${name} skipped: ${reason}`);
    return false;
  });
  log("CPU seconds from first to last line; ratios are the other engine's time over ours");
  log("guest                     n   likex s     MIPS    v86 s    ratio    TCG s    ratio");
  const builder = new GuestBuilder();
  const results: Result[] = [];
  try {
    for (const guest of GUESTS) {
      if (positionals.length > 0 && !positionals.includes(guest.name)) continue;
      for (const bits of [32, 64] as const) {
        if (values.bits !== undefined && values.bits !== String(bits)) continue;
        const measured = await measure(guest, bits, builder.build(guest, bits), engines);
        results.push(...measured);
        log(row(measured));
      }
    }
  } finally {
    builder.dispose();
  }
  const ratio = meanRatio(results);
  log(`geometric mean of int, mem, branch and calls over v86's interpreter: ${text(ratio, 2)}`);
  if (values.json) console.log(JSON.stringify({ results, skipped, meanRatioToV86Interpreter: ratio }, undefined, 2));
  return results.every(({ problem }) => problem === undefined) ? 0 : 1;
}

if (values.help) console.log(USAGE);
else process.exitCode = await main();
