import { readFileSync } from "node:fs";
import { createIntelFormatter } from "../../src/format/intel.ts";
import { createInstructionRows, decodeBatch, type InstructionRows } from "../../src/index.ts";
import { iced } from "./iced.ts";

/** Nanoseconds for an instruction. */
export interface FormatterTimes {
  readonly count: number;
  /** `format` of our Intel formatter. */
  readonly ours: number;
  /** The same, and each text then made one piece of memory, which JavaScript engines put off until it is read. */
  readonly flat: number;
  /** iced-x86's Intel `format` of instructions that it has decoded before. */
  readonly theirs: number;
}

/** Instructions that are formatted in a round. */
const COUNT = 20_000;

/** Where the Node program's machine code is: the section .text of its ELF file, or the middle half of another file. */
function machineCode(file: Buffer): Buffer {
  if (file.readUInt32BE(0) !== 0x7f454c46) return file.subarray(file.length >> 2, (file.length >> 2) * 3);
  const header = (i: number): number => Number(file.readBigUInt64LE(0x28)) + i * file.readUInt16LE(0x3a);
  const names = Number(file.readBigUInt64LE(header(file.readUInt16LE(0x3e)) + 24));
  for (let i = 0; i < file.readUInt16LE(0x3c); i++) {
    const name = names + file.readUInt32LE(header(i));
    if (file.toString("latin1", name, name + 6) !== ".text\0") continue;
    const start = Number(file.readBigUInt64LE(header(i) + 24));
    return file.subarray(start, start + Number(file.readBigUInt64LE(header(i) + 32)));
  }
  throw new Error("the Node program has no .text");
}

/** Instructions of the Node program's code: from several places, as compilers' output differs. */
function realCode(): { readonly code: Uint8Array; readonly rows: InstructionRows; readonly count: number } {
  const text = machineCode(readFileSync(process.execPath));
  const places = 16;
  const parts = Array.from({ length: places }, (_, i) => {
    const start = Math.floor((text.length / places) * i);
    return text.subarray(start, start + 8192);
  });
  const code = Uint8Array.from(Buffer.concat(parts));
  const rows = createInstructionRows(COUNT);
  return { code, rows, count: decodeBatch(code, 0, code.length, 64, rows) };
}

/**
 * Medians of `rounds` runs of each function, by instruction. The functions take turns, so that whatever else the machine
 * does meets all of them.
 */
function nanoseconds(rounds: number, count: number, runs: readonly (() => void)[]): number[] {
  for (let i = 0; i < 3; i++) for (const run of runs) run();
  const times = runs.map((): number[] => []);
  for (let i = 0; i < rounds; i++) {
    runs.forEach((run, n) => {
      const start = performance.now();
      run();
      times[n]?.push(((performance.now() - start) * 1e6) / count);
    });
  }
  return times.map((list) => list.sort((a, b) => a - b)[rounds >> 1] ?? 0);
}

/** Measures both formatters on the same decoded instructions; decoding is not part of it. */
export function measureIntelFormatter(rounds: number): FormatterTimes {
  const { code, rows, count } = realCode();
  const base = 0x7fff_0000_0000n;
  const formatter = createIntelFormatter();
  let length = 0;
  const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
  const instructions = Array.from({ length: count }, (_, i) => {
    decoder.position = rows.offset[i] ?? 0;
    decoder.ip = base + BigInt(rows.offset[i] ?? 0);
    return decoder.decode();
  });
  const peer = new iced.Formatter(iced.FormatterSyntax.Intel);
  const [ours = 0, flat = 0, theirs = 0] = nanoseconds(rounds, count, [
    () => {
      for (let i = 0; i < count; i++) length += formatter.format(rows, i, base).length;
    },
    () => {
      for (let i = 0; i < count; i++) length += formatter.format(rows, i, base).charCodeAt(0);
    },
    () => {
      for (const instruction of instructions) length += peer.format(instruction).length;
    },
  ]);
  if (length === 0) throw new Error("nothing was formatted");
  for (const instruction of instructions) instruction.free();
  peer.free();
  decoder.free();
  return { count, ours, flat, theirs };
}
