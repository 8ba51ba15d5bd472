/** What a decoding attempt came to. */
export const DECODE_STATUS = {
  ok: 0,
  /** No instruction of the table has this encoding in this mode. */
  invalid: 1,
  /** The bytes end before the instruction does; with more bytes it may be valid or invalid. */
  truncated: 2,
  /** The instruction would be longer than 15 bytes (SDM Vol 2, 2.3.11: #GP). */
  tooLong: 3,
} as const;

/** Bits of `DecodedInstruction.prefixes`. Of several F2 and F3 the last one counts (the other bit is clear). */
export const PREFIX = {
  lock: 1,
  /** F3 */
  rep: 2,
  /** F2 */
  repne: 4,
  /** 66 */
  operandSize: 8,
  /** 67 */
  addressSize: 16,
  /** A REX prefix directly before the opcode. */
  rex: 32,
  rexW: 64,
} as const;

/** Numbers of segment registers, as in ModRM.reg. */
export const SEGMENT = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5 } as const;

/** `base` of an address relative to the next instruction. */
export const BASE_RIP = 16;

/** `base` or `index` that is absent. */
export const NO_REGISTER = -1;

/** One decoded instruction. The decoder overwrites every field for DECODE_STATUS.ok; otherwise the fields mean nothing. */
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
  /** The last segment override prefix that stands before the opcode (SEGMENT), effective or not; -1: none. */
  segmentPrefix: number;
  /** ModRM.mod; 3: register. Without a ModRM byte 3, or 0 for a direct offset (O operands). */
  mod: number;
  /** ModRM.reg with REX.R, 0 to 15; a segment register's number 0 to 5. */
  reg: number;
  /** Number of a register operand in ModRM.rm (when mod is 3) or in the opcode, with REX.B: 0 to 15. */
  rm: number;
  /** Base register 0 to 15, NO_REGISTER or BASE_RIP. */
  base: number;
  /** Index register 0 to 15 or NO_REGISTER. */
  index: number;
  /** Logarithm of the index's scale, 0 to 3. */
  scaleShift: number;
  /** int32; for O operands the low 32 bits of the offset. Add it modulo the address size. */
  displacement: number;
  /** High half of a 64-bit offset (O operands), otherwise the displacement's sign. */
  displacementHigh: number;
  /** int32: low half of the immediate, extended as the operand code says (Ib and Iw by zero, Ibs, Jb, Jz by sign, Iz by sign to 64 bits). */
  immediate: number;
  /** High half of the immediate. */
  immediateHigh: number;
  /** Second immediate: ENTER's nesting level, a far pointer's selector. */
  immediate2: number;
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
    base: 0,
    index: 0,
    scaleShift: 0,
    displacement: 0,
    displacementHigh: 0,
    immediate: 0,
    immediateHigh: 0,
    immediate2: 0,
  };
}
