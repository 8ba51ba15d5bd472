import { parseArgs } from "node:util";
import { formBytes, Numbers, PATTERNS, randomBytes } from "../scripts/streams.ts";
import {
  createInstructionRows,
  createOperandList,
  decodeBatch,
  type InstructionRows,
  instructionOf,
  readOperands,
} from "../src/index.ts";

const USAGE = `Lets random bytes loose on the decoder, in every mode, at any offset, with and without the APX extension: it must not
throw, must not read outside the range that it is given, must come to an end, and must find the same in one call as in
several.

  pnpm fuzz decoder [--seconds N] [--seed N]

  --seconds N   how long (default 10)
  --seed N      first seed (default: from the clock); a failure prints the seed that repeats it at once

Exits 0 if nothing is wrong, 1 otherwise.`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 0x7fff_ffff) },
    help: { type: "boolean", default: false },
  },
});

const ROWS = 64;
const MOST_BYTES = 300;
const MODES = [16, 32, 64] as const;

/** Random bytes, encodings of forms, and both with bytes overwritten. */
function anyBytes(numbers: Numbers): Uint8Array {
  const parts: number[] = [];
  const size = 1 + numbers.below(MOST_BYTES);
  while (parts.length < size) {
    const part = numbers.chance(3) ? randomBytes(numbers) : formBytes(numbers.of(PATTERNS), numbers.of(MODES), numbers);
    parts.push(...part.subarray(0, 1 + numbers.below(part.length)));
  }
  const bytes = Uint8Array.from(parts.slice(0, size));
  for (let i = numbers.below(4); i > 0; i--) bytes[numbers.below(size)] = numbers.below(256);
  return bytes;
}

const text = (rows: InstructionRows, count: number): string =>
  Array.from({ length: count }, (_, i) =>
    [rows.offset[i], rows.length[i], rows.form[i], rows.flags[i], rows.registers[i], rows.displacement[i]].join(),
  ).join(" ");

/** One attempt; the text says what is wrong. */
function attempt(seed: number, rows: InstructionRows, others: InstructionRows): string | undefined {
  const numbers = new Numbers(seed);
  const bytes = anyBytes(numbers);
  const bits = numbers.of(MODES);
  const start = numbers.below(bytes.length);
  const end = start + numbers.below(bytes.length - start + 1);
  const count = decodeBatch(bytes, start, end, bits, rows);
  if (count > ROWS || rows.next > end || rows.next < start) return `${count} rows, next ${rows.next}`;
  let at = start;
  for (let i = 0; i < count; i++) {
    if (rows.offset[i] !== at || rows.length[i]! < 1 || rows.length[i]! > 15) return `row ${i} has a gap before it`;
    at += rows.length[i]!;
    readOperands(rows, i, createOperandList());
    if (rows.form[i] !== 0) instructionOf(rows, i, 0xffff_ffff_ffff_ff00n);
  }
  if (at !== rows.next) return "the rows do not end where the next call starts";
  if (count < ROWS && end - at > 14) return `${end - at} bytes are called truncated`;
  const found = text(rows, count);
  const elsewhere = Uint8Array.from(bytes, (byte, i) => (i < start || i >= end ? ~byte : byte));
  if (text(others, decodeBatch(elsewhere, start, end, bits, others)) !== found) return "it read outside of the range";
  // In two calls: up to an instruction in the middle, and from there on. The first one may not know yet that its last
  // bytes are no instruction.
  if (count > 1 && count < ROWS) {
    const middle = rows.offset[numbers.below(count)]!;
    const head = text(others, decodeBatch(bytes, start, middle, bits, others));
    if (others.next !== middle) return undefined;
    const tail = text(others, decodeBatch(bytes, middle, end, bits, others));
    if (`${head} ${tail}`.trim() !== found) return "two calls do not find what one call finds";
  }
  return undefined;
}

function main(): number {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [seconds, first] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds >= 0 && Number.isSafeInteger(first) && first >= 0)) {
    console.error(`fuzz decoder: --seconds ${values.seconds} --seed ${values.seed}: numbers from 0 on are wanted`);
    return 2;
  }
  const pairs = [[], ["apx-rex2"]] as const;
  const all = pairs.map((extensions) => [
    createInstructionRows(ROWS, { extensions }),
    createInstructionRows(ROWS, { extensions }),
  ]);
  const stop = performance.now() + seconds * 1000;
  let attempts = 0;
  do {
    for (const [rows, others] of all) {
      const seed = first + attempts;
      try {
        const problem = attempt(seed, rows!, others!);
        if (problem === undefined) continue;
        console.error(`seed ${seed}: ${problem}`);
      } catch (error) {
        console.error(`seed ${seed}: threw`, error);
      }
      return 1;
    }
    attempts++;
  } while (performance.now() < stop);
  console.log(`${attempts} attempts from seed ${first} on, nothing wrong`);
  return 0;
}

process.exitCode = main();
