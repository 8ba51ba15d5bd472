import { Comparison } from "./compare.ts";
import { anyForm, formBytes, Numbers, randomBytes } from "./streams.ts";

const MODES = [16, 32, 64] as const;

/** Compares `count` instructions: random bytes and encodings of the table's forms in turn, in the three modes. */
export function compareStreams(count: number, seed: number): Comparison {
  const comparison = new Comparison();
  const numbers = new Numbers(seed);
  for (let i = 0; i < count; i++) {
    const bits = MODES[i % 3] as (typeof MODES)[number];
    comparison.compare(i % 2 === 0 ? randomBytes(numbers) : formBytes(anyForm(numbers), bits, numbers), bits);
  }
  return comparison;
}
