/** What a decoding attempt came to. */
export const DECODE_STATUS = {
  ok: 0,
  /** No instruction of the table has this encoding in this mode; INVALID_REASON says why. */
  invalid: 1,
  /** The bytes end before the instruction does; with more bytes it may be valid or invalid. */
  truncated: 2,
  /** The instruction would be longer than 15 bytes (SDM Vol 2, 2.3.11: #GP). */
  tooLong: 3,
} as const;

/** Why bytes are no instruction. */
export const INVALID_REASON = {
  none: 0,
  /** No instruction has this opcode with these prefixes, in this mode. */
  opcode: 1,
  /** LOCK with an instruction or operand that does not allow it (SDM Vol 2A, LOCK). */
  lock: 2,
  /** 66, F2, F3, LOCK or REX before VEX, EVEX or XOP (SDM Vol 2, 2.3.2 to 2.3.4). */
  prefixBeforeVex: 3,
  /** Reserved bits of EVEX, or REX.W where it must not be. */
  reservedBits: 4,
  /** VEX.vvvv or EVEX.V' is set though the instruction has no such operand (SDM Vol 2, 2.3.5.6). */
  vvvv: 5,
  /** A register that does not exist: a control, debug, segment, opmask or tile register. */
  register: 6,
  /** Masking or zeroing where it is not allowed, or no mask where it is required (SDM Vol 2, 2.7.11). */
  mask: 7,
  /** EVEX.b where there is neither broadcast nor rounding (SDM Vol 2, 2.7.11). */
  broadcast: 8,
  /** Registers that must differ are the same (gathers, tiles, complex multiplication). */
  sameRegister: 9,
  /** A register operand where memory with a SIB byte, or 32- or 64-bit addressing, is required. */
  addressing: 10,
  /** The instruction would be longer than 15 bytes. */
  tooLong: 11,
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
  /** REX.W, VEX.W, EVEX.W or XOP.W. */
  rexW: 64,
} as const;

/** Numbers of segment registers, as in ModRM.reg. */
export const SEGMENT = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5 } as const;

/** By SEGMENT. */
export const SEGMENT_NAMES: readonly string[] = /* @__PURE__ */ Object.keys(SEGMENT);

/** `base` of an address relative to the next instruction. */
export const BASE_RIP = 32;

/** `base` or `index` that is absent. */
export const NO_REGISTER = -1;

/** In rows, where registers have six bits: `base` or `index` that is absent. */
export const ROW_NO_REGISTER = 63;
