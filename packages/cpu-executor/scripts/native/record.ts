import { writeFileSync } from "node:fs";
import { NativeRecords, RECORD } from "../../test/support/native-record.ts";
import { isFloatSeed } from "../../test/support/native-state.ts";
import {
  FOUND_FILE,
  readVectors,
  recordLine,
  VECTOR_FILES,
  type VectorFile,
  vectorPath,
  writeBefore,
} from "../../test/support/vectors.ts";
import { ALL_ENVIRONMENTS, type Variant, variants, writeVariant } from "./cases.ts";
import type { NativeOracle } from "./native-oracle.ts";

/** Executions of each operand shape. */
const RECORDED = { 64: 6, 32: 2, 16: 2 } as const;
const ATTEMPTS = 100;
const UNDEFINED_OPCODE = 6;
/** Seeds of a shape. */
const STRIDE = 1000;

/** XGETBV of XCR0 tells what the processor has. */
const dependsOnProcessor = ({ form }: Variant, records: NativeRecords, i: number): boolean =>
  form.mnemonic === "xgetbv" && records.get(i, RECORD.gpr + 8) === 0;

/** Writes the vector files, and executes those of FOUND_FILE again; the returned lines say what was written. */
export function recordVectors(oracle: NativeOracle): string[] {
  const all = variants(ALL_ENVIRONMENTS);
  const most = all.reduce((sum, { mode }) => sum + RECORDED[mode], 0);
  const before = new NativeRecords(most);
  const seeds: number[] = [];
  all.forEach((variant, position) => {
    let taken = 0;
    for (let attempt = 0; attempt < ATTEMPTS && taken < RECORDED[variant.mode]; attempt++) {
      const seed = writeVariant(before, seeds.length, variant, position + attempt, position * STRIDE + attempt);
      if (seed < 0 || dependsOnProcessor(variant, before, seeds.length)) continue;
      seeds.push(seed);
      taken++;
    }
  });
  const lines = new Map<VectorFile, string[]>(VECTOR_FILES.map((file) => [file, []]));
  for (const [i, line] of execute(oracle, before, seeds).entries()) {
    if (line !== undefined) lines.get(fileOf(before, i, seeds[i] as number))?.push(line);
  }
  return [...lines, [FOUND_FILE, again(oracle)] as const].map(([file, text]) => {
    writeFileSync(vectorPath(file), `${text.join("\n")}\n`);
    return `${text.length} vectors recorded in ${file}`;
  });
}

const fileOf = (records: NativeRecords, i: number, seed: number): VectorFile => {
  const bits = records.get(i, RECORD.bits);
  if (bits !== 64) return bits === 32 ? "native-32.txt" : "native-16.txt";
  return isFloatSeed(seed) ? "native-64-extension.txt" : "native-64.txt";
};

function again(oracle: NativeOracle): string[] {
  const vectors = readVectors(FOUND_FILE);
  const before = new NativeRecords(vectors.length);
  vectors.forEach((vector, i) => {
    writeBefore(vector, before, i);
  });
  const lines = execute(
    oracle,
    before,
    vectors.map(({ seed }) => seed),
  );
  return lines.map((line, i) => line ?? (vectors[i]?.line as string));
}

/** The lines of the executions; undefined for what the processor does not have. */
function execute(oracle: NativeOracle, before: NativeRecords, seeds: readonly number[]): (string | undefined)[] {
  const after = new NativeRecords(seeds.length);
  oracle.execute(before, seeds.length, after);
  return seeds.map((seed, i) => {
    if (after.get(i, RECORD.trap) - 1 === UNDEFINED_OPCODE) return undefined;
    return recordLine(before, i, seed, after, i);
  });
}
