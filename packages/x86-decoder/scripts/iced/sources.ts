import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Bits } from "../streams.ts";
import { formBytes, Numbers, PATTERNS, randomBytes, SAMPLE_BYTES } from "../streams.ts";

/** Bytes to decode, and where. */
export interface CodeBlock {
  readonly bytes: Uint8Array;
  readonly bits: Bits;
  /** Where instructions to be compared begin; undefined: one after the other from the start. */
  readonly starts?: Uint32Array;
}

/** Samples in a block of `generatedBlock`. */
export const SAMPLES = 2048;

const MODES = [16, 32, 64] as const;

/** A block of samples of one mode: random bytes, or encodings of the table's forms. */
export function generatedBlock(kind: "random" | "forms", number: number, seed: number): CodeBlock {
  const numbers = new Numbers(Math.imul(seed, 0x85eb_ca6b) ^ Math.imul(number + 1, 0xc2b2_ae35));
  const bits = MODES[number % 3] as Bits;
  const bytes = new Uint8Array(SAMPLES * SAMPLE_BYTES);
  const starts = new Uint32Array(SAMPLES);
  for (let i = 0; i < SAMPLES; i++) {
    // Forms in turn, so that none is left out.
    const pattern = PATTERNS[(Math.floor(number / 3) * SAMPLES + i) % PATTERNS.length]!;
    const sample = kind === "random" ? randomBytes(numbers) : formBytes(pattern, bits, numbers);
    bytes.set(sample, i * SAMPLE_BYTES);
    starts[i] = i * SAMPLE_BYTES;
  }
  return { bytes, bits, starts };
}

/** Programs and libraries whose code is compared, where they are found. */
export function realPrograms(): string[] {
  const found = [process.execPath];
  for (const directory of ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64"]) {
    const libc = `${directory}/libc.so.6`;
    if (existsSync(libc)) {
      found.push(libc);
      break;
    }
  }
  for (const directory of ["/usr/bin", "/usr/local/bin", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu"]) {
    if (!existsSync(directory)) continue;
    const python = readdirSync(directory).find((name) => /^(python3\.\d+|libpython3\.\d+\.so\.1\.0)$/.test(name));
    if (python !== undefined) {
      found.push(`${directory}/${python}`);
      break;
    }
  }
  return found.filter((path) => executableSections(path).length > 0);
}

/** The executable sections of a 64-bit little-endian ELF file; none of anything else. */
export function executableSections(path: string): Uint8Array[] {
  const file = readFileSync(path);
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return [];
  if (file.readUInt16LE(18) !== 62) return [];
  const table = Number(file.readBigUInt64LE(40));
  const [size, count] = [file.readUInt16LE(58), file.readUInt16LE(60)];
  const sections: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const at = table + i * size;
    const [type, flags] = [file.readUInt32LE(at + 4), Number(file.readBigUInt64LE(at + 8))];
    const [offset, length] = [Number(file.readBigUInt64LE(at + 24)), Number(file.readBigUInt64LE(at + 32))];
    if (type === 1 && (flags & 4) !== 0) sections.push(file.subarray(offset, offset + length));
  }
  return sections;
}

/** Bytes of real code in one block. */
export const REAL_BLOCK_BYTES = 1 << 18;
