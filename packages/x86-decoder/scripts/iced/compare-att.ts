import type * as Iced from "iced-x86";
import { createAttFormatter } from "../../src/format/att.ts";
import { FORMS, type InstructionForm, type InstructionRows } from "../../src/index.ts";
import { iced } from "./iced.ts";

/** Where iced-x86 writes something else, and what decides against it. */
export interface AcceptedAttDifference {
  /** Forms that it concerns. */
  readonly form: (form: InstructionForm) => boolean;
  /** What iced-x86 writes for our text, where that has the difference. */
  readonly asIced: (ours: string) => string;
  readonly manual: string;
}

export const ACCEPTED_ATT_DIFFERENCES: readonly AcceptedAttDifference[] = [
  {
    form: (form) => form.encoding.includes("/") || form.encoding.includes("("),
    asIced: (ours) => ours.replace(/(\(%[a-z0-9]+)\)/, "$1,)"),
    manual:
      "GNU as, 9.16.7 Memory References: section:disp(base, index, scale), where a comma is followed by an index or a scale; " +
      "as rejects (%rax,), which iced-x86 writes for a SIB byte with a scale and no index",
  },
  {
    form: (form) => form.operands.some((code) => /^[IJO]/.test(code)) || form.encoding.includes("/"),
    asIced: (ours) => ours.replace(/0x[0-9A-F]+0000000([0-9])(?![0-9A-F])/, "$1"),
    manual:
      "GNU as, 3.6.2 Numbers: a number's text is its value; iced-x86 1.21 for JavaScript writes 64-bit numbers whose low " +
      "32 bits are below 10 without their high half",
  },
  {
    form: (form) => form.operands.some((code) => code.startsWith("Y")) && !form.operands.some((code) => code.startsWith("X")),
    asIced: (ours) => ours.replace(/\(%/, "%es:(%"),
    manual:
      "SDM Vol 2B, STOS: the ES segment cannot be overridden; iced-x86 writes %es: in 64-bit mode for an FS or GS prefix even " +
      "if an ES, CS, SS or DS prefix follows, of which our rows keep the last",
  },
];

export interface AttDifference {
  readonly ours: string;
  readonly theirs: string;
  /** Index in ACCEPTED_ATT_DIFFERENCES; -1: not accepted. */
  readonly accepted: number;
}

/** Compares texts in AT&T syntax; one object serves any number of instructions. */
export class AttComparison {
  readonly #ours = createAttFormatter();
  readonly #theirs = new iced.Formatter(iced.FormatterSyntax.Gas);

  /** Row `i` with the same instruction as iced-x86 decoded it; `base` is the address of the byte at offset 0. */
  compare(rows: InstructionRows, i: number, instruction: Iced.Instruction, base: bigint): AttDifference | undefined {
    const ours = this.#ours.format(rows, i, base);
    const theirs = this.#theirs.format(instruction);
    if (ours === theirs) return undefined;
    const form = FORMS[rows.form[i]!]!;
    const accepted = ACCEPTED_ATT_DIFFERENCES.findIndex(
      (difference) => difference.form(form) && difference.asIced(ours) === theirs,
    );
    return { ours, theirs, accepted };
  }
}
