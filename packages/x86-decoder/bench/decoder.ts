import { parseArgs } from "node:util";
import { measureImport } from "./decoder/import-time.ts";
import { type Measurement, measure } from "./decoder/measure.ts";
import { realCode } from "./decoder/real-code.ts";
import { workloads } from "./decoder/workloads.ts";

const USAGE = `Decoding of real code, beside iced-x86 in the same run: CPU time per instruction, medians of interleaved rounds.

  pnpm bench decoder [--rounds N] [--json]

  batch            decodeBatch, beside decodeOut and length
  batch-long-path  the same without the short path, as where WebAssembly is missing
  operands         decodeBatch and all explicit operands, beside decodeOut and the getters for them
  format-intel     decodeBatch and the Intel text, beside decodeOut and the Intel formatter
  format-...       the same for MASM, NASM and AT&T
  import           until the package as npm gets it is loaded, in a process of its own; import-modules: not bundled

The code is that of the programs that are found: node, libc, python. A ratio is our time divided by iced-x86's.`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function print(code: string, results: readonly Measurement[]): void {
  console.log(code);
  for (const { name, ours, theirs } of results) {
    const times = theirs / ours;
    console.log(
      `  ${name.padEnd(16)} ${ours.toFixed(1).padStart(7)} ns   iced-x86 ${theirs.toFixed(1).padStart(7)} ns   ratio ${(ours / theirs).toFixed(3)}: ${times.toFixed(1)} times as fast`,
    );
  }
}

function main(): number {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    console.error(`bench decoder: --rounds ${values.rounds}: a whole number from 1 on is wanted`);
    return 2;
  }
  const programs = realCode();
  const imports = measureImport(rounds);
  const all = programs.map(({ path, bytes }) => ({ path, results: measure(workloads(bytes), rounds) }));
  if (values.json) {
    const results = all.flatMap(({ results }, i) =>
      results.map(({ name, ours, theirs }) => ({
        // The first program's results have the plain names.
        name: i === 0 ? name : `${name}/${programs[i]?.name}`,
        value: ours,
        unit: "ns",
        peer: "iced-x86",
        ratio: ours / theirs,
      })),
    );
    const ofImport = [
      { name: "import", value: imports.bundle },
      { name: "import-modules", value: imports.modules },
    ].map((result) => ({ ...result, unit: "ms", peer: "iced-x86", ratio: result.value / imports.theirs }));
    results.push(...ofImport);
    console.log(JSON.stringify({ name: "decoder", ok: true, skipped: [], results }));
  } else {
    for (const { path, results } of all) print(path, results);
    const { bundle, modules, theirs } = imports;
    const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;
    console.log(`import ${milliseconds(bundle)}, unbundled ${milliseconds(modules)}, iced-x86 ${milliseconds(theirs)}`);
  }
  return 0;
}

process.exitCode = main();
