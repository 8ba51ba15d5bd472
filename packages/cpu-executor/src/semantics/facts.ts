import { FACT, type InstructionFacts } from "../instruction-facts.ts";
import type { SemanticsTable } from "./table.ts";

const FACTS = Object.keys(FACT) as readonly (keyof typeof FACT)[];

/** The facts that a table of semantics states, in the order of names. */
export const factsOf = (table: SemanticsTable): InstructionFacts =>
  Object.fromEntries(
    Object.entries(table)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, entry]) => [name, FACTS.reduce((bits, fact) => bits | (entry[fact] === true ? FACT[fact] : 0), 0)]),
  );
