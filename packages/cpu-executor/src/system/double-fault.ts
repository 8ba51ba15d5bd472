import { VECTOR } from "./access.ts";

/** Contributory exceptions: #DE #TS #NP #SS #GP (SDM Vol 3A, table 6-4). */
const CONTRIBUTORY: ReadonlySet<number> = new Set([VECTOR.de, VECTOR.ts, VECTOR.np, VECTOR.ss, VECTOR.gp]);

/**
 * What is delivered when the delivery of `first` (-1: not an exception) raises `second`: #DF, or `second` alone (SDM Vol 3A,
 * table 6-5). A fault while #DF is delivered is no matter for this function: it shuts the processor down.
 */
export function combine(first: number, second: number): number {
  const isContributory = CONTRIBUTORY.has(second);
  if (CONTRIBUTORY.has(first) && isContributory) return VECTOR.df;
  if (first === VECTOR.pf && (isContributory || second === VECTOR.pf)) return VECTOR.df;
  return second;
}
