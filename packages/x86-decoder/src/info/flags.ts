import { FLAG_USES, FORM_FLAGS } from "../generated/form-lines.ts";
import { OPERAND_KIND } from "../operands.ts";
import { REGISTER_BYTES } from "../registers.ts";
import { ROW_FLAGS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import { FLAG } from "./facts.ts";
import type { InstructionInfo } from "./instruction-info.ts";
import { FLAG_USE, MARK } from "./layout.ts";

const ZERO_RESULT = FLAG.zero | FLAG.parity;

/** An immediate count as the processor takes it (SDM Vol 2B, RCL/RCR/ROL/ROR and SAL/SAR/SHL/SHR). */
function countOf(rows: InstructionRows, i: number, { operands }: InstructionInfo, flagsRead: number): number {
  const bytes =
    operands.kind[0] === OPERAND_KIND.register ? REGISTER_BYTES[operands.register[0]! >> 5]! : operands.size[0]!;
  const count = rows.immediate[i]! & (bytes === 8 ? 63 : 31);
  // Rotates through the carry flag read it, and are one bit longer.
  return flagsRead !== 0 && bytes < 4 ? count % (bytes * 8 + 1) : count;
}

/** The flags of the instruction in row `i`, with its count if that is an immediate. */
export function readFlags(rows: InstructionRows, i: number, info: InstructionInfo, marks: number): void {
  const at = FORM_FLAGS[rows.form[i]!]! * FLAG_USE;
  let read = FLAG_USES[at]!;
  let written = FLAG_USES[at + 1]!;
  let cleared = FLAG_USES[at + 2]!;
  let set = FLAG_USES[at + 3]!;
  let undefinedFlags = FLAG_USES[at + 4]!;
  const oneWritten = FLAG_USES[at + 5]!;
  const oneCleared = FLAG_USES[at + 6]!;
  if ((oneWritten | oneCleared) !== 0) {
    const count = countOf(rows, i, info, read);
    if (count === 0) read = written = cleared = set = undefinedFlags = 0;
    else if (count === 1) {
      written |= oneWritten;
      cleared |= oneCleared;
      undefinedFlags &= ~(oneWritten | oneCleared);
    }
  } else if ((marks & MARK.same) !== 0) {
    // The result is 0, whatever the register holds.
    cleared |= written & ~ZERO_RESULT;
    set |= written & ZERO_RESULT;
    written = 0;
  } else if (((rows.flags[i]! >> ROW_FLAGS.operandSizeShift) & 3) !== 0) {
    read |= FLAG_USES[at + 7]!;
    written |= FLAG_USES[at + 8]!;
  }
  info.flagsRead = read;
  info.flagsWritten = written;
  info.flagsCleared = cleared;
  info.flagsSet = set;
  info.flagsUndefined = undefinedFlags;
}
