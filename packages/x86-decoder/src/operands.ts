import { PREFIX } from "./constants.ts";
import { FORM_RULES } from "./generated/decode-tables.ts";
import { FORM_SIGNATURE, SIGNATURES } from "./generated/form-lines.ts";
import { ENCODING, RULES } from "./layout.ts";
import { type OperandCode, parseOperandCode, SELECTOR, SOURCE } from "./operand-codes.ts";
import { NO_REGISTER_ID, REGISTER_CLASS } from "./registers.ts";
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

/** Words of an operand descriptor: source, selector, three classes, three sizes, fixed number, vector class of an index. */
const WORDS = 10;

const NO_OPERAND = 255;

const VECTOR_INDEX: Readonly<Record<string, readonly number[]>> = {
  dq: [REGISTER_CLASS.xmm, REGISTER_CLASS.xmm, REGISTER_CLASS.xmm],
  qq: [REGISTER_CLASS.ymm, REGISTER_CLASS.ymm, REGISTER_CLASS.ymm],
  oo: [REGISTER_CLASS.zmm, REGISTER_CLASS.zmm, REGISTER_CLASS.zmm],
  x: [REGISTER_CLASS.xmm, REGISTER_CLASS.ymm, REGISTER_CLASS.zmm],
  h: [REGISTER_CLASS.xmm, REGISTER_CLASS.xmm, REGISTER_CLASS.ymm],
};

/** Descriptors of each signature, MAX_OPERANDS of them, unused ones with source NO_OPERAND. */
function describeSignatures(): Uint16Array {
  const out = new Uint16Array(SIGNATURES.length * MAX_OPERANDS * WORDS).fill(NO_OPERAND);
  const known = new Map<string, OperandCode>();
  SIGNATURES.forEach((signature, i) => {
    let immediates = 0;
    signature
      .split(" ")
      .filter((word) => word !== "")
      .forEach((word, n) => {
        const code = word.slice(word.indexOf(":") + 1);
        const second = code.startsWith("I") && immediates++ > 0;
        const key = second ? `${code}'` : code;
        const operand = known.get(key) ?? parseOperandCode(code, second);
        known.set(key, operand);
        const vector = VECTOR_INDEX[/\/vm\d\d([a-z]+)$/.exec(code)?.[1] ?? ""];
        const { source, selector, classes, sizes, fixed } = operand;
        const words = [source, selector, ...classes, ...sizes, fixed];
        const isVsib = vector !== undefined;
        if (isVsib) words[1] = SELECTOR.vectorLength;
        out.set([...words, isVsib ? 1 : 0], (i * MAX_OPERANDS + n) * WORDS);
        // A memory operand by vector index has no register class of its own.
        if (isVsib) out.set(vector, (i * MAX_OPERANDS + n) * WORDS + 2);
      });
  });
  return out;
}

const DESCRIPTORS: Uint16Array = /* @__PURE__ */ describeSignatures();

const GENERAL_BY_ADDRESS: readonly number[] = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64];

/** Classes whose registers have only three bits in ModRM; the rest of REX is ignored. */
const THREE_BITS: ReadonlySet<number> = new Set([
  REGISTER_CLASS.mmx,
  REGISTER_CLASS.opmask,
  REGISTER_CLASS.x87,
  REGISTER_CLASS.segment,
  REGISTER_CLASS.tile,
]);

const MASK_BY_CLASS: Uint8Array = /* @__PURE__ */ Uint8Array.from({ length: 32 }, (_, i) =>
  THREE_BITS.has(i) ? 7 : 31,
);

/** Fills `out` with the operands of the instruction in row `i`; none for bytes that are no instruction. */
export function readOperands(rows: InstructionRows, i: number, out: OperandList): OperandList {
  const flags = rows.flags[i]!;
  const registers = rows.registers[i]!;
  const operandSize = (flags >> ROW_FLAGS.operandSizeShift) & 3;
  const vectorLength = (flags >> ROW_FLAGS.vectorLengthShift) & 3;
  const addressSize = (flags >> ROW_FLAGS.addressSizeShift) & 3;
  const isMemory = (registers & 3) !== 3;
  let at = FORM_SIGNATURE[rows.form[i]!]! * MAX_OPERANDS * WORDS;
  let n = 0;
  for (; n < MAX_OPERANDS; n++, at += WORDS) {
    let source = DESCRIPTORS[at]!;
    if (source === NO_OPERAND) break;
    const selector = DESCRIPTORS[at + 1]!;
    const chosen =
      selector === SELECTOR.operandSize
        ? operandSize
        : selector === SELECTOR.vectorLength
          ? vectorLength
          : selector === SELECTOR.addressSize
            ? addressSize
            : (flags >> ROW_FLAGS.modeShift) & 3;
    if (source === SOURCE.rmOrMemory) source = isMemory ? SOURCE.memory : SOURCE.rm;
    switch (source) {
      case SOURCE.reg:
        setRegister(out, n, DESCRIPTORS[at + 2 + chosen]!, (registers >> ROW_REGISTERS.regShift) & 31, flags);
        break;
      case SOURCE.rm:
        setRegister(out, n, DESCRIPTORS[at + 2 + chosen]!, (registers >> ROW_REGISTERS.rmShift) & 31, flags);
        break;
      case SOURCE.vvvv:
        setRegister(out, n, DESCRIPTORS[at + 2 + chosen]!, (registers >> ROW_REGISTERS.vvvvShift) & 31, flags);
        break;
      case SOURCE.immediateRegister:
        setRegister(out, n, DESCRIPTORS[at + 2 + chosen]!, (rows.immediate[i]! >> 4) & 15, flags);
        break;
      case SOURCE.fixed:
        out.kind[n] = OPERAND_KIND.register;
        out.register[n] = (DESCRIPTORS[at + 2 + chosen]! << 5) | DESCRIPTORS[at + 8]!;
        break;
      case SOURCE.memory:
        setMemory(out, n, flags, registers, DESCRIPTORS[at + 9] === 1 ? DESCRIPTORS[at + 2 + chosen]! : -1);
        out.size[n] = (flags & ROW_FLAGS.evexB) !== 0 ? broadcastBytes(rows.form[i]!) : DESCRIPTORS[at + 5 + chosen]!;
        break;
      case SOURCE.stringSource:
      case SOURCE.stringDestination:
      case SOURCE.maskedDestination:
        out.kind[n] = OPERAND_KIND.memory;
        out.register[n] = (GENERAL_BY_ADDRESS[addressSize]! << 5) | (source === SOURCE.stringSource ? 6 : 7);
        out.index[n] = NO_REGISTER_ID;
        out.segment[n] = source === SOURCE.stringDestination ? 0 : (flags >> ROW_FLAGS.segmentShift) & 7;
        out.size[n] = DESCRIPTORS[at + 5 + chosen]!;
        break;
      case SOURCE.branch:
      case SOURCE.farPointer:
        out.kind[n] = source === SOURCE.branch ? OPERAND_KIND.branch : OPERAND_KIND.farPointer;
        out.size[n] =
          ((flags >> ROW_FLAGS.modeShift) & 3) === 2
            ? 8
            : source === SOURCE.branch
              ? DESCRIPTORS[at + 5 + chosen]!
              : 2 << operandSize;
        break;
      default:
        out.kind[n] = OPERAND_KIND.immediate;
        out.size[n] = DESCRIPTORS[at + 5 + chosen]!;
        out.part[n] =
          source === SOURCE.secondImmediate ? 1 : source === SOURCE.one ? 2 : source === SOURCE.lowImmediate ? 3 : 0;
    }
  }
  out.count = n;
  return out;
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
