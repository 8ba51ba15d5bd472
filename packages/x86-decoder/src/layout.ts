/** Formats of the generated tables: what the generator writes and the decoder reads. */

/** How an instruction is encoded; in InstructionRows.flags. */
export const ENCODING = { legacy: 0, "3DNow": 1, VEX: 2, EVEX: 3, XOP: 4 } as const;

export type EncodingName = keyof typeof ENCODING;

/** Opcode maps, in the order of the decode tree's roots. */
export const MAP_INDEX: Readonly<Record<string, number>> = {
  "legacy ": 0,
  "legacy 0F": 1,
  "legacy 0F38": 2,
  "legacy 0F3A": 3,
  "legacy 3DNow": 4,
  "VEX 0F": 5,
  "VEX 0F38": 6,
  "VEX 0F3A": 7,
  "EVEX 0F": 8,
  "EVEX 0F38": 9,
  "EVEX 0F3A": 10,
  "EVEX MAP5": 11,
  "EVEX MAP6": 12,
  "XOP X8": 13,
  "XOP X9": 14,
  "XOP XA": 15,
};

export const MAPS = 16;

/** Set in an entry of the decode tree that is a node's index; without it, an entry is a form number, or 0: invalid. */
export const NODE_BIT = 0x8000;

/** A node is its kind, followed by its children. The decoder looks at ModRM for kinds from `mod` to `modrm`. */
export const NODE = {
  /** By none, 66, F3, F2; F3 and F2 win over 66, the last of F3 and F2 wins. In VEX, EVEX and XOP by the pp field. */
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
  /** By VEX.L or EVEX.L'L; 512 bits for registers with EVEX.b (SDM Vol 2, 2.7.12, 2.7.13). */
  length: 7,
  /** By VEX.W. */
  w: 8,
} as const;

/** One 32-bit word per form. */
export const FORM_BITS = {
  modrm: 1,
  /** Four bits: IMMEDIATE. */
  immediateShift: 1,
  immediateMask: 15,
  /** Three bits that, together, say what becomes of the operand size: default64, force64, consumes66. */
  sizeRuleShift: 5,
  sizeRuleMask: 7,
  /** In 64-bit mode 64, or 16 with 66. */
  default64: 0x20,
  /** In 64-bit mode 64. */
  force64: 0x40,
  /** 66 is part of the opcode and does not select the operand size. */
  consumes66: 0x80,
  /** LOCK is allowed with a memory operand. */
  lock: 0x100,
  registerInOpcode: 0x200,
  /** Three bits: SPECIAL_REG. */
  specialRegShift: 10,
  specialRegMask: 7,
  /** Two bits: STRING_SEGMENT. */
  stringShift: 13,
  stringMask: 3,
  /** VEX.vvvv is a register; without this bit it must be 1111. */
  vvvv: 0x8000,
  /** vvvv is an opmask or tile register: at most 7. */
  vvvvBelow8: 0x10000,
  /** Memory by vector index (SDM Vol 2, 2.3.12). */
  vsib: 0x20000,
  /** Rules that only some forms have; one bit for the decoder to test, the rest in RULES. */
  hasRules: 0x40000,
  /** ModRM.mod is ignored: always a register. */
  ignoresMod: 0x80000,
  /** The form has one of the fields and bits above that the decoder's short path does not look at. */
  notShort: 0x100000,
} as const;

/** A second word for forms with EVEX encoding, and for those with FORM_BITS.hasRules. */
export const RULES = {
  /** Three bits: disp8 is multiplied by this power of two (SDM Vol 2, 2.7.5), for 128 bits if disp8ByLength. */
  disp8Mask: 7,
  /** The multiplier doubles with each step of vector length. */
  disp8ByLength: 8,
  /** Two bits: logarithm of the broadcast element's bytes; 0: no broadcast. */
  broadcastShift: 4,
  broadcastMask: 3,
  masking: 0x40,
  zeroing: 0x80,
  maskRequired: 0x100,
  /** EVEX.b is allowed with registers: rounding or only the suppression of exceptions. */
  embeddedRounding: 0x200,
  /** Vector registers of destination, mask and index must differ (gathers). */
  unique: 0x400,
  /** The destination must be none of the sources. */
  uniqueDestination: 0x800,
  /** The three tile registers must differ. */
  uniqueTiles: 0x1000,
  /** A SIB byte is required (SDM Vol 2, 3.1.1.3: sibmem). */
  sibRequired: 0x2000,
  /** 66 makes the instruction invalid. */
  no66: 0x4000,
  /** ModRM.rm is the destination: no zeroing of memory. */
  destinationInRm: 0x8000,
  /** EVEX.b with registers gives a rounding mode that counts. */
  rounding: 0x10000,
  /** Only with 32-bit addresses. */
  address32: 0x20000,
  /** ModRM.rm is a tile: REX.B must not be set. */
  rmBelow8: 0x40000,
  /** The multiplier of disp8 doubles with W. */
  disp8ByW: 0x80000,
} as const;

/** Immediates behind an instruction; those from `firstComplex` on the decoder does not read by table. */
export const IMMEDIATE = {
  none: 0,
  byte: 1,
  signedByte: 2,
  word: 3,
  upTo32: 4,
  branch: 5,
  dword: 6,
  firstComplex: 7,
  upTo64: 7,
  farPointer: 8,
  wordAndByte: 9,
  moffs: 10,
  twoBytes: 11,
  /** A register in bits 7 to 4 (SDM Vol 2, 3.1.1.1: /is4). */
  register: 12,
} as const;

/** What ModRM.reg names when it is no general or vector register. */
export const SPECIAL_REG = {
  none: 0,
  segment: 1,
  segmentDestination: 2,
  control: 3,
  debug: 4,
  below8: 5,
  below16: 6,
} as const;

/** Memory that string instructions and XLAT use without a ModRM byte: DS or an override, or always ES. */
export const STRING_SEGMENT = { none: 0, source: 1, destination: 2 } as const;

/** Where an operand comes from; 0: there is none. */
export const OPERAND_SOURCE = {
  /** ModRM.reg */
  reg: 1,
  /** ModRM.rm as a register, or the opcode's low bits. */
  rm: 2,
  /** ModRM.rm: a register or memory. */
  rmOrMemory: 3,
  /** ModRM.rm as memory, or a direct offset. */
  memory: 4,
  vvvv: 5,
  /** Bits 7 to 4 of the immediate. */
  immediateRegister: 6,
  /** A register that the form names. */
  fixed: 7,
  immediate: 8,
  secondImmediate: 9,
  /** The number 1. */
  one: 10,
  branch: 11,
  farPointer: 12,
  /** Memory at rSI. */
  stringSource: 13,
  /** Memory at ES:rDI. */
  stringDestination: 14,
  /** Memory at rDI in DS or an overriding segment (MASKMOVQ). */
  maskedDestination: 15,
  /** Bits 1 and 0 of the immediate (VPERMIL2PS). */
  lowImmediate: 16,
} as const;

/** An operand descriptor is two words. The first one: */
export const DESCRIPTOR = {
  /** OPERAND_SOURCE */
  sourceMask: 31,
  /** Where in a row's flags the size stands that selects class and bytes: 0, 1 or 2. */
  selectorShift: 5,
  selectorMask: 31,
  /** Number of a register that the form names. */
  fixedShift: 10,
  fixedMask: 31,
  /** The classes are those of the index, a vector register. */
  vectorIndex: 0x8000,
  // The second word:
  /** Three register classes. */
  classBits: 4,
  /** Three indexes in OPERAND_BYTES. */
  bytesShift: 12,
  bytesBits: 5,
} as const;

/** Bytes that operands can have. */
export const OPERAND_BYTES: readonly number[] = [0, 1, 2, 4, 6, 8, 10, 14, 16, 28, 32, 48, 64, 94, 108, 512];
