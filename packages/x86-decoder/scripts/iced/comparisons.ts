import { AttComparison } from "./compare-att.ts";
import { createInfoComparison } from "./compare-info.ts";
import { TEXT_SYNTAXES, TextComparison, type TextSyntax } from "./compare-text.ts";
import type { Comparison } from "./verification.ts";

const text = (syntax: TextSyntax) => (): Comparison => {
  const comparison = new TextComparison(syntax);
  return (rows, i, theirs, base) => {
    const difference = comparison.compare(rows, i, theirs, base);
    if (difference === undefined || difference.accepted !== undefined) return undefined;
    return `${difference.ours} instead of ${difference.theirs}`;
  };
};

const attText = (): Comparison => {
  const comparison = new AttComparison();
  return (rows, i, theirs, base) => {
    const difference = comparison.compare(rows, i, theirs, base);
    if (difference === undefined || difference.accepted >= 0) return undefined;
    return `${difference.ours} instead of ${difference.theirs}`;
  };
};

/** What is compared besides decoding, by name; each call makes a comparison with state of its own. */
export const COMPARISONS: ReadonlyMap<string, () => Comparison> = new Map([
  ...TEXT_SYNTAXES.map((syntax): [string, () => Comparison] => [syntax, text(syntax)]),
  ["att", attText],
  ["info", createInfoComparison],
]);
