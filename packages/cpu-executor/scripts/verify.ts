import { parseArgs } from "node:util";
import { ENVIRONMENTS } from "../test/support/native-environment.ts";
import { ALL_ENVIRONMENTS, MODES, type Mode } from "./native/cases.ts";
import { coverage, coverageLines } from "./native/coverage.ts";
import { foreignProcessor, NativeOracle, nativeOracleMissing } from "./native/native-oracle.ts";
import { recordVectors } from "./native/record.ts";
import { runExecutions, selectVariants } from "./native/run.ts";

const USAGE = `Compares the processor with this machine's own, instruction by instruction, in 64-, 32- and 16-bit code.

  pnpm verify:cpu [--count N] [--seed N] [--workers N] [--mode LIST] [--only PATTERN] [--json] [--record]
                  [--any-processor]

  --count N      executions (default 500000; the long form is --count 100000000 --workers 2)
  --seed N       first seed (default 1); the last line says with which one the next executions begin
  --workers N    processes (default 1)
  --mode LIST    of ${MODES.join(", ")} (default: all)
  --only P       instructions whose mnemonic matches the regular expression
  --json         one JSON object on stdout
  --record       write vectors/*.txt
  --any-processor  compare with one that is not Intel's too, which differs in what the README lists
  --help         this text

Exits 0 if nothing differs, 1 if something does, and 3 if nothing could be compared: without gcc, or not on an x86-64
Linux on an Intel processor. Environments whose segments Linux refuses are not run, and that is said.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "500000" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
    mode: { type: "string", default: MODES.join(",") },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    "any-processor": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const EXIT = { same: 0, different: 1, misuse: 2, nothing: 3, interrupted: 130 } as const;

function wholeNumber(name: "count" | "seed" | "workers", least: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`verify:cpu: --${name} ${values[name]}: a whole number from ${least} on is wanted`);
  process.exit(EXIT.misuse);
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return EXIT.same;
  }
  const wanted = MODES.filter((mode) => values.mode.split(",").includes(String(mode)));
  if (wanted.length === 0) {
    console.error(`verify:cpu: --mode ${values.mode}: one or more of ${MODES.join(", ")} are wanted`);
    return EXIT.misuse;
  }
  const missing = nativeOracleMissing() ?? (values["any-processor"] ? undefined : foreignProcessor());
  if (missing !== undefined) {
    if (values.json) console.log(JSON.stringify({ name: "cpu", ok: true, skipped: [missing], results: [] }));
    else console.log(`SKIPPED: nothing is compared: ${missing}`);
    return EXIT.nothing;
  }
  const oracle = new NativeOracle();
  try {
    if (values.record) {
      for (const line of recordVectors(oracle)) console.log(line);
      return EXIT.same;
    }
    return await compare(wanted, oracle.refusedEnvironments());
  } finally {
    oracle.dispose();
  }
}

async function compare(wanted: readonly Mode[], refused: ReadonlyMap<number, string>): Promise<number> {
  const isWanted = (n: number): boolean => wanted.includes(ENVIRONMENTS[n]?.bits as Mode);
  const environments = ALL_ENVIRONMENTS.filter((n) => isWanted(n) && !refused.has(n));
  const all = selectVariants({ environments, only: values.only });
  if (all.length === 0) {
    console.error(`verify:cpu: no instruction matches --only ${values.only}`);
    return EXIT.misuse;
  }
  const [count, first, workers] = [wholeNumber("count", 1), wholeNumber("seed", 0), wholeNumber("workers", 1)];
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const stopped = (complete: number): string => `all is done before seed ${complete}: go on with --seed ${complete}`;
  let complete = first;
  process.once("SIGINT", () => {
    console.error(`\nverify:cpu: stopped; ${stopped(complete)}`);
    process.exit(EXIT.interrupted);
  });
  const result = await runExecutions({ environments, only: values.only, first, count, workers }, (done) => {
    // The processes take turns, so all is done before what the slowest one has come to.
    complete = first + Math.min(...done) * workers;
    if (!process.stderr.isTTY) return;
    const executions = done.reduce((sum, value) => sum + value, 0);
    const rate = Math.round(executions / seconds() / 1000);
    process.stderr.write(`\r${executions} of ${count}, ${rate} thousand a second; ${stopped(complete)}\u001b[K`);
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const covered = coverage(all, result);
  const differences = Object.entries(result.differences);
  const executions = covered.reduce((sum, each) => sum + each.executions, 0);
  const ok = differences.length === 0;
  const rate = Math.round(executions / seconds() / 1000);
  if (values.json) {
    const results = [
      { name: "executions", value: executions, unit: "instructions" },
      { name: "rate", value: rate, unit: "thousands a second" },
      { name: "differences", value: differences.length, unit: "operand shapes" },
      ...covered.flatMap(({ mode, forms, shapes }) => [
        { name: `forms-${mode}`, value: forms, unit: "forms" },
        { name: `shapes-${mode}`, value: shapes, unit: "operand shapes" },
      ]),
    ];
    console.log(JSON.stringify({ name: "cpu", ok, skipped: coverageLines(covered, refused), results }));
    return ok ? EXIT.same : EXIT.different;
  }
  for (const [name, { count: times, example }] of differences)
    console.log(`DIFFERS ${times} times, ${name}: ${example}`);
  for (const line of coverageLines(covered, refused)) console.log(line);
  console.log(
    `${executions} executions, ${differences.length} operand shapes differ, ${seconds().toFixed(0)} s, ${rate} thousand a second; seeds ${first} to ${result.next - 1}, go on with --seed ${result.next}`,
  );
  return ok ? EXIT.same : EXIT.different;
}

process.exitCode = await main();
