import { PREFIX, SEGMENT } from "./constants.ts";
import { FORM_RULES } from "./generated/decode-tables.ts";
import { FORM_SIGNATURE as SIGNATURE_OF_FORM } from "./generated/form-lines.ts";
import { OPERAND_DESCRIPTORS as DESCRIPTORS } from "./generated/operand-descriptors.ts";
import { DESCRIPTOR, ENCODING, OPERAND_BYTES, OPERAND_SOURCE, RULES } from "./layout.ts";
import { NO_REGISTER_ID, REGISTER_CLASS, THREE_BITS } from "./registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";
import type { InstructionRows } from "./rows.ts";

/** What an operand is. */
export const OPERAND_KIND = { register: 0, memory: 1, immediate: 2, branch: 3, farPointer: 4 } as const;

/** An instruction has at most this many explicit operands. */
export const MAX_OPERANDS = 5;

/**
 * The explicit operands of one instruction, in Intel order, in arrays that are used again. Index and displacement of a
 * memory operand stand in the row.
 */
export interface OperandList {
  count: number;
  /** OPERAND_KIND */
  readonly kind: Uint8Array;
  /** Register id: of the operand, or of a memory operand's base; NO_REGISTER_ID without one. */
  readonly register: Uint16Array;
  /**
   * Bytes of a register's class (`REGISTER_BYTES`), of memory, or of an immediate after extension; 0: none. With a
   * broadcast, those of the element.
   */
  readonly size: Uint16Array;
  /** Segment of a memory operand (SEGMENT). */
  readonly segment: Uint8Array;
  /** Index id of a memory operand, general or vector; NO_REGISTER_ID without one. */
  readonly index: Uint16Array;
  /** For immediates: 0 the first, 1 the second, 2 the constant 1, 3 bits 1 and 0 of the first. */
  readonly part: Uint8Array;
}

/** A list for `readOperands` to fill. */
export function createOperandList(): OperandList {
  return {
    count: 0,
    kind: new Uint8Array(MAX_OPERANDS),
    register: new Uint16Array(MAX_OPERANDS),
    size: new Uint16Array(MAX_OPERANDS),
    segment: new Uint8Array(MAX_OPERANDS),
    index: new Uint16Array(MAX_OPERANDS),
    part: new Uint8Array(MAX_OPERANDS),
  };
}

/** `OperandList.part` by source. */
const PART_BY_SOURCE: Uint8Array = /* @__PURE__ */ partBySource();

function partBySource(): Uint8Array {
  const parts = new Uint8Array(17);
  parts[OPERAND_SOURCE.secondImmediate] = 1;
  parts[OPERAND_SOURCE.one] = 2;
  parts[OPERAND_SOURCE.lowImmediate] = 3;
  return parts;
}

const BYTES: Uint16Array = /* @__PURE__ */ Uint16Array.from(OPERAND_BYTES);

// Constants of this module, for the reason that decode-rows.ts gives.
const OPERAND_DESCRIPTORS = DESCRIPTORS;
const FORM_SIGNATURE = SIGNATURE_OF_FORM;
const NO_OPERAND = 0;
const REG = OPERAND_SOURCE.reg;
const RM = OPERAND_SOURCE.rm;
const RM_OR_MEMORY = OPERAND_SOURCE.rmOrMemory;
const MEMORY = OPERAND_SOURCE.memory;
const VVVV = OPERAND_SOURCE.vvvv;
const FIXED = OPERAND_SOURCE.fixed;
const IMMEDIATE_REGISTER = OPERAND_SOURCE.immediateRegister;
const SELECTOR_SHIFT = DESCRIPTOR.selectorShift;
const FIXED_SHIFT = DESCRIPTOR.fixedShift;
const VECTOR_INDEX = DESCRIPTOR.vectorIndex;
const CLASS_BITS = DESCRIPTOR.classBits;
const BYTES_SHIFT = DESCRIPTOR.bytesShift;
const BYTES_BITS = DESCRIPTOR.bytesBits;
const REG_SHIFT = ROW_REGISTERS.regShift;
const RM_SHIFT = ROW_REGISTERS.rmShift;
const VVVV_SHIFT = ROW_REGISTERS.vvvvShift;
const EVEX_B = ROW_FLAGS.evexB;
const KIND_REGISTER = OPERAND_KIND.register;

const GENERAL_BY_ADDRESS: readonly number[] = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64];

const MASK_BY_CLASS: Uint8Array = /* @__PURE__ */ Uint8Array.from({ length: 32 }, (_, i) =>
  THREE_BITS.has(i) ? 7 : 31,
);

/** Fills `out` with the operands of the instruction in row `i`; none for bytes that are no instruction. */
export function readOperands(rows: InstructionRows, i: number, out: OperandList): OperandList {
  const flags = rows.flags[i]!;
  const registers = rows.registers[i]!;
  let at = FORM_SIGNATURE[rows.form[i]!]! * (MAX_OPERANDS * 2);
  let n = 0;
  for (; n < MAX_OPERANDS; n++, at += 2) {
    const word = OPERAND_DESCRIPTORS[at]!;
    let source = word & 31;
    if (source === NO_OPERAND) break;
    const types = OPERAND_DESCRIPTORS[at + 1]!;
    const chosen = (flags >> ((word >> SELECTOR_SHIFT) & 31)) & 3;
    const registerClass = (types >> (chosen * CLASS_BITS)) & 15;
    if (source === RM_OR_MEMORY) source = (registers & 3) !== 3 ? MEMORY : RM;
    switch (source) {
      case REG:
        setRegister(out, n, registerClass, (registers >> REG_SHIFT) & 31, flags);
        break;
      case RM:
        setRegister(out, n, registerClass, (registers >> RM_SHIFT) & 31, flags);
        break;
      case MEMORY:
        setMemory(out, n, flags, registers, (word & VECTOR_INDEX) !== 0 ? registerClass : -1);
        out.size[n] =
          (flags & EVEX_B) !== 0
            ? broadcastBytes(rows.form[i]!)
            : BYTES[(types >> (BYTES_SHIFT + chosen * BYTES_BITS)) & 31]!;
        break;
      case VVVV:
        setRegister(out, n, registerClass, (registers >> VVVV_SHIFT) & 31, flags);
        break;
      case FIXED:
        out.kind[n] = KIND_REGISTER;
        out.register[n] = (registerClass << 5) | ((word >> FIXED_SHIFT) & 31);
        break;
      case IMMEDIATE_REGISTER:
        setRegister(out, n, registerClass, (rows.immediate[i]! >> 4) & 15, flags);
        break;
      default:
        setOther(out, n, source, flags, BYTES[(types >> (BYTES_SHIFT + chosen * BYTES_BITS)) & 31]!);
    }
  }
  out.count = n;
  return out;
}

/** Immediates, branches and the memory operands of string instructions. */
function setOther(out: OperandList, n: number, source: number, flags: number, bytes: number): void {
  out.size[n] = bytes;
  switch (source) {
    case OPERAND_SOURCE.stringSource:
    case OPERAND_SOURCE.stringDestination:
    case OPERAND_SOURCE.maskedDestination: {
      const general = GENERAL_BY_ADDRESS[(flags >> ROW_FLAGS.addressSizeShift) & 3]! << 5;
      out.kind[n] = OPERAND_KIND.memory;
      out.register[n] = general | (source === OPERAND_SOURCE.stringSource ? 6 : 7);
      out.index[n] = NO_REGISTER_ID;
      out.segment[n] = source === OPERAND_SOURCE.stringDestination ? SEGMENT.es : (flags >> ROW_FLAGS.segmentShift) & 7;
      break;
    }
    case OPERAND_SOURCE.branch:
      out.kind[n] = OPERAND_KIND.branch;
      if (((flags >> ROW_FLAGS.modeShift) & 3) === 2) out.size[n] = 8;
      break;
    case OPERAND_SOURCE.farPointer:
      out.kind[n] = OPERAND_KIND.farPointer;
      out.size[n] = 2 << ((flags >> ROW_FLAGS.operandSizeShift) & 3);
      break;
    default:
      out.kind[n] = OPERAND_KIND.immediate;
      out.part[n] = PART_BY_SOURCE[source]!;
  }
}

function setRegister(out: OperandList, n: number, registerClass: number, number: number, flags: number): void {
  let id = number & MASK_BY_CLASS[registerClass]!;
  const isEvex = ((flags >> ROW_FLAGS.encodingShift) & 7) === ENCODING.EVEX;
  // Only EVEX reaches vector registers 16 to 31, and only REX2 general ones; the other's fifth bits are ignored.
  if (registerClass <= REGISTER_CLASS.gpr64 ? isEvex : !isEvex) id &= 15;
  if (registerClass === REGISTER_CLASS.gpr8 && (flags & PREFIX.rex) === 0 && id >= 4 && id < 8) {
    id |= REGISTER_CLASS.gpr8High << 5;
  }
  out.kind[n] = OPERAND_KIND.register;
  out.register[n] = (registerClass << 5) | id;
}

function setMemory(out: OperandList, n: number, flags: number, registers: number, vectorIndex: number): void {
  const addressSize = (flags >> ROW_FLAGS.addressSizeShift) & 3;
  const general = GENERAL_BY_ADDRESS[addressSize]! << 5;
  const base = (registers >> ROW_REGISTERS.baseShift) & 63;
  const index = (registers >> ROW_REGISTERS.indexShift) & 63;
  out.kind[n] = OPERAND_KIND.memory;
  out.segment[n] = (flags >> ROW_FLAGS.segmentShift) & 7;
  out.register[n] =
    base < 32 ? general | base : base === 32 ? (REGISTER_CLASS.instructionPointer << 5) | addressSize : NO_REGISTER_ID;
  out.index[n] = index === 63 ? NO_REGISTER_ID : vectorIndex >= 0 ? (vectorIndex << 5) | index : general | index;
}

const broadcastBytes = (form: number): number =>
  1 << ((FORM_RULES[form]! >> RULES.broadcastShift) & RULES.broadcastMask);
