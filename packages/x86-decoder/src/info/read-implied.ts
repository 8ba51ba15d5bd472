import { SEGMENT } from "../constants.ts";
import { IMPLIED_STARTS, IMPLIED_RECORDS as RECORDS } from "../generated/info-tables.ts";
import { NO_REGISTER_ID, REGISTER_CLASS } from "../registers.ts";
import { ROW_FLAGS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import { ACCESS } from "./facts.ts";
import type { InstructionInfo } from "./instruction-info.ts";
import { EFFECTIVE_SEGMENT, MARK, RECORD, SIZE, USE, WHEN, WIDTH } from "./layout.ts";
import { conditional, useAddress, useMemory, useRegister } from "./uses.ts";

const { gpr8, gpr16 } = REGISTER_CLASS;
const COUNT = 1;
const STACK_POINTER = 4;
const FRAME_POINTER = 5;
const READ_WRITE = ACCESS.read | ACCESS.write;

/** Sizes as 16 << n: of operands, addresses and the stack. */
interface Sizes {
  readonly flags: number;
  readonly operand: number;
  readonly address: number;
  readonly stack: number;
}

const widthOf = (width: number, { operand, address, stack }: Sizes): number => {
  switch (width) {
    case WIDTH.operand:
      return operand;
    case WIDTH.operandUpTo32:
      return Math.min(operand, 1);
    case WIDTH.operandFrom32:
      return Math.max(operand, 1);
    case WIDTH.native:
      return Math.max(stack, 1);
    case WIDTH.address:
      return address;
    default:
      return stack;
  }
};

const bytesOf = (size: number, { operand }: Sizes): number =>
  size >= 0 ? size : size === SIZE.operand ? 2 << operand : operand === 2 ? 8 : 4;

function applies(when: number, { operand, stack }: Sizes): boolean {
  switch (when) {
    case WHEN.in64:
      return stack === 2;
    case WHEN.outside64:
      return stack !== 2;
    case WHEN.operand16:
      return operand === 0;
    case WHEN.operand32Up:
      return operand !== 0;
    default:
      return true;
  }
}

/** A location on the stack, `offset` bytes from where `pointer` points before the instruction. */
function useStack(
  info: InstructionInfo,
  pointer: number,
  offset: number,
  bytes: number,
  access: number,
  sizes: Sizes,
): void {
  const base = ((gpr16 + sizes.stack) << 5) | pointer;
  useMemory(info, SEGMENT.ss, base, NO_REGISTER_ID, 0, offset, offset >> 31, bytes, access);
}

/** ENTER's copies of up to 30 frame pointers (SDM Vol 2A, ENTER). */
function useFrames(rows: InstructionRows, i: number, info: InstructionInfo, sizes: Sizes): void {
  const bytes = 2 << sizes.operand;
  const level = rows.immediate2[i]! & 31;
  useStack(info, STACK_POINTER, -bytes, bytes, ACCESS.write, sizes);
  for (let k = 1; k < level; k++) {
    useStack(info, FRAME_POINTER, -bytes * k, bytes, ACCESS.read, sizes);
    useStack(info, STACK_POINTER, -bytes * (k + 1), bytes, ACCESS.write, sizes);
  }
  if (level > 0) useStack(info, STACK_POINTER, -bytes * (level + 1), bytes, ACCESS.write, sizes);
  // Both pointers are set by operand size; the pushes and the copying go by the stack's (SDM Vol 2A, ENTER).
  const general = (gpr16 + sizes.operand) << 5;
  useRegister(info, general | STACK_POINTER, READ_WRITE, sizes.flags);
  useRegister(info, general | FRAME_POINTER, READ_WRITE, sizes.flags);
  if (level > 1 && sizes.operand !== sizes.stack) {
    useRegister(info, ((gpr16 + sizes.stack) << 5) | FRAME_POINTER, READ_WRITE, sizes.flags);
  }
  info.stackIncrement = -(bytes * (level + 1) + rows.immediate[i]!);
}

/** Lists what the form uses without naming it, by number `implied` of IMPLIED. */
export function readImplied(
  rows: InstructionRows,
  i: number,
  info: InstructionInfo,
  implied: number,
  marks: number,
): void {
  const repeats = (marks & MARK.repeats) !== 0;
  const flags = rows.flags[i]!;
  const sizes: Sizes = {
    flags,
    operand: (flags >> ROW_FLAGS.operandSizeShift) & 3,
    address: (flags >> ROW_FLAGS.addressSizeShift) & 3,
    stack: (flags >> ROW_FLAGS.modeShift) & 3,
  };
  let usesStack = false;
  const end = IMPLIED_STARTS[implied + 1]!;
  for (let at = IMPLIED_STARTS[implied]!; at < end; at += RECORD) {
    if (!applies(RECORDS[at + 2]!, sizes)) continue;
    const access = repeats ? conditional(RECORDS[at + 1]!) : RECORDS[at + 1]!;
    switch (RECORDS[at]!) {
      case USE.register: {
        const width = RECORDS[at + 3]!;
        const registerClass = width === WIDTH.fixed ? RECORDS[at + 4]! : gpr16 + widthOf(width, sizes);
        // Without REX, VEX.R and the like there are only eight vector registers.
        const count = sizes.stack === 2 ? RECORDS[at + 6]! : Math.min(RECORDS[at + 6]!, 8);
        const first = (registerClass << 5) | RECORDS[at + 5]!;
        for (let n = 0; n < count; n++) useRegister(info, first + n, access, flags);
        break;
      }
      case USE.memory: {
        const given = RECORDS[at + 3]!;
        const segment = given === EFFECTIVE_SEGMENT ? (flags >> ROW_FLAGS.segmentShift) & 7 : given;
        const base =
          RECORDS[at + 4]! === WIDTH.ofOperand
            ? info.operands.register[RECORDS[at + 5]!]!
            : ((gpr16 + widthOf(RECORDS[at + 4]!, sizes)) << 5) | RECORDS[at + 5]!;
        const index = RECORDS[at + 6]! < 0 ? NO_REGISTER_ID : (gpr8 << 5) | RECORDS[at + 6]!;
        const conditionally = (access & (READ_WRITE | ACCESS.address)) === 0;
        useAddress(info, segment, base, index, conditionally ? ACCESS.conditionalRead : ACCESS.read, flags);
        if (access !== ACCESS.address) {
          useMemory(info, segment, base, index, 0, 0, 0, repeats ? 0 : bytesOf(RECORDS[at + 7]!, sizes), access);
        }
        break;
      }
      case USE.push:
        for (let n = RECORDS[at + 4]!; n > 0; n--) {
          const bytes = bytesOf(RECORDS[at + 3]!, sizes);
          info.stackIncrement -= bytes;
          useStack(info, STACK_POINTER, info.stackIncrement, bytes, ACCESS.write, sizes);
        }
        usesStack = true;
        break;
      case USE.pop:
        for (let n = RECORDS[at + 4]!; n > 0; n--) {
          const bytes = bytesOf(RECORDS[at + 3]!, sizes);
          useStack(info, STACK_POINTER, info.stackIncrement, bytes, ACCESS.read, sizes);
          info.stackIncrement += bytes;
        }
        usesStack = true;
        break;
      case USE.drop:
        info.stackIncrement += bytesOf(RECORDS[at + 3]!, sizes) * RECORDS[at + 4]!;
        break;
      case USE.release:
        info.stackIncrement += rows.immediate[i]!;
        break;
      default:
        useFrames(rows, i, info, sizes);
        usesStack = true;
    }
  }
  if (repeats) {
    // The count is tested first; with 0 nothing else happens (SDM Vol 2B, REP).
    useRegister(info, ((gpr16 + sizes.address) << 5) | COUNT, ACCESS.read | ACCESS.conditionalWrite, flags);
  }
  if (usesStack) {
    useAddress(info, SEGMENT.ss, NO_REGISTER_ID, NO_REGISTER_ID, ACCESS.read, flags);
    useRegister(info, ((gpr16 + sizes.stack) << 5) | STACK_POINTER, READ_WRITE, flags);
  }
}
