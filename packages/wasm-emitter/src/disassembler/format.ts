import type { WasmFunctionText, WasmLine } from "./function-text.ts";

const INDENTATION = "  ";

/** A line for people, indented by its depth: its text, and its comment behind ";;". */
export function formatLine({ depth, text, comment }: WasmLine): string {
  return `${INDENTATION.repeat(depth)}${text}${comment === "" ? "" : `  ;; ${comment}`}`;
}

/** All lines of a function, each with its offset in the module, below a line with its name and type. */
export function formatFunction({ index, name, type, locals, lines }: WasmFunctionText): string {
  const head = [`func ${index}`, name ?? "", type, locals.length === 0 ? "" : `(local ${locals.join(" ")})`];
  const width = (lines.at(-1)?.offset ?? 0).toString(16).length;
  return [
    head.filter((part) => part !== "").join(" "),
    ...lines.map((line) => `${line.offset.toString(16).padStart(width)}: ${formatLine(line)}`),
  ].join("\n");
}
