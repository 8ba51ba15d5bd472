import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { differences } from "../test/support/compare.ts";
import { NativeMachine } from "../test/support/native-machine.ts";
import { FLOAT_SEEDS } from "../test/support/native-state.ts";
import { recordLine, VECTOR_FILES, type VectorFile } from "../test/support/vectors.ts";
import { caseOf, type FormCase, notCompared, variants } from "./native/cases.ts";
import { NativeOracle, nativeOracleMissing } from "./native/native-oracle.ts";

const USAGE = `Compares the processor with this machine's own, instruction by instruction.

  pnpm verify:cpu [--count N] [--seed N] [--only PATTERN] [--json] [--record]

  --count N   executions (default 500000)
  --seed N    first seed (default 1)
  --only P    instructions whose mnemonic matches the regular expression
  --json      one JSON object on stdout
  --record    write vectors/native-64*.txt, 6 executions a form and operand kind
  --help      this text

Exits 0 if nothing differs, 1 if something does. Without gcc or on another processor nothing is compared: that is said.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "500000" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const UNDEFINED_OPCODE = 6;
const BATCH = 20000;
const RECORDED = 6;

function main(): number {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const missing = nativeOracleMissing();
  if (missing !== undefined) {
    if (values.json) console.log(JSON.stringify({ name: "cpu", ok: true, skipped: [missing], results: [] }));
    else console.log(`nothing compared: ${missing}`);
    return 0;
  }
  const oracle = new NativeOracle();
  try {
    return values.record ? record(oracle) : compare(oracle, Number(values.count), Number(values.seed));
  } finally {
    oracle.dispose();
  }
}

function compare(oracle: NativeOracle, count: number, firstSeed: number): number {
  const only = new RegExp(values.only);
  const all = variants().filter(({ form }) => only.test(form.mnemonic));
  if (all.length === 0) {
    console.error(`no instruction matches --only ${values.only}`);
    return 1;
  }
  const machine = new NativeMachine();
  const failures = new Map<string, string>();
  const covered = new Set<string>();
  const lacking = new Set<string>();
  let executed = 0;
  let seed = firstSeed;
  while (executed < count) {
    const cases: FormCase[] = [];
    while (cases.length < Math.min(BATCH, count - executed)) {
      const found = caseOf(all[seed % all.length] as (typeof all)[number], seed);
      seed++;
      if (found !== undefined) cases.push(found);
    }
    const answers = oracle.execute(cases);
    cases.forEach(({ form, code, state, seed: used }, i) => {
      const native = answers[i] as (typeof answers)[number];
      const name = `${form.mnemonic} ${form.operands.join(",")}`;
      if (native.trap === UNDEFINED_OPCODE) {
        lacking.add(name);
        return;
      }
      covered.add(name);
      const found = differences(form, machine.execute(code, state), native);
      if (found.length > 0 && !failures.has(name))
        failures.set(name, `${Buffer.from(code).toString("hex")} seed ${used}: ${found.join(", ")}`);
    });
    executed += cases.length;
  }
  const forms = new Set(all.map(({ form }) => `${form.mnemonic} ${form.operands.join(",")}`)).size;
  if (values.json) {
    const results = [
      { name: "executions", value: executed, unit: "instructions" },
      { name: "forms", value: covered.size, unit: "forms" },
      { name: "differences", value: failures.size, unit: "forms" },
    ];
    const skipped = [
      ...[...lacking].map((name) => `${name}: this processor does not have it`),
      ...notCompared().map((name) => `${name}: depends on the host's XCR0`),
    ];
    console.log(JSON.stringify({ name: "cpu", ok: failures.size === 0, skipped, results }));
  } else {
    for (const [name, text] of failures) console.log(`DIFFERS ${name}: ${text}`);
    console.log(`not compared, as they depend on the host's XCR0: ${notCompared().join(" ")}`);
    if (lacking.size > 0) console.log(`not on this processor: ${[...lacking].join("; ")}`);
    console.log(`${executed} executions of ${covered.size} of ${forms} forms, ${failures.size} forms differ`);
  }
  return failures.size === 0 ? 0 : 1;
}

function record(oracle: NativeOracle): number {
  const cases: FormCase[] = [];
  for (const [i, variant] of variants().entries()) {
    let taken = 0;
    for (let attempt = 0; attempt < 100 && taken < RECORDED; attempt++) {
      const found = caseOf(variant, i * 1000 + attempt);
      if (found === undefined) continue;
      cases.push(found);
      taken++;
    }
  }
  const answers = oracle.execute(cases);
  const lines: Record<VectorFile, string[]> = { "native-64.txt": [], "native-64-extension.txt": [] };
  cases.forEach((c, i) => {
    const native = answers[i] as (typeof answers)[number];
    if (native.trap === UNDEFINED_OPCODE) return;
    const file = c.seed >= FLOAT_SEEDS ? "native-64-extension.txt" : "native-64.txt";
    lines[file].push(recordLine(c.code, c.seed, c.state, native));
  });
  for (const file of VECTOR_FILES) {
    writeFileSync(fileURLToPath(new URL(`../vectors/${file}`, import.meta.url)), `${lines[file].join("\n")}\n`);
    console.log(`${lines[file].length} vectors recorded in ${file}`);
  }
  return 0;
}

process.exitCode = main();
