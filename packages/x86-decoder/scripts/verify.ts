import { parseArgs } from "node:util";
import { FORMS } from "../src/index.ts";
import { compareStreams } from "./compare-streams.ts";

const USAGE = `Compares the decoder with the iced-x86 package: validity, length, mnemonic and memory operand.

  pnpm verify:decoder [--count N] [--seed N] [--json]

  --count N   instructions, half random bytes, half encodings of the table's forms, in all three modes (default 2000000)
  --seed N    first seed (default 1)
  --json      one JSON object on stdout

Exits 0 if nothing differs, 1 if something does.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "2000000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function main(): number {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const result = compareStreams(Number(values.count), Number(values.seed));
  const ok = result.differences.size === 0;
  if (values.json) {
    const results = [
      { name: "instructions", value: result.compared, unit: "instructions" },
      { name: "forms", value: result.covered.size, unit: "forms" },
      { name: "not-in-the-table", value: result.laterSets, unit: "instructions" },
      { name: "differences", value: result.differences.size, unit: "kinds" },
    ];
    console.log(JSON.stringify({ name: "decoder", ok, skipped: [], results }));
  } else {
    for (const [kind, text] of result.differences) console.log(`DIFFERS ${kind}: ${text}`);
    const missed = FORMS.filter(({ id }) => !result.covered.has(id)).map(({ mnemonic }) => mnemonic);
    if (missed.length > 0) console.log(`forms that did not occur: ${[...new Set(missed)].join(" ")}`);
    console.log(
      `${result.compared} instructions, ${result.covered.size} of ${FORMS.length} forms, ${result.laterSets} of sets that the table does not have, ${result.differences.size} kinds of difference`,
    );
  }
  return ok ? 0 : 1;
}

process.exitCode = main();
