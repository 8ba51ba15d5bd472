import type { Answers, Json } from "./steps.ts";

/** One field on which two drivers differ. */
export interface Disagreement {
  readonly case: string;
  /** The step's name and the field's, joined by dots. */
  readonly field: string;
  /** What the reference said; undefined when it has no such field. */
  readonly reference: Json | undefined;
  readonly answer: Json | undefined;
}

/** Every field of every answer in which the two differ. */
export function compare(reference: Answers, answers: Answers): Disagreement[] {
  return [...new Set([...Object.keys(reference), ...Object.keys(answers)])].flatMap((name) => {
    const left = flatten(reference[name] ?? {});
    const right = flatten(answers[name] ?? {});
    return [...new Set([...left.keys(), ...right.keys()])]
      .filter((field) => left.get(field) !== right.get(field))
      .map((field) => ({ case: name, field, reference: left.get(field), answer: right.get(field) }));
  });
}

/** The number of fields that a comparison looks at. */
export function fieldCount(answers: Answers): number {
  return Object.values(answers).reduce((sum, answer) => sum + flatten(answer).size, 0);
}

function flatten(value: Json, prefix = "", into = new Map<string, Json>()): Map<string, Json> {
  if (typeof value !== "object" || value === null) return into.set(prefix, value);
  for (const [key, inner] of Object.entries(value)) flatten(inner, prefix === "" ? key : `${prefix}.${key}`, into);
  return into;
}
