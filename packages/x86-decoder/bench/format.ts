import { parseArgs } from "node:util";
import { measureIntelFormatter } from "../scripts/iced/measure-format.ts";

const USAGE = `Time to format an instruction in Intel syntax, beside iced-x86: decoded instructions of the Node program itself.

  pnpm bench format [--rounds N] [--json]`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "21" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function main(): void {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const { count, ours, flat, theirs } = measureIntelFormatter(Number(values.rounds));
  if (values.json) {
    const result = { name: "format-intel", value: ours, unit: "ns", peer: "iced-x86", ratio: ours / theirs };
    console.log(JSON.stringify({ name: "format", ok: true, skipped: [], results: [result] }));
    return;
  }
  const line = (name: string, ns: number): string =>
    `${name.padEnd(44)} ${ns.toFixed(0).padStart(5)} ns, ratio ${(ns / theirs).toFixed(2)}`;
  console.log(`${count} instructions`);
  console.log(line("createIntelFormatter: format", ours));
  console.log(line("  and the text made one piece in memory", flat));
  console.log(line("iced-x86: Formatter.format", theirs));
}

main();
