import { INVALID_REASON, PREFIX, SEGMENT_NAMES } from "./constants.ts";
import { decodeBatch } from "./decode.ts";
import { FORMS, type InstructionForm, type OperandAccess } from "./forms.ts";
import { FORM_RULES } from "./generated/decode-tables.ts";
import { RULES } from "./layout.ts";
import { createOperandList, OPERAND_KIND, type OperandList, readOperands } from "./operands.ts";
import { NO_REGISTER_ID, REGISTER_BYTES, REGISTER_NAMES } from "./registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";
import { createInstructionRows, DecoderError, type InstructionRows } from "./rows.ts";

export interface RegisterOperand {
  readonly kind: "register";
  /** Name in lower case. */
  readonly register: string;
  /** Bytes. */
  readonly size: number;
  readonly access: OperandAccess;
}

export interface MemoryOperand {
  readonly kind: "memory";
  readonly segment: string;
  /** "rip" and "eip" stand for the address behind the instruction. */
  readonly base?: string;
  readonly index?: string;
  /** 1, 2, 4 or 8. */
  readonly scale: number;
  /** Signed; for direct offsets, and with `base` "rip" or "eip", see `address`. */
  readonly displacement: bigint;
  /** The address without a segment, where it needs no register: direct offsets and addresses relative to rip. */
  readonly address?: bigint;
  /** Bytes; 0: none, or it varies (LEA, XSAVE). With a broadcast those of one element. */
  readonly size: number;
  /** One element is used for all. */
  readonly broadcast: boolean;
  readonly access: OperandAccess;
}

export interface ImmediateOperand {
  readonly kind: "immediate";
  /** Unsigned, as wide as `size`: extended to the operand size where the form says so. */
  readonly value: bigint;
  /** Bytes. */
  readonly size: number;
}

export interface BranchOperand {
  readonly kind: "branch";
  readonly target: bigint;
}

export interface FarPointerOperand {
  readonly kind: "far-pointer";
  readonly selector: number;
  readonly offset: number;
}

export type Operand = RegisterOperand | MemoryOperand | ImmediateOperand | BranchOperand | FarPointerOperand;

/** One decoded instruction, for people; `decodeBatch` is for programs that decode much. */
export interface Instruction {
  readonly status: "ok";
  readonly address: bigint;
  /** Bytes, 1 to 15. */
  readonly length: number;
  /** As the instruction table has it; a formatter may show another name (pushfq for pushf). */
  readonly mnemonic: string;
  /** Explicit operands, in Intel order. */
  readonly operands: readonly Operand[];
  /** Those that stand before the opcode and mean something to the instruction or its reader. */
  readonly prefixes: readonly ("lock" | "rep" | "repne")[];
  /** A segment override. */
  readonly segmentPrefix?: string;
  /** 16, 32 or 64. */
  readonly operandSize: number;
  /** 16, 32 or 64. */
  readonly addressSize: number;
  /** Opmask register that masks the destination. */
  readonly mask?: string;
  /** Masked elements become zero instead of staying as they are. */
  readonly zeroing: boolean;
  /** Embedded rounding, or only suppression of exceptions (SDM Vol 2, 2.7.12, 2.7.13). */
  readonly rounding?: "nearest" | "down" | "up" | "zero" | "suppress-exceptions";
  readonly form: InstructionForm;
}

/** Bytes that did not decode. */
export interface NoInstruction {
  readonly status: "invalid" | "truncated" | "too-long";
  /** A key of INVALID_REASON; "none" for truncated bytes. */
  readonly reason: keyof typeof INVALID_REASON;
}

export interface DecodeOptions {
  /** Default operand size and, 64, the mode. Default 64. */
  readonly bits?: 16 | 32 | 64;
  /** Address of the instruction, for branch targets and addresses relative to rip. Default 0. */
  readonly address?: bigint;
  /** Where in the bytes it starts. Default 0. */
  readonly offset?: number;
}

const ROUNDING = ["nearest", "down", "up", "zero"] as const;
const REASON_NAMES = Object.keys(INVALID_REASON) as (keyof typeof INVALID_REASON)[];

/** Decodes one instruction. Throws a DecoderError for impossible options, never for bytes. */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): Instruction | NoInstruction {
  const { bits = 64, address = 0n, offset = 0 } = options;
  if (bits !== 16 && bits !== 32 && bits !== 64) {
    throw new DecoderError(`decode: bits ${String(bits)} was asked for; it must be 16, 32 or 64`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new DecoderError(`decode: offset ${offset} was asked for; it must be a whole number from 0 on`);
  }
  const rows = createInstructionRows(1);
  if (decodeBatch(bytes, offset, bytes.length, bits, rows) === 0) return { status: "truncated", reason: "none" };
  if (rows.form[0] === 0) {
    const reason = REASON_NAMES[rows.flags[0]!]!;
    return { status: reason === "tooLong" ? "too-long" : "invalid", reason };
  }
  return instructionOf(rows, 0, address - BigInt(offset));
}

/** Row `i` as an object; `base` is the address of offset 0. The row must hold an instruction (its form is not 0). */
export function instructionOf(rows: InstructionRows, i: number, base: bigint): Instruction {
  const flags = rows.flags[i]!;
  const form = FORMS[rows.form[i]!]!;
  const list = readOperands(rows, i, createOperandList());
  const mask = (flags >> ROW_FLAGS.maskShift) & 7;
  const segmentPrefix = (flags >> ROW_FLAGS.segmentPrefixShift) & 7;
  const rounding = roundingOf(form.id, flags, (rows.registers[i]! & 3) === 3);
  return {
    status: "ok",
    address: base + BigInt(rows.offset[i]!),
    length: rows.length[i]!,
    mnemonic: form.mnemonic,
    operands: Array.from({ length: list.count }, (_, n) => operandOf(rows, i, list, n, form, base)),
    prefixes: prefixNames(flags),
    ...(segmentPrefix === 0 ? {} : { segmentPrefix: SEGMENT_NAMES[segmentPrefix - 1]! }),
    operandSize: 16 << ((flags >> ROW_FLAGS.operandSizeShift) & 3),
    addressSize: 16 << ((flags >> ROW_FLAGS.addressSizeShift) & 3),
    ...(mask === 0 ? {} : { mask: `k${mask}` }),
    zeroing: (flags & ROW_FLAGS.zeroing) !== 0,
    ...(rounding === undefined ? {} : { rounding }),
    form,
  };
}

function prefixNames(flags: number): Instruction["prefixes"] {
  const names: ("lock" | "rep" | "repne")[] = [];
  if ((flags & PREFIX.lock) !== 0) names.push("lock");
  if ((flags & PREFIX.rep) !== 0) names.push("rep");
  if ((flags & PREFIX.repne) !== 0) names.push("repne");
  return names;
}

function roundingOf(form: number, flags: number, isRegister: boolean): Instruction["rounding"] {
  if ((flags & ROW_FLAGS.evexB) === 0 || !isRegister) return undefined;
  if ((FORM_RULES[form]! & RULES.rounding) === 0) return "suppress-exceptions";
  return ROUNDING[(flags >> ROW_FLAGS.roundingShift) & 3];
}

function operandOf(
  rows: InstructionRows,
  i: number,
  list: OperandList,
  n: number,
  form: InstructionForm,
  base: bigint,
): Operand {
  const register = list.register[n]!;
  const size = list.size[n]!;
  const access = form.access[n]!;
  switch (list.kind[n]) {
    case OPERAND_KIND.register:
      return { kind: "register", register: REGISTER_NAMES[register]!, size: REGISTER_BYTES[register >> 5]!, access };
    case OPERAND_KIND.memory:
      return memoryOf(rows, i, list, n, access, base);
    case OPERAND_KIND.branch: {
      const target = base + BigInt(rows.offset[i]! + rows.length[i]! + rows.immediate[i]!);
      return { kind: "branch", target: BigInt.asUintN(size * 8, target) };
    }
    case OPERAND_KIND.farPointer:
      return { kind: "far-pointer", selector: rows.immediate2[i]!, offset: rows.immediate[i]! >>> 0 };
    default:
      return { kind: "immediate", value: immediateValue(rows, i, list, n), size };
  }
}

/** The immediate operand `n`, unsigned and as wide as its size. */
export function immediateValue(rows: InstructionRows, i: number, list: OperandList, n: number): bigint {
  const low = rows.immediate[i]!;
  const size = list.size[n]!;
  switch (list.part[n]) {
    case 1:
      return BigInt(rows.immediate2[i]!);
    case 2:
      return 1n;
    case 3:
      return BigInt(low & 15);
    default:
      if (size === 8) return (BigInt(rows.immediate2[i]! >>> 0) << 32n) | BigInt(low >>> 0);
      return BigInt.asUintN(size * 8, BigInt(low));
  }
}

function memoryOf(
  rows: InstructionRows,
  i: number,
  list: OperandList,
  n: number,
  access: OperandAccess,
  base: bigint,
): MemoryOperand {
  const registers = rows.registers[i]!;
  const flags = rows.flags[i]!;
  const addressBits = 16 << ((flags >> ROW_FLAGS.addressSizeShift) & 3);
  const [baseId, indexId] = [list.register[n]!, list.index[n]!];
  const baseName = baseId === NO_REGISTER_ID ? undefined : REGISTER_NAMES[baseId]!;
  // String instructions have their operands at rSI and rDI, whatever the row's memory fields are.
  const isModrm = (registers & 3) !== 3;
  const isDirect = isModrm && baseName === undefined && indexId === NO_REGISTER_ID;
  const low = isModrm ? BigInt(rows.displacement[i]!) : 0n;
  const displacement =
    isDirect && addressBits === 64 && FORMS[rows.form[i]!]!.operands[n]!.startsWith("O")
      ? (BigInt(rows.immediate2[i]!) << 32n) | BigInt.asUintN(32, low)
      : low;
  const next = base + BigInt(rows.offset[i]! + rows.length[i]!);
  const isRelative = baseName === "rip" || baseName === "eip";
  const address = isRelative ? next + displacement : isDirect ? displacement : undefined;
  return {
    kind: "memory",
    segment: SEGMENT_NAMES[list.segment[n]!]!,
    ...(baseName === undefined ? {} : { base: baseName }),
    ...(indexId === NO_REGISTER_ID ? {} : { index: REGISTER_NAMES[indexId]! }),
    scale: isModrm && indexId !== NO_REGISTER_ID ? 1 << (registers >>> ROW_REGISTERS.scaleShift) : 1,
    displacement,
    ...(address === undefined ? {} : { address: BigInt.asUintN(addressBits, address) }),
    size: list.size[n]!,
    broadcast: (flags & ROW_FLAGS.evexB) !== 0,
    access,
  };
}
