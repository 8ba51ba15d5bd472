import { parseArgs } from "node:util";
import { iced } from "../scripts/iced/iced.ts";
import { nodeMachineCode } from "../scripts/machine-code.ts";
import { createAttFormatter } from "../src/format/att.ts";
import { createInstructionRows, decodeBatch } from "../src/index.ts";

const USAGE = `Time to format an instruction in AT&T syntax, beside iced-x86: decoded instructions of the Node program itself.

  pnpm bench format-att [--rounds N] [--json]`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const COUNT = 20_000;
const BASE = 0x7fff_0000_0000n;

/** Medians by instruction. The functions take turns, so that whatever else the machine does meets all of them. */
function nanoseconds(rounds: number, count: number, runs: readonly (() => void)[]): number[] {
  const times = runs.map((): number[] => []);
  for (let i = -3; i < rounds; i++) {
    runs.forEach((run, n) => {
      const start = performance.now();
      run();
      if (i >= 0) times[n]?.push(((performance.now() - start) * 1e6) / count);
    });
  }
  return times.map((list) => list.sort((a, b) => a - b)[rounds >> 1] ?? 0);
}

function main(): void {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const code = nodeMachineCode(COUNT * 8);
  if (code === undefined) throw new Error("the Node program is no ELF file; this measures its code");
  const rows = createInstructionRows(COUNT);
  const count = decodeBatch(code, 0, code.length, 64, rows);
  const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
  const instructions = Array.from({ length: count }, (_, i) => {
    decoder.position = rows.offset[i]!;
    decoder.ip = BASE + BigInt(rows.offset[i]!);
    return decoder.decode();
  });
  const formatter = createAttFormatter();
  const peer = new iced.Formatter(iced.FormatterSyntax.Gas);
  let sum = 0;
  const [ours = 0, flat = 0, theirs = 0] = nanoseconds(Number(values.rounds), count, [
    () => {
      for (let i = 0; i < count; i++) sum += formatter.format(rows, i, BASE).length;
    },
    // JavaScript engines put off making a text one piece of memory until it is read.
    () => {
      for (let i = 0; i < count; i++) sum += formatter.format(rows, i, BASE).charCodeAt(0);
    },
    () => {
      for (const instruction of instructions) sum += peer.format(instruction).length;
    },
  ]);
  if (sum === 0) throw new Error("nothing was formatted");
  if (values.json) {
    const result = { name: "format-att", value: ours, unit: "ns", peer: "iced-x86", ratio: ours / theirs };
    console.log(JSON.stringify({ name: "format-att", ok: true, skipped: [], results: [result] }));
    return;
  }
  const line = (name: string, ns: number): string =>
    `${name.padEnd(42)} ${ns.toFixed(0).padStart(5)} ns, ratio ${(ns / theirs).toFixed(2)}`;
  console.log(`${count} instructions`);
  console.log(line("createAttFormatter: format", ours));
  console.log(line("  and the text made one piece in memory", flat));
  console.log(line("iced-x86: Formatter.format", theirs));
}

main();
