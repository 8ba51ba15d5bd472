import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import type * as Iced from "iced-x86";
import { createDecodedInstruction, DECODE_STATUS, decodeInto } from "../src/index.ts";

const USAGE = `Decoding time on real code, beside iced-x86: the Node program's own bytes, decoded one after the other.

  pnpm bench decode [--rounds N] [--json]`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const iced = createRequire(import.meta.url)("iced-x86") as typeof Iced;
const BYTES = 2 << 20;

/** Offsets of instructions that both decoders know, in code from the middle of the Node program. */
function realCode(): { code: Uint8Array; starts: Int32Array } {
  const file = readFileSync(process.execPath);
  const from = file.length >> 1;
  const code = Uint8Array.from(file.subarray(from, from + BYTES));
  const d = createDecodedInstruction();
  const starts: number[] = [];
  for (let at = 0; at < BYTES - 16; ) {
    const known = decodeInto(code, at, BYTES, 64, d) === DECODE_STATUS.ok;
    if (known) starts.push(at);
    at += known ? d.length : 1;
  }
  return { code, starts: Int32Array.from(starts) };
}

function nanoseconds(rounds: number, count: number, run: () => void): number {
  run();
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    run();
    return ((performance.now() - start) * 1e6) / count;
  });
  return times.sort((a, b) => a - b)[rounds >> 1] ?? 0;
}

function main(): void {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const { code, starts } = realCode();
  const rounds = Number(values.rounds);
  const d = createDecodedInstruction();
  const ours = nanoseconds(rounds, starts.length, () => {
    for (const at of starts) decodeInto(code, at, BYTES, 64, d);
  });
  const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
  const instruction = new iced.Instruction();
  const theirs = nanoseconds(rounds, starts.length, () => {
    for (const at of starts) {
      decoder.position = at;
      decoder.decodeOut(instruction);
      void instruction.length;
    }
  });
  if (values.json) {
    const result = { name: "decode", value: ours, unit: "ns", peer: "iced-x86", ratio: ours / theirs };
    console.log(JSON.stringify({ name: "decode", ok: true, skipped: [], results: [result] }));
  } else {
    console.log(`${starts.length} instructions`);
    console.log(`decodeInto           ${ours.toFixed(1)} ns`);
    console.log(`iced-x86 decodeOut   ${theirs.toFixed(1)} ns, ratio ${(ours / theirs).toFixed(2)}`);
  }
}

main();
