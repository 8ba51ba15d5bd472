import { NO_REGISTER, ROW_NO_REGISTER } from "./constants.ts";
import { BITS } from "./generated/decode-tables.ts";
import { FORM_BITS, IMMEDIATE } from "./layout.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";
import { createInstructionRows, type InstructionRows } from "./rows.ts";

/** One decoded instruction. The decoder overwrites every field for DECODE_STATUS.ok; otherwise only `reason` has a meaning. */
export interface DecodedInstruction {
  /** Index in FORMS. */
  form: number;
  /** Bytes, 1 to 15. */
  length: number;
  /** 16, 32 or 64: effective size of v and z operands, after 66, REX.W and the 64-bit defaults of stack and branches. */
  operandSize: number;
  /** 16, 32 or 64. */
  addressSize: number;
  /** PREFIX bits. */
  prefixes: number;
  /**
   * Effective segment of the memory operand (SEGMENT), by override or default; DS without one. In 64-bit mode overrides
   * with ES, CS, SS and DS have no effect (SDM Vol 2, 2.1.1) and the default is given.
   */
  segment: number;
  /** The last segment override (SEGMENT), in 64-bit mode the last of FS and GS if there is one; -1: none. */
  segmentPrefix: number;
  /** ModRM.mod; 3: register. Without a ModRM byte 3, or 0 for a direct offset (O operands). */
  mod: number;
  /** ModRM.reg with REX.R and EVEX.R', 0 to 31; a segment register's number 0 to 5. */
  reg: number;
  /** Number of a register operand in ModRM.rm (when mod is 3) or in the opcode, with REX.B and EVEX.X: 0 to 31. */
  rm: number;
  /** Register in VEX.vvvv with EVEX.V', 0 to 31; 0 in encodings without it. */
  vvvv: number;
  /** Base register 0 to 31, NO_REGISTER or BASE_RIP. */
  base: number;
  /** Index register 0 to 31 (a vector register in VSIB forms) or NO_REGISTER. */
  index: number;
  /** Logarithm of the index's scale, 0 to 3. */
  scaleShift: number;
  /** int32; for O operands the low 32 bits of the offset. disp8*N is multiplied out. Add it modulo the address size. */
  displacement: number;
  /** High half of a 64-bit offset (O operands), otherwise the displacement's sign. */
  displacementHigh: number;
  /** int32: low half of the immediate, extended as the operand code says (Ib and Iw by zero, Ibs, Jb, Jz by sign, Iz by sign to 64 bits). */
  immediate: number;
  /** High half of the immediate. */
  immediateHigh: number;
  /** Second immediate: ENTER's nesting level, a far pointer's selector, INSERTQ's index. */
  immediate2: number;
  /** ENCODING: legacy, 3DNow!, VEX, EVEX or XOP. */
  encoding: number;
  /** Vector length in bits: 128, 256 or 512; 128 in legacy encodings. */
  vectorLength: number;
  /** Opmask register 1 to 7, 0: none. */
  mask: number;
  /** Whether elements that the mask excludes become zero. */
  zeroing: boolean;
  /** EVEX.b: broadcast with a memory operand, otherwise rounding or exceptions suppressed. */
  evexB: boolean;
  /** EVEX.L'L as encoded: the rounding mode when `evexB` is set and the form has embedded rounding. */
  rounding: number;
  /** INVALID_REASON. */
  reason: number;
  /** The decoder's own row. */
  readonly row: InstructionRows;
}

/** A record for `decodeInto` to fill; one serves any number of calls. */
export function createDecodedInstruction(): DecodedInstruction {
  return {
    form: 0,
    length: 0,
    operandSize: 0,
    addressSize: 0,
    prefixes: 0,
    segment: 0,
    segmentPrefix: 0,
    mod: 0,
    reg: 0,
    rm: 0,
    vvvv: 0,
    base: 0,
    index: 0,
    scaleShift: 0,
    displacement: 0,
    displacementHigh: 0,
    immediate: 0,
    immediateHigh: 0,
    immediate2: 0,
    encoding: 0,
    vectorLength: 0,
    mask: 0,
    zeroing: false,
    evexB: false,
    rounding: 0,
    reason: 0,
    row: createInstructionRows(1),
  };
}

/** Absent registers are 63 in six bits and -1 here. */
const registerOrNone = (field: number): number => (field === ROW_NO_REGISTER ? NO_REGISTER : field);

/** Takes row `i` apart into `out`. */
export function unpackRow(rows: InstructionRows, i: number, out: DecodedInstruction): void {
  const flags = rows.flags[i]!;
  const registers = rows.registers[i]!;
  const immediate = rows.immediate[i]!;
  const displacement = rows.displacement[i]!;
  out.form = rows.form[i]!;
  out.length = rows.length[i]!;
  out.operandSize = 16 << ((flags >> ROW_FLAGS.operandSizeShift) & 3);
  out.addressSize = 16 << ((flags >> ROW_FLAGS.addressSizeShift) & 3);
  out.prefixes = flags & 0x7f;
  out.segment = (flags >> ROW_FLAGS.segmentShift) & 7;
  out.segmentPrefix = ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) - 1;
  out.mod = registers & 3;
  out.reg = (registers >> ROW_REGISTERS.regShift) & 31;
  out.rm = (registers >> ROW_REGISTERS.rmShift) & 31;
  out.vvvv = (registers >> ROW_REGISTERS.vvvvShift) & 31;
  out.index = registerOrNone((registers >> ROW_REGISTERS.indexShift) & 63);
  out.base = registerOrNone((registers >> ROW_REGISTERS.baseShift) & 63);
  out.scaleShift = registers >>> ROW_REGISTERS.scaleShift;
  out.displacement = displacement;
  out.displacementHigh = displacement >> 31;
  out.immediate = immediate;
  out.immediateHigh = 0;
  out.immediate2 = 0;
  const kind = (BITS[out.form]! >> FORM_BITS.immediateShift) & FORM_BITS.immediateMask;
  if (kind === IMMEDIATE.moffs) out.displacementHigh = rows.immediate2[i]!;
  else if (kind === IMMEDIATE.farPointer || kind === IMMEDIATE.wordAndByte || kind === IMMEDIATE.twoBytes) {
    out.immediate2 = rows.immediate2[i]!;
  } else if (kind !== IMMEDIATE.none) out.immediateHigh = rows.immediate2[i]!;
  out.encoding = (flags >> ROW_FLAGS.encodingShift) & 7;
  out.vectorLength = 128 << ((flags >> ROW_FLAGS.vectorLengthShift) & 3);
  out.mask = (flags >> ROW_FLAGS.maskShift) & 7;
  out.zeroing = (flags & ROW_FLAGS.zeroing) !== 0;
  out.evexB = (flags & ROW_FLAGS.evexB) !== 0;
  out.rounding = (flags >> ROW_FLAGS.roundingShift) & 3;
  out.reason = 0;
}
