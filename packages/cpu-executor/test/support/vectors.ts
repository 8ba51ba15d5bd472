import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { InstructionForm } from "@likex/x86-decoder";
import { FX_MASK } from "./compare.ts";
import { formOfCode, writeCase } from "./native-case.ts";
import { FX_BYTES, type NativeRecords, RECORD, REGION_BYTES } from "./native-record.ts";

/** Fields that are a word of a line each when the instruction changes them: letter, offset, bytes. */
const FIELDS: readonly (readonly [string, number, number])[] = [
  ["e", RECORD.errorCode, 4],
  ["i", RECORD.ip, 4],
  ["c", RECORD.faultAddress, 8],
  ["s", RECORD.selectors, 12],
  ["fs", RECORD.fsBase, 8],
  ["gs", RECORD.gsBase, 8],
];

/**
 * One recorded execution as a line: code in hexadecimal, seed of the state before, exception vector or -, RFLAGS, then what
 * has changed as place=value: r and a register's number; m and f with an offset in the region and in the FXSAVE image; e
 * error code, i instruction pointer, c fault address, s selectors, fs and gs bases. Registers are numbers, all else is bytes in
 * the order of memory, both in hexadecimal. `before` is the record of the code and seed, `after` what a processor made of it.
 */
export function recordLine(before: NativeRecords, i: number, seed: number, after: NativeRecords, j: number): string {
  const trap = after.get(j, RECORD.trap) - 1;
  const rflags = after.get(j, RECORD.rflags) >>> 0;
  const words = [hex(before.code(i)), String(seed), trap < 0 ? "-" : String(trap), rflags.toString(16)];
  const is64 = before.get(i, RECORD.bits) === 64;
  for (let n = 0; n < (is64 ? 16 : 8); n++) {
    const [old, value] = [registerOf(before, i, n, is64), registerOf(after, j, n, is64)];
    if (value !== old) words.push(`r${n}=${value.toString(16)}`);
  }
  const goesOn = trap < 0 && after.get(j, RECORD.ip) === before.get(i, RECORD.ip) + before.get(i, RECORD.codeLength);
  for (const [name, at, bytes] of FIELDS) {
    if (name === "i" && goesOn) continue;
    const value = hex(part(after, j, at, bytes));
    if (value !== hex(part(before, i, at, bytes))) words.push(`${name}=${value}`);
  }
  const fx = part(after, j, RECORD.fx, FX_BYTES).map((byte, n) => byte & (FX_MASK_BYTES[n] as number));
  const memory = part(after, j, RECORD.memory, REGION_BYTES);
  words.push(...changedBytes("m", part(before, i, RECORD.memory, REGION_BYTES), memory));
  words.push(...changedBytes("f", part(before, i, RECORD.fx, FX_BYTES), fx));
  return words.join(" ");
}

const FX_MASK_BYTES = new Uint8Array(FX_MASK.buffer);

const part = (records: NativeRecords, i: number, at: number, bytes: number): Uint8Array =>
  records.u8.slice(i * RECORD.size + at, i * RECORD.size + at + bytes);

function registerOf(records: NativeRecords, i: number, n: number, is64: boolean): bigint {
  const low = BigInt(records.get(i, RECORD.gpr + n * 8) >>> 0);
  return is64 ? low | (BigInt(records.get(i, RECORD.gpr + n * 8 + 4) >>> 0) << 32n) : low;
}

function changedBytes(name: string, before: Uint8Array, after: Uint8Array): string[] {
  const words: string[] = [];
  for (let at = 0; at < after.length; at++) {
    if (after[at] === before[at]) continue;
    let end = at + 1;
    while (end < after.length && after[end] !== before[end]) end++;
    words.push(`${name}${at}=${hex(after.subarray(at, end))}`);
    at = end;
  }
  return words;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export interface Vector {
  readonly line: string;
  readonly code: Uint8Array;
  readonly seed: number;
  readonly form: InstructionForm;
}

/** Writes the state before a vector's instruction. */
export function writeBefore(vector: Vector, records: NativeRecords, i: number): void {
  writeCase(records, i, vector.code, vector.code.length, vector.seed);
}

/** Makes a record that holds the state before into the one after. */
export function writeAfter(vector: Vector, records: NativeRecords, i: number): void {
  const [, , trap = "", rflags = "", ...changes] = vector.line.split(" ");
  records.set(i, RECORD.trap, trap === "-" ? 0 : Number(trap) + 1);
  records.set(i, RECORD.rflags, Number.parseInt(rflags, 16));
  // Without a word for it an instruction has gone on behind itself, or has faulted where it is.
  if (trap === "-") records.set(i, RECORD.ip, records.get(i, RECORD.ip) + vector.code.length);
  for (const change of changes) {
    const [place = "", value = ""] = change.split("=");
    const start = i * RECORD.size;
    const field = FIELDS.find(([name]) => name === place);
    if (field !== undefined) records.u8.set(Buffer.from(value, "hex"), start + field[1]);
    else if (place.startsWith("r")) setRegister(records, i, Number(place.slice(1)), BigInt(`0x${value}`));
    else {
      const part = place.startsWith("m") ? RECORD.memory : RECORD.fx;
      records.u8.set(Buffer.from(value, "hex"), start + part + Number(place.slice(1)));
    }
  }
}

function setRegister(records: NativeRecords, i: number, n: number, value: bigint): void {
  records.set(i, RECORD.gpr + n * 8, Number(BigInt.asIntN(32, value)));
  records.set(i, RECORD.gpr + n * 8 + 4, Number(value >> 32n));
}

/** What `verify:cpu --record` writes: in 64-bit code of the first module and of the second, in 32- and in 16-bit code. */
export const VECTOR_FILES = ["native-64.txt", "native-64-extension.txt", "native-32.txt", "native-16.txt"] as const;
export type VectorFile = (typeof VECTOR_FILES)[number];

/** Executions in which this processor once differed from a real one. */
export const FOUND_FILE = "native-found.txt";

export const vectorPath = (file: string): string => fileURLToPath(new URL(`../../vectors/${file}`, import.meta.url));

/** The executions recorded on a real processor (vectors/README.md). */
export function readVectors(file: string): Vector[] {
  const lines = readFileSync(vectorPath(file), "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [text = "", seed = ""] = line.split(" ");
    const code = Uint8Array.from(Buffer.from(text, "hex"));
    return { line, code, seed: Number(seed), form: formOfCode(code, Number(seed)) };
  });
}
