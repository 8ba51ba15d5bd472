import { FORM_ATTRIBUTES, FORM_IMPLIED } from "../generated/form-lines.ts";
import { ATTRIBUTE_CLASSES, IMPLIED_MARKS } from "../generated/info-tables.ts";
import { OPERAND_KIND, readOperands } from "../operands.ts";
import { ROW_FLAGS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import { CLASS } from "./facts.ts";
import { readFlags } from "./flags.ts";
import type { InstructionInfo } from "./instruction-info.ts";
import { FORM_CLASS, MARK } from "./layout.ts";
import { readExplicit } from "./read-explicit.ts";
import { readImplied } from "./read-implied.ts";

/** PREFIX.rep and PREFIX.repne; string instructions take both for the same. */
const REPEATED = 6;

const CLASS_MASK = (1 << FORM_CLASS.flowShift) - 1;

/**
 * Fills `info` with what the instruction in row `i` does and returns it; nothing is used by bytes that are no instruction.
 * Never throws for a row that the decoder filled, allocates nothing that lives.
 */
export function readInfo(rows: InstructionRows, i: number, info: InstructionInfo): InstructionInfo {
  const form = rows.form[i]!;
  const flags = rows.flags[i]!;
  const classAt = FORM_ATTRIBUTES[form]! * FORM_CLASS.words;
  const formClass = ATTRIBUTE_CLASSES[classAt]!;
  const is512 = ((flags >> ROW_FLAGS.vectorLengthShift) & 3) === 2;
  info.registerCount = 0;
  info.memoryCount = 0;
  info.stackIncrement = 0;
  info.flow = (formClass >> FORM_CLASS.flowShift) & 15;
  info.class = formClass & (is512 ? CLASS_MASK & ~CLASS.vectorLength : CLASS_MASK);
  info.x87Increment = ((formClass >> FORM_CLASS.x87Shift) & 15) - 8;
  info.feature = ATTRIBUTE_CLASSES[classAt + 1]!;
  readOperands(rows, i, info.operands);
  const implied = FORM_IMPLIED[form]!;
  const marks = effectiveMarks(IMPLIED_MARKS[implied]!, flags, info);
  readExplicit(rows, i, info, marks);
  if (implied !== 0) readImplied(rows, i, info, implied, marks);
  readFlags(rows, i, info, marks);
  readTarget(rows, i, info);
  return info;
}

/** A form's MARK bits without those that mean nothing here: no REP prefix, or two different sources. */
function effectiveMarks(marks: number, flags: number, info: InstructionInfo): number {
  let effective = marks;
  if ((flags & REPEATED) === 0) effective &= ~MARK.repeats;
  if ((marks & MARK.same) !== 0 && !hasSameSources(info)) effective &= ~MARK.same;
  return effective;
}

/** Whether both sources are one register. */
function hasSameSources({ operands }: InstructionInfo): boolean {
  const last = operands.count >= 3 ? 2 : 1;
  return (
    operands.kind[last] === OPERAND_KIND.register &&
    operands.kind[last - 1] === OPERAND_KIND.register &&
    operands.register[last] === operands.register[last - 1]
  );
}

function readTarget(rows: InstructionRows, i: number, info: InstructionInfo): void {
  const { operands } = info;
  info.hasTarget = operands.count !== 0 && operands.kind[0] === OPERAND_KIND.branch;
  if (info.hasTarget) {
    info.target = rows.offset[i]! + rows.length[i]! + rows.immediate[i]!;
    info.targetBits = operands.size[0]! * 8;
  } else {
    info.target = 0;
    info.targetBits = 0;
  }
}
