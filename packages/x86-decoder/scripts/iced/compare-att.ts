import type * as Iced from "iced-x86";
import { createAttFormatter } from "../../src/format/att.ts";
import { FORMS, type InstructionForm, type InstructionRows, ROW_FLAGS, ROW_REGISTERS } from "../../src/index.ts";
import { iced } from "./iced.ts";

/** Where iced-x86 writes something else, and what decides against it. */
export interface AcceptedAttDifference {
  /** Instructions that it concerns: row `i` of `form`. */
  readonly applies: (form: InstructionForm, rows: InstructionRows, i: number) => boolean;
  /** What iced-x86 writes for our text. */
  readonly asIced: (ours: string) => string;
  readonly manual: string;
  /** An instruction of 64-bit mode that has the difference. */
  readonly example: string;
}

const NO_INDEX = 63;

export const ACCEPTED_ATT_DIFFERENCES: readonly AcceptedAttDifference[] = [
  {
    applies: (_form, { registers }, i) =>
      (registers[i]! & 3) !== 3 &&
      ((registers[i]! >> ROW_REGISTERS.indexShift) & 63) === NO_INDEX &&
      registers[i]! >>> ROW_REGISTERS.scaleShift !== 0,
    asIced: (ours) => ours.replace(/\((%[a-z0-9]+)\)/, "($1,)"),
    manual:
      "GNU as, 80386 Dependent Features, Memory References: section:disp(base, index, scale), where an index or a scale follows a comma; " +
      "as rejects (%rax,), which iced-x86 writes for a SIB byte with a scale and no index",
    example: "8b0460",
  },
  {
    applies: (_form, { flags }, i) => ((flags[i]! >> ROW_FLAGS.modeShift) & 3) === 2,
    asIced: (ours) => ours.replace(/0x[0-9A-F]+0000000([0-9])(?![0-9A-F])/, "$1"),
    manual:
      "GNU as, Constants, Numbers: a number means its value; iced-x86 1.21 for JavaScript leaves out the high half of " +
      "a 64-bit number whose low half is below 10",
    example: "48b80200000000000080",
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
      ({ applies, asIced }) => applies(form, rows, i) && asIced(ours) === theirs,
    );
    return { ours, theirs, accepted };
  }
}
