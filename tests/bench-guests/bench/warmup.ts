import { parseArgs } from "node:util";
import { GuestBuilder, guestsMissing } from "../src/build.ts";
import { buildPackages, select } from "./guests/selection.ts";
import { measureShortPrograms, type ShortResult } from "./warmup/short-programs.ts";
import { measureWarmUp, type WarmUpResult } from "./warmup/warm-ups.ts";

/** Guests whose rounds are equal, and longer than printing a line. */
const CLOCKED: readonly string[] = ["int", "mem", "branch", "calls"];

const USAGE = `How fast compiled code comes: the time until a guest runs at 90 % of its steady speed, beside v86's, and programs of about
ten million instructions with and without the compiler.

  pnpm bench warmup [NAME...] [--bits 32|64] [--rounds N] [--json]

  NAME        guests to clock (default int and branch, of ${CLOCKED.join(", ")})
  --bits      only images of this word size
  --rounds N  runs of each, interleaved; medians are printed (default 3)
  --json      one JSON object on stdout

Each run is a process of its own. The guests print a line when a round begins; the steady speed is the median round of the
second half. "lost" is how much longer a run took than it would have at that speed. Both are on the clock. A short program's
times are CPU seconds, all threads, and on the clock; loading the compiler is not in them.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: "string" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const log = (line: string): void => {
  if (!values.json) console.log(line);
};

function warmUpRecords(result: WarmUpResult): object[] {
  const { name, n, own, v86 } = result;
  const ratio = own === undefined || v86 === undefined ? null : v86.milliseconds / own.milliseconds;
  const record = (kind: string, mine: number | undefined, theirs: number | undefined): object => ({
    ...{ name: `${name}/${kind}`, engine: "likex", n, value: mine ?? null, unit: "ms", peer: "v86" },
    peerValue: theirs ?? null,
  });
  return [
    { ...record("warmup", own?.milliseconds, v86?.milliseconds), ratio },
    record("lost", own?.lostMilliseconds, v86?.lostMilliseconds),
    record("round", own?.steadyRound, v86?.steadyRound),
  ];
}

const shortRecord = ({ name, n, auto, interpreter }: ShortResult): object => ({
  ...{ name, engine: "likex", n, value: auto.seconds, unit: "s", clock: auto.clockSeconds },
  ...{ peer: "likex-interpreter", peerValue: interpreter.seconds, peerClock: interpreter.clockSeconds },
  ratio: interpreter.seconds / auto.seconds,
});

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const other = positionals.find((name) => !CLOCKED.includes(name));
  if (other !== undefined) {
    console.error(`bench warmup: ${other} has no rounds to clock: ${CLOCKED.join(", ")}`);
    return 2;
  }
  const selection = select(positionals.length === 0 ? ["int", "branch"] : positionals, values);
  if (typeof selection === "string") {
    console.error(`bench warmup: ${selection}`);
    return 2;
  }
  const missing = guestsMissing();
  if (missing !== undefined) {
    if (values.json) console.log(JSON.stringify({ name: "warmup", ok: true, skipped: [missing], results: [] }));
    else console.log(`nothing measured: ${missing}`);
    return 0;
  }
  buildPackages();
  const builder = new GuestBuilder();
  try {
    const sampled = await measureWarmUp(builder, selection, log);
    const short = await measureShortPrograms(builder, selection, log);
    const results = [...sampled.flatMap(warmUpRecords), ...short.map(shortRecord)];
    if (values.json) console.log(JSON.stringify({ name: "warmup", ok: true, skipped: [], results }, undefined, 2));
    return 0;
  } finally {
    builder.dispose();
  }
}

process.exitCode = await main();
