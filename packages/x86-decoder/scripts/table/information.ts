import { MAX_OPERANDS } from "../../src/operands.ts";
import { parseFlags } from "./flags.ts";
import type { TableForm } from "./form.ts";
import { classOf, featureOf } from "./form-class.ts";
import { accessOf, parseImplied } from "./implied.ts";
import { groupedTexts, HEADER, indexArray, intern, numbers, TABLE_IMPORT, texts } from "./text.ts";

/** Columns of the forms, each distinct text once. */
function columns(forms: readonly TableForm[]) {
  return {
    implied: intern(forms.map((form) => form.implied)),
    flags: intern(forms.map((form) => form.flags)),
    attributes: intern(forms.map((form) => form.attributes.join(" "))),
  };
}

const perForm = (name: string, list: string, { distinct, indexes }: ReturnType<typeof intern>): string =>
  numbers(name, `Index in ${list} per form number.`, indexArray(distinct.length), [0, ...indexes]);

const operandWords = (form: TableForm): string[] => form.operands.map((code, i) => `${form.access[i]}:${code}`);

/** Lists of operands with their access, each once, the empty one first; their order is that of FORM_SIGNATURE's numbers. */
export const signaturesOf = (forms: readonly TableForm[]): ReturnType<typeof intern> =>
  intern(forms.map((form) => operandWords(form).join(" ")));

/** Operands with their access, each once. */
const operandsOf = (forms: readonly TableForm[]): readonly string[] => intern(forms.flatMap(operandWords)).distinct;

/** Numbers in OPERAND_WORDS, MAX_OPERANDS for each signature. */
function signatureWords(forms: readonly TableForm[]): number[] {
  const numberOf = new Map(operandsOf(forms).map((word, i) => [word, i]));
  return signaturesOf(forms).distinct.flatMap((signature) => {
    const words = signature.split(" ");
    return Array.from({ length: MAX_OPERANDS }, (_, n) => numberOf.get(words[n] ?? "") ?? 0);
  });
}

/** src/generated/form-lines.ts: what FORMS is made of. */
export function formLines(forms: readonly TableForm[]): string {
  const { implied, flags, attributes } = columns(forms);
  return [
    HEADER,
    TABLE_IMPORT,
    'import { Texts } from "../texts.ts";\n',
    groupedTexts("MNEMONICS", "By form number.", ["(bad)", ...forms.map((form) => form.mnemonic)]),
    groupedTexts("ENCODINGS", "By form number, as in the instruction table.", [
      "",
      ...forms.map((form) => form.encoding),
    ]),
    groupedTexts("OPERAND_WORDS", "Operands with their access; number 0 is none.", operandsOf(forms)),
    numbers(
      "SIGNATURES",
      "Lists of MAX_OPERANDS operand words; number 0 has none.",
      indexArray(operandsOf(forms).length),
      signatureWords(forms),
    ),
    numbers("FORM_SIGNATURE", "Number of its list per form number.", "Uint16Array", [
      0,
      ...signaturesOf(forms).indexes,
    ]),
    groupedTexts("IMPLIED", "Implied uses; the first is empty.", implied.distinct),
    perForm("FORM_IMPLIED", "IMPLIED", implied),
    numbers(
      "FLAG_USES",
      "FLAG_USE numbers of each distinct use of flags; the first is empty.",
      "Int32Array",
      flags.distinct.flatMap(parseFlags),
    ),
    perForm("FORM_FLAGS", "FLAG_USES", flags),
    groupedTexts("ATTRIBUTES", "Attributes; the first is empty.", attributes.distinct),
    perForm("FORM_ATTRIBUTES", "ATTRIBUTES", attributes),
  ].join("");
}

/** src/generated/info-tables.ts: what `readInfo` needs beside that. */
export function infoTables(forms: readonly TableForm[]): string {
  const { implied, attributes } = columns(forms);
  const { starts, records, marks } = parseImplied(implied.distinct);
  const features = [...new Set(["base", ...attributes.distinct.map(featureOf)])];
  const accessWord = (word: string): string => word.slice(0, Math.max(0, word.indexOf(":")));
  return [
    HEADER,
    TABLE_IMPORT,
    numbers("IMPLIED_STARTS", "Where the records of each text of IMPLIED begin, and their end.", "Uint16Array", starts),
    numbers("IMPLIED_RECORDS", "Records of implied uses.", "Int8Array", records),
    numbers("IMPLIED_MARKS", "MARK bits of each text of IMPLIED.", "Uint16Array", marks),
    numbers(
      "ATTRIBUTE_CLASSES",
      "FORM_CLASS words of each text of ATTRIBUTES.",
      "Int32Array",
      attributes.distinct.flatMap((text) => [classOf(text), features.indexOf(featureOf(text))]),
    ),
    numbers(
      "OPERAND_ACCESS",
      "ACCESS of each of OPERAND_WORDS.",
      "Uint8Array",
      operandsOf(forms).map((word) => accessOf(accessWord(word)) ?? 0),
    ),
    numbers(
      "OPERAND_GROUPS",
      "How many registers each of OPERAND_WORDS stands for beside the one that it names.",
      "Uint8Array",
      operandsOf(forms).map((word) => Number(/\+(\d)$/.exec(word)?.[1] ?? 0)),
    ),
    texts("CPUID_FEATURES", 'CPUID features that instructions need, several joined by "+".', features),
  ].join("");
}
