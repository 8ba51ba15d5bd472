import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FORM_BITS, MAPS } from "../src/layout.ts";
import { shortPathModule } from "./short-path/module.ts";
import { coveragePage } from "./table/coverage.ts";
import { parseTable, type TableForm } from "./table/form.ts";
import { formBits, formRules } from "./table/form-bits.ts";
import { formLines, infoTables, signaturesOf } from "./table/information.ts";
import { operandDescriptors } from "./table/operand-descriptors.ts";
import { HEADER, numbers, TABLE_IMPORT } from "./table/text.ts";
import { buildTree } from "./table/tree.ts";

/** Writes src/generated/ and a page of docs/ from instructions/; with --check only compares and exits 1 on a difference. */
const FILES = [
  ...["one-byte", "0f", "0f38-0f3a", "system", "x87", "mmx", "3dnow", "sse", "sse2", "sse3-sse4", "crypto", "padlock"],
  ...["bmi-tbm", "avx", "avx2", "fma", "vex-other", "xop", "amx"],
  ...["opmask", "avx512f", "avx512bw", "avx512dq", "avx512fp16", "avx512-other"],
];

const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url));

const decodeTables = (forms: readonly TableForm[]): string =>
  [
    HEADER,
    TABLE_IMPORT,
    numbers(
      "TREE",
      "Roots by mode, map and opcode, then nodes; the format is in layout.ts.",
      "Uint16Array",
      buildTree(forms, MAPS),
    ),
    numbers("BITS", "One FORM_BITS word per form number; number 0 is no form, and not short.", "Int32Array", [
      FORM_BITS.notShort,
      ...forms.map(formBits),
    ]),
    numbers("FORM_RULES", "One RULES word per form number.", "Int32Array", [0, ...forms.map(formRules)]),
  ].join("");

const descriptors = (forms: readonly TableForm[]): string =>
  HEADER +
  TABLE_IMPORT +
  numbers(
    "OPERAND_DESCRIPTORS",
    "By signature, operand and word: src/layout.ts, DESCRIPTOR.",
    "Int32Array",
    operandDescriptors(signaturesOf(forms).distinct),
  );

const shortPath = (): string => `${HEADER}
/** The WebAssembly module of src/short-path.ts, base64. */
export const SHORT_PATH_MODULE: string = "${Buffer.from(shortPathModule()).toString("base64")}";
`;

const forms = FILES.flatMap((name) => parseTable(readFileSync(path(`instructions/${name}.txt`), "utf8")));
const outputs: Readonly<Record<string, string>> = {
  "src/generated/decode-tables.ts": decodeTables(forms),
  "src/generated/form-lines.ts": formLines(forms),
  "src/generated/info-tables.ts": infoTables(forms),
  "src/generated/operand-descriptors.ts": descriptors(forms),
  "src/generated/short-path.ts": shortPath(),
  "../../docs/reference/instructions.md": coveragePage(forms),
};

for (const [file, text] of Object.entries(outputs)) {
  if (process.argv.includes("--check")) {
    if (readFileSync(path(file), "utf8") !== text) {
      const shown = join("packages/x86-decoder", file);
      console.error(`${shown} is out of date: run pnpm --filter @likex/x86-decoder generate`);
      process.exitCode = 1;
    }
  } else {
    mkdirSync(dirname(path(file)), { recursive: true });
    writeFileSync(path(file), text);
  }
}
console.log(`${forms.length} forms`);
