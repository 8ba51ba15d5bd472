/**
 * What choosing a handler must know of an instruction's semantics; the fields of `SemanticsEntry` of the same names say what
 * they mean. Programs that only run guests know the semantics by this alone: `src/generated/instruction-facts.ts`.
 */
export const FACT = { endsBlock: 1, extension: 2, isOutside: 4, repeats: 8 } as const;

/** FACT bits by the name of the semantics; an instruction without semantics is missing. */
export type InstructionFacts = Readonly<Record<string, number>>;

export const hasFact = (facts: InstructionFacts, name: string, fact: number): boolean =>
  ((facts[name] ?? 0) & fact) !== 0;
