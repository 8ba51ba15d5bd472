import type * as Iced from "iced-x86";
import type { FormatterOptions, InstructionFormatter } from "../../src/format/formatter.ts";
import { createIntelFormatter } from "../../src/format/intel.ts";
import { createMasmFormatter } from "../../src/format/masm.ts";
import { createNasmFormatter } from "../../src/format/nasm.ts";
import { BASE_RIP, FORMS, type InstructionForm, type InstructionRows } from "../../src/index.ts";
import { ROW_REGISTERS } from "../../src/row-fields.ts";
import { iced } from "./iced.ts";

interface Peer {
  readonly create: (options?: FormatterOptions) => InstructionFormatter;
  /** iced-x86's name. */
  readonly syntax: "Intel" | "Masm" | "Nasm";
}

const SYNTAXES = {
  intel: { create: createIntelFormatter, syntax: "Intel" },
  masm: { create: createMasmFormatter, syntax: "Masm" },
  nasm: { create: createNasmFormatter, syntax: "Nasm" },
} as const satisfies Record<string, Peer>;

export type TextSyntax = keyof typeof SYNTAXES;

/** All that can be compared. */
export const TEXT_SYNTAXES = Object.keys(SYNTAXES) as readonly TextSyntax[];

/** Where our text is another than iced-x86's on purpose. */
export interface AcceptedTextDifference {
  /** What is different, and the section of the manual that decides it. */
  readonly reason: string;
  readonly syntaxes: readonly TextSyntax[];
  /** Whether the instruction in row `i` is such a one; arguments as for `TextComparison.compare`. */
  readonly applies: (form: InstructionForm, rows: InstructionRows, i: number, base: bigint) => boolean;
}

/** 64-bit values that the instruction in row `i` may show: an immediate, an offset, an address relative to its end. */
function wideValues(form: InstructionForm, rows: InstructionRows, i: number, base: bigint): readonly bigint[] {
  const whole = (high: number, low: number): bigint =>
    BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low)));
  const end = base + BigInt((rows.offset[i] ?? 0) + (rows.length[i] ?? 0));
  const values: bigint[] = [];
  const immediate2 = rows.immediate2[i] ?? 0;
  for (const code of form.operands) {
    if (code === "Iv") values.push(whole(immediate2, rows.immediate[i] ?? 0));
    else if (code.startsWith("O")) values.push(whole(immediate2, rows.displacement[i] ?? 0));
    else if (code.startsWith("J")) values.push(BigInt.asUintN(64, end + BigInt(rows.immediate[i] ?? 0)));
  }
  const isRelative = (((rows.registers[i] ?? 0) >>> ROW_REGISTERS.baseShift) & 63) === BASE_RIP;
  if (isRelative) values.push(BigInt.asUintN(64, end + BigInt(rows.displacement[i] ?? 0)));
  return values;
}

export const ACCEPTED_TEXT_DIFFERENCES: readonly AcceptedTextDifference[] = [
  {
    reason:
      "64-bit numbers from 100000000h on whose low half is below 10: iced-x86 shows the low half alone, MOV RAX,100000004h " +
      "as mov rax,4; all 64 bits are the operand (SDM Vol 2B, MOV)",
    syntaxes: ["intel", "masm", "nasm"],
    applies: (form, rows, i, base) =>
      wideValues(form, rows, i, base).some((value) => value >> 32n !== 0n && (value & 0xffffffffn) < 10n),
  },
];

export interface TextDifference {
  readonly ours: string;
  readonly theirs: string;
  /** Why it may be so; undefined: it may not. */
  readonly accepted: AcceptedTextDifference | undefined;
}

/** Compares the text of decoded instructions in one syntax; holds iced-x86's formatter, so `free` it. */
export class TextComparison {
  readonly syntax: TextSyntax;
  readonly #ours: InstructionFormatter;
  readonly #theirs: Iced.Formatter;

  /** Options are for ours; `prepare` makes the same choices on iced-x86's formatter. */
  constructor(
    syntax: TextSyntax,
    options: FormatterOptions = {},
    prepare: (theirs: Iced.Formatter) => void = () => {},
  ) {
    this.syntax = syntax;
    this.#ours = SYNTAXES[syntax].create(options);
    this.#theirs = new iced.Formatter(iced.FormatterSyntax[SYNTAXES[syntax].syntax]);
    prepare(this.#theirs);
  }

  /**
   * Compares row `i` with the same instruction as iced-x86 decoded it, whose address must be `base` plus the row's offset.
   * Returns undefined if the texts are equal.
   */
  compare(rows: InstructionRows, i: number, instruction: Iced.Instruction, base: bigint): TextDifference | undefined {
    const ours = this.#ours.format(rows, i, base);
    const theirs = this.#theirs.format(instruction);
    if (ours === theirs) return undefined;
    const form = FORMS[rows.form[i] ?? 0];
    const accepted = ACCEPTED_TEXT_DIFFERENCES.find(
      ({ syntaxes, applies }) => form !== undefined && syntaxes.includes(this.syntax) && applies(form, rows, i, base),
    );
    return { ours, theirs, accepted };
  }

  free(): void {
    this.#theirs.free();
  }
}
