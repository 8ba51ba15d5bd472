import { BITS } from "../generated/decode-tables.ts";
import { FORM_SIGNATURE, SIGNATURES } from "../generated/form-lines.ts";
import { OPERAND_ACCESS, OPERAND_GROUPS } from "../generated/info-tables.ts";
import { ENCODING, FORM_BITS, IMMEDIATE } from "../layout.ts";
import { MAX_OPERANDS, OPERAND_KIND } from "../operands.ts";
import { NO_REGISTER_ID, REGISTER_CLASS } from "../registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import { ACCESS } from "./facts.ts";
import type { InstructionInfo } from "./instruction-info.ts";
import { MARK } from "./layout.ts";
import { conditional, useAddress, useBaseAndIndex, useMemory, useRegister } from "./uses.ts";

const { gpr8, gpr16, gpr32, gpr64, opmask, zmm } = REGISTER_CLASS;
const READ_WRITE = ACCESS.read | ACCESS.write;

const isGeneral = (id: number): boolean => id >> 5 >= gpr16 && id >> 5 <= gpr64;

/** A general register's low part of class `narrow`, other ids as they are. */
const narrowed = (id: number, narrow: number): number =>
  isGeneral(id) && narrow < id >> 5 ? (narrow << 5) | (id & 31) : id;

/** The first of the operands of which only the low part counts (MARK.lowByte, MARK.lowWord). */
function firstNarrow({ operands }: InstructionInfo, marks: number, at: number): number {
  if ((marks & (MARK.lowByte | MARK.lowWord)) === 0) return MAX_OPERANDS;
  if ((marks & MARK.lowBoth) !== 0) return 0;
  let n = operands.count - 1;
  while (n > 0 && operands.kind[n] !== OPERAND_KIND.register) n--;
  return operands.kind[n] === OPERAND_KIND.register && OPERAND_ACCESS[SIGNATURES[at + n]!] === ACCESS.read
    ? n
    : MAX_OPERANDS;
}

/** How an instruction uses a destination of which an opmask leaves parts as they are (SDM Vol 1, 15.6.1). */
function mergedAccess({ operands }: InstructionInfo, access: number): number {
  if (operands.kind[0] === OPERAND_KIND.memory) return access === ACCESS.write ? ACCESS.conditionalWrite : access;
  const registerClass = operands.register[0]! >> 5;
  if (registerClass === opmask || (access & ACCESS.write) === 0) return access;
  // All 512 bits may stay as they are; a shorter destination is written in any case, for what is above it becomes zero.
  return registerClass === zmm ? ACCESS.read | ACCESS.conditionalWrite : READ_WRITE;
}

/** The destination's access, which depends on more than the form. */
function destinationAccess(info: InstructionInfo, given: number, marks: number, mask: number, row: RowWords): number {
  let access = given;
  const isMerged = mask !== 0 && (row.flags & ROW_FLAGS.zeroing) === 0 && (marks & MARK.selects) === 0;
  if (isMerged) access = mergedAccess(info, access);
  if ((marks & MARK.merges) !== 0 && (row.registers & 3) === 3) return READ_WRITE;
  if ((marks & MARK.zeroExtends) !== 0 && info.operands.register[0]! >> 5 === gpr32) {
    // The upper half becomes zero even when the condition does not hold (SDM Vol 2A, CMOVcc).
    if (((row.flags >> ROW_FLAGS.modeShift) & 3) === 2) return READ_WRITE;
  }
  return access;
}

interface RowWords {
  readonly flags: number;
  readonly registers: number;
}

function useMemoryOperand(
  rows: InstructionRows,
  i: number,
  info: InstructionInfo,
  n: number,
  marks: number,
  access: number,
): void {
  const flags = rows.flags[i]!;
  const operandSize = (flags >> ROW_FLAGS.operandSizeShift) & 3;
  const { operands } = info;
  const segment = operands.segment[n]!;
  let base = operands.register[n]!;
  let index = operands.index[n]!;
  if ((marks & MARK.lowOperand) !== 0) {
    if (base !== NO_REGISTER_ID) base = narrowed(base, gpr16 + operandSize);
    if (index !== NO_REGISTER_ID) index = narrowed(index, gpr16 + operandSize);
  }
  const repeats = (marks & MARK.repeats) !== 0;
  const addressAccess = repeats ? ACCESS.conditionalRead : ACCESS.read;
  if ((marks & MARK.noSegment) !== 0) useBaseAndIndex(info, base, index, addressAccess);
  else useAddress(info, segment, base, index, addressAccess, flags);
  if (access === ACCESS.address) return;
  const form = rows.form[i]!;
  const isOffset = ((BITS[form]! >> FORM_BITS.immediateShift) & FORM_BITS.immediateMask) === IMMEDIATE.moffs;
  const isPopped = (marks & MARK.afterPop) !== 0 && isGeneral(base) && (base & 31) === 4;
  const displacement = rows.displacement[i]! + (isPopped ? 2 << operandSize : 0);
  if ((marks & MARK.stride) !== 0) index = NO_REGISTER_ID;
  useMemory(
    info,
    segment,
    base,
    index,
    index === NO_REGISTER_ID ? 0 : rows.registers[i]! >>> ROW_REGISTERS.scaleShift,
    displacement,
    isOffset ? rows.immediate2[i]! : displacement < 0 ? -1 : 0,
    repeats ? 0 : operands.size[n]!,
    access,
  );
}

/** Lists what the explicit operands and the opmask use; `marks` are those that mean something for this instruction. */
export function readExplicit(rows: InstructionRows, i: number, info: InstructionInfo, marks: number): void {
  const row: RowWords = { flags: rows.flags[i]!, registers: rows.registers[i]! };
  const { flags } = row;
  const { operands, operandAccess } = info;
  const at = FORM_SIGNATURE[rows.form[i]!]! * MAX_OPERANDS;
  const mask = ((flags >> ROW_FLAGS.encodingShift) & 7) === ENCODING.EVEX ? (flags >> ROW_FLAGS.maskShift) & 7 : 0;
  const narrowFrom = firstNarrow(info, marks, at);
  for (let n = 0; n < operands.count; n++) {
    let access = OPERAND_ACCESS[SIGNATURES[at + n]!]!;
    const isRegister = operands.kind[n] === OPERAND_KIND.register;
    if ((marks & MARK.same) !== 0 && isRegister) access = n === 0 ? ACCESS.write : ACCESS.none;
    if (n === 0 && (mask !== 0 || marks !== 0)) access = destinationAccess(info, access, marks, mask, row);
    if ((marks & MARK.repeats) !== 0) access = conditional(access);
    operandAccess[n] = access;
    if (access === ACCESS.none) continue;
    if (isRegister) {
      let id = operands.register[n]!;
      if (n >= narrowFrom) id = narrowed(id, (marks & MARK.lowByte) !== 0 ? gpr8 : gpr16);
      const group = OPERAND_GROUPS[SIGNATURES[at + n]!]!;
      for (let k = 0; k <= group; k++) useRegister(info, (id & ~group) + k, access, flags);
    } else if (operands.kind[n] === OPERAND_KIND.memory) useMemoryOperand(rows, i, info, n, marks, access);
  }
  if (mask !== 0) {
    useRegister(info, (opmask << 5) | mask, (marks & MARK.updatesMask) !== 0 ? READ_WRITE : ACCESS.read, flags);
  }
}
