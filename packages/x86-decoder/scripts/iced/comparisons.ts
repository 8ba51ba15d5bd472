import { AttComparison } from "./compare-att.ts";
import { createInfoComparison } from "./compare-info.ts";
import type { Comparison } from "./verification.ts";

const attText = (): Comparison => {
  const comparison = new AttComparison();
  return (rows, i, theirs, base) => {
    const difference = comparison.compare(rows, i, theirs, base);
    return difference === undefined || difference.accepted >= 0
      ? undefined
      : `${difference.ours} instead of ${difference.theirs}`;
  };
};

/** What is compared besides decoding, by name; each call makes a comparison with state of its own. */
export const COMPARISONS: ReadonlyMap<string, () => Comparison> = new Map([
  ["att", attText],
  ["info", createInfoComparison],
]);
