/** Formats of the generated tables: what the generator writes and the decoder reads. */

/** Opcode maps: one-byte, 0F, 0F 38, 0F 3A. */
export const MAPS = 4;

/** Set in an entry of the decode tree that is a node's index; without it, an entry is a form number + 1, or 0: invalid. */
export const NODE_BIT = 0x8000;

/** A node is its kind, followed by its children. */
export const NODE = {
  /** By none, 66, F3, F2; F3 and F2 win over 66, the last of F3 and F2 wins. */
  prefix: 0,
  /** By ModRM.mod: memory, register. */
  mod: 1,
  /** By ModRM.reg. */
  reg: 2,
  /** By ModRM.reg: eight for memory, eight for registers. */
  modReg: 3,
  /** Eight by ModRM.reg for memory, then 64 by the low six bits for registers. */
  modrm: 4,
  /** By operand size 16, 32, 64. */
  operandSize: 5,
  /** By REX.B. */
  rexB: 6,
} as const;

/** One 32-bit word per form. */
export const FORM_BITS = {
  modrm: 1,
  /** Four bits: IMMEDIATE. */
  immediateShift: 1,
  immediateMask: 15,
  /** In 64-bit mode 64, or 16 with 66. */
  default64: 0x20,
  /** In 64-bit mode 64. */
  force64: 0x40,
  /** LOCK is allowed with a memory operand. */
  lock: 0x80,
  /** 66 is part of the opcode and does not select the operand size. */
  consumes66: 0x100,
  registerInOpcode: 0x200,
  /** Three bits: SPECIAL_REG. */
  specialRegShift: 10,
  specialRegMask: 7,
  /** Two bits: STRING_SEGMENT. */
  stringShift: 13,
  stringMask: 3,
} as const;

export const IMMEDIATE = {
  none: 0,
  byte: 1,
  signedByte: 2,
  word: 3,
  upTo32: 4,
  upTo64: 5,
  branch: 6,
  farPointer: 7,
  wordAndByte: 8,
  moffs: 9,
} as const;

/** What ModRM.reg names when it is no general register. */
export const SPECIAL_REG = { none: 0, segment: 1, segmentDestination: 2, control: 3, debug: 4 } as const;

/** Memory that string instructions and XLAT use without a ModRM byte: DS or an override, or always ES. */
export const STRING_SEGMENT = { none: 0, source: 1, destination: 2 } as const;
