import type { Comparison } from "./verification.ts";

/** What is compared besides decoding, by name; each call makes a comparison with state of its own. */
export const COMPARISONS: ReadonlyMap<string, () => Comparison> = new Map<string, () => Comparison>([]);
