import { parseArgs } from "node:util";
import { FORMS } from "../src/index.ts";
import { COMPARISONS } from "./iced/comparisons.ts";
import { runInWorkers } from "./iced/run.ts";

const USAGE = `Compares the decoder with the iced-x86 package: length, validity, mnemonic, operands, formatted text in four
syntaxes, flags, registers and memory used.

  pnpm verify:decoder [--count N] [--seed N] [--workers N] [--only ASPECT,...] [--json]

  --count N      generated instructions, a quarter random bytes, the rest encodings of the table's forms, in all three
                 modes (default 2000000; the long form is --count 100000000 --real all)
  --real HOW     code of libc, node and python found on this machine: none, some (the first 256 KiB of each executable
                 section, the default) or all
  --seed N       first seed (default 1)
  --workers N    processes (default 1)
  --only LIST    only these aspects besides decoding, or none: ${[...COMPARISONS.keys()].join(", ")}
  --json         one JSON object on stdout

Exits 0 if nothing differs and every form occurred, 1 otherwise. The accepted differences are listed in the README.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "2000000" },
    real: { type: "string", default: "some" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function wholeNumber(name: "count" | "seed" | "workers", least: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`verify:decoder: --${name} ${values[name]}: a whole number from ${least} on is wanted`);
  process.exit(2);
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.real !== "none" && values.real !== "some" && values.real !== "all") {
    console.error(`verify:decoder: --real ${values.real}: none, some or all is wanted`);
    return 2;
  }
  const aspects = values.only === "none" ? [] : (values.only?.split(",") ?? [...COMPARISONS.keys()]);
  const unknown = aspects.find((aspect) => !COMPARISONS.has(aspect));
  if (unknown !== undefined) {
    console.error(`verify:decoder: --only ${unknown}: one of ${[...COMPARISONS.keys()].join(", ")} is wanted`);
    return 2;
  }
  const start = performance.now();
  const result = await runInWorkers({
    count: wholeNumber("count", 0),
    seed: wholeNumber("seed", 0),
    workers: wholeNumber("workers", 1),
    real: values.real,
    aspects,
    progress: (text) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${text}\u001b[K`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const differences = Object.entries(result.differences);
  const covered = new Set(result.forms);
  const missed = FORMS.filter(({ id }) => id !== 0 && !covered.has(id));
  const ok = differences.length === 0 && missed.length === 0;
  if (values.json) {
    const results = [
      { name: "instructions", value: result.instructions, unit: "instructions" },
      { name: "forms", value: covered.size, unit: "forms" },
      { name: "forms-in-the-table", value: FORMS.length - 1, unit: "forms" },
      { name: "differences", value: differences.length, unit: "kinds" },
    ];
    console.log(JSON.stringify({ name: "decoder", ok, skipped: [], results }));
    return ok ? 0 : 1;
  }
  for (const [kind, { count, example }] of differences) console.log(`DIFFERS ${count} times, ${kind}: ${example}`);
  for (const { encoding, mnemonic } of missed) console.log(`did not occur: ${mnemonic} [${encoding}]`);
  console.log(
    `compared: ${["decoding", ...aspects].join(", ")}; real code of ${result.programs.join(", ") || "nothing"}`,
  );
  const percent = Math.floor((covered.size * 1000) / (FORMS.length - 1)) / 10;
  console.log(
    `${result.instructions} instructions, ${covered.size} of ${FORMS.length - 1} forms (${percent} %), ${differences.length} kinds of difference, ${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
  return ok ? 0 : 1;
}

process.exitCode = await main();
