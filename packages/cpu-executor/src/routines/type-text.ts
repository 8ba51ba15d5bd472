import type { FunctionType, ValueType } from "@likex/wasm-emitter";

/** Letters of value types in a routine's type as text: parameters, `>`, results. */
const LETTERS: Readonly<Record<string, ValueType>> = { i: "i32", l: "i64", f: "f32", d: "f64", v: "v128" };

const letterOf = (type: ValueType): string => Object.keys(LETTERS).find((letter) => LETTERS[letter] === type) as string;

export const routineTypeText = ({ params, results }: FunctionType): string =>
  `${params.map(letterOf).join("")}>${results.map(letterOf).join("")}`;

export function readRoutineType(text: string): FunctionType {
  const [params = "", results = ""] = text.split(">");
  const typesOf = (letters: string): ValueType[] => [...letters].map((letter) => LETTERS[letter] as ValueType);
  return { params: typesOf(params), results: typesOf(results) };
}
