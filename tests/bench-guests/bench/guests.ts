import { parseArgs } from "node:util";
import { GuestBuilder, guestsMissing } from "../src/build.ts";
import { GUESTS } from "../src/catalogue.ts";
import { ENGINES, type Engine } from "./guests/engines.ts";
import { toJson } from "./guests/json.ts";
import { measureMemory } from "./guests/memory.ts";
import { meansOf, problemsOf, type Result, resultsOf } from "./guests/results.ts";
import { runImage } from "./guests/runs.ts";
import { buildPackages, type Selection, select } from "./guests/selection.ts";
import { HEADING, meanLine, resultLine } from "./guests/table.ts";

const USAGE = `Builds the packages and the benchmark guests, runs each as likex boot does, checks its checksum, and compares the time with
other engines that run the same images.

  pnpm bench guests [NAME...] [--bits 32|64] [--rounds N] [--quick] [--no-peers] [--json]
  pnpm bench guests [NAME...] [--bits 32|64] [--rounds N] --memory [--json]

  NAME        only these guests (${GUESTS.map(({ name }) => name).join(", ")})
  --bits      only images of this word size
  --rounds N  runs of each engine, interleaved; medians are printed (default 3, with --quick 1)
  --quick     little work: checks checksums, times mean little
  --no-peers  without v86 and QEMU
  --memory    instead of times, what the compiler adds to the process, with the work that an interpreter does in a second
  --json      one JSON object on stdout

Each run is a process of its own. Times are seconds of CPU, all threads, and on the clock, from the guest's first line to
its last.

  GUEST/BITS/total   one run, cold: compiling counts
  GUEST/BITS/steady  the slope between the two amounts of work, for the first amount: no start in it

Engines are LiKeX with hot code compiled (auto) and without (interpreter), v86 with its JIT beside the former and without it
beside the latter, which has no 64-bit mode, and QEMU with TCG, a compiler. "times" is how many times as fast ours is: the
other engine's CPU seconds over ours.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
    "no-peers": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const log = (line: string): void => {
  if (!values.json) console.log(line);
};

/** An engine that was left out, and why. */
interface Skipped {
  readonly engine: string;
  readonly reason: string;
}

/** The engines that can run here; what is missing is said. */
function availableEngines(skipped: Skipped[]): Engine[] {
  return ENGINES.filter(({ name, isPeer, missing }) => {
    const reason = isPeer && values["no-peers"] ? "--no-peers" : missing();
    if (reason === undefined) return true;
    skipped.push({ engine: name, reason });
    log(`${name} is missing: ${reason}`);
    return false;
  });
}

async function measureTimes({ guests, bits, rounds }: Selection): Promise<number> {
  const skipped: Skipped[] = [];
  const engines = availableEngines(skipped);
  const builder = new GuestBuilder();
  const results: Result[] = [];
  const problems: string[] = [];
  log(HEADING);
  try {
    for (const guest of guests) {
      const amounts = values.quick ? guest.quick : guest.measured;
      for (const width of bits) {
        const able = engines.filter((engine) => engine.bits.includes(width));
        const runs = await runImage(builder.build(guest, width), able, amounts, rounds);
        const measured = resultsOf(guest, width, amounts, runs);
        const wrong = problemsOf(guest, width, amounts, able, runs);
        results.push(...measured);
        problems.push(...wrong);
        for (const line of [...measured.map(resultLine), ...wrong]) log(line);
      }
    }
  } finally {
    builder.dispose();
  }
  const means = meansOf(results, GUESTS);
  for (const mean of means) log(meanLine(mean));
  if (values.json) console.log(toJson(results, means, skipped, problems));
  return problems.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const selection = select(positionals, {
    bits: values.bits,
    rounds: values.rounds ?? (values.quick ? "1" : "3"),
  });
  if (typeof selection === "string") {
    console.error(`bench guests: ${selection}`);
    return 2;
  }
  const missing = guestsMissing();
  if (missing !== undefined) {
    if (values.json) console.log(JSON.stringify({ name: "guests", ok: true, skipped: [missing], results: [] }));
    else console.log(`nothing measured: ${missing}`);
    return 0;
  }
  buildPackages();
  if (!values.memory) return measureTimes(selection);
  const results = await measureMemory(selection, log);
  if (values.json) console.log(JSON.stringify({ name: "guests", ok: true, skipped: [], results }, undefined, 2));
  return 0;
}

process.exitCode = await main();
