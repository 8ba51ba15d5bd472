import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type NativeResult, type NativeState, nativeState } from "./native-state.ts";

/**
 * One recorded execution as a line: code in hexadecimal, seed of the state before, exception vector or -, RFLAGS,
 * changed registers as number=value, changed window bytes as offset=bytes, changed bytes of the FXSAVE image likewise. Values in hexadecimal, separated by blanks.
 */
export function recordLine(code: Uint8Array, seed: number, before: NativeState, after: NativeResult): string {
  const words = [hex(code), String(seed), after.trap < 0 ? "-" : String(after.trap), after.rflags.toString(16)];
  after.gpr.forEach((value, i) => {
    if (value !== before.gpr[i]) words.push(`r${i}=${value.toString(16)}`);
  });
  words.push(...changedBytes("m", before.memory, after.memory), ...changedBytes("f", before.fx, after.fx));
  return words.join(" ");
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

export interface Vector {
  readonly line: string;
  readonly code: Uint8Array;
  readonly state: NativeState;
  readonly result: NativeResult;
}

function parseLine(line: string): Vector {
  const [code = "", seed = "", trap = "", rflags = "", ...changes] = line.split(" ");
  const state = nativeState(Number(seed));
  const gpr = [...state.gpr];
  const memory = state.memory.slice();
  const fx = state.fx.slice();
  for (const change of changes) {
    const [place = "", value = ""] = change.split("=");
    const at = Number(place.slice(1));
    if (place.startsWith("r")) gpr[at] = BigInt(`0x${value}`);
    else (place.startsWith("m") ? memory : fx).set(Buffer.from(value, "hex"), at);
  }
  const result = { trap: trap === "-" ? -1 : Number(trap), gpr, rflags: Number.parseInt(rflags, 16), memory, fx };
  return { line, code: Uint8Array.from(Buffer.from(code, "hex")), state, result };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** What `verify:cpu --record` writes: instructions of the first module, and of the second. */
export const VECTOR_FILES = ["native-64.txt", "native-64-extension.txt"] as const;
export type VectorFile = (typeof VECTOR_FILES)[number];

/** Executions in which this processor once differed from a real one. */
const FOUND_FILE = "native-64-found.txt";

/** The executions recorded on a real processor (vectors/README.md). */
export function nativeVectors(): Vector[] {
  return [...VECTOR_FILES, FOUND_FILE].flatMap((file) => {
    const path = fileURLToPath(new URL(`../../vectors/${file}`, import.meta.url));
    return readFileSync(path, "utf8").trimEnd().split("\n").map(parseLine);
  });
}
