import type { TextComparison } from "../scripts/iced/compare-text.ts";
import { IcedDecoder } from "../scripts/iced/iced.ts";
import { type Bits, formBytes, Numbers, PATTERNS } from "../scripts/streams.ts";
import { createInstructionRows, decodeBatch } from "../src/index.ts";

/** Low, high, at the end of the address space, at the end of 32 bits. */
const BASES = [0n, 0x1000n, 0x7fff_ffff_f000n, 0xffff_ffff_ffff_fff8n, 0xffff_8000_1234_5678n, 0xffff_fff0n];

export interface LiveComparison {
  /** Instructions whose text was compared. */
  readonly compared: number;
  /** Differences that are not accepted, for reading: hexadecimal bytes, mode, and both texts. */
  readonly differences: readonly string[];
  /** How many were accepted. */
  readonly accepted: number;
  /** Numbers of forms that were met. */
  readonly forms: ReadonlySet<number>;
}

interface Sample {
  readonly bytes: Uint8Array;
  readonly bits: Bits;
}

/** How many encodings are tried for a form in a mode; few of those with vector indexes or tiles are valid. */
const TRIES = 400;

/** Up to `each` valid encodings of every form in each mode. */
export function* formSamples(each: number, seed: number): Generator<Sample> {
  const numbers = new Numbers(seed);
  const rows = createInstructionRows(1);
  for (const pattern of PATTERNS) {
    for (const bits of [16, 32, 64] as const) {
      let found = 0;
      for (let i = 0; i < TRIES && found < each; i++) {
        const bytes = formBytes(pattern, bits, numbers);
        if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0 || rows.form[0] !== pattern.form.id) continue;
        found++;
        yield { bytes, bits };
      }
    }
  }
}

/** Compares the texts of samples with iced-x86's, and frees the comparisons. */
export function compareTexts(comparisons: readonly TextComparison[], source: Iterable<Sample>): LiveComparison {
  const decoder = new IcedDecoder();
  const rows = createInstructionRows(1);
  const differences: string[] = [];
  const forms = new Set<number>();
  let compared = 0;
  let accepted = 0;
  for (const { bytes, bits } of source) {
    if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0 || rows.form[0] === 0) continue;
    const base = BASES[compared % BASES.length] ?? 0n;
    if (!decoder.decode(bytes, bits, base)) continue;
    compared++;
    forms.add(rows.form[0] ?? 0);
    for (const comparison of comparisons) {
      const difference = comparison.compare(rows, 0, decoder.instruction, base);
      if (difference === undefined) continue;
      if (difference.accepted !== undefined) accepted++;
      else {
        const hex = Buffer.from(bytes.subarray(0, rows.length[0])).toString("hex");
        const texts = `"${difference.ours}", iced-x86 "${difference.theirs}"`;
        differences.push(`${comparison.syntax}, ${bits} bits, ${hex}: ${texts}`);
      }
    }
  }
  for (const comparison of comparisons) comparison.free();
  return { compared, differences, accepted, forms };
}
