/** Formats of src/generated/info-tables.ts: what the generator writes and `readInfo` reads. */

/** What a record of an implied use is about; the language is described in instructions/README.md. */
export const USE = { register: 0, memory: 1, push: 2, pop: 3, drop: 4, release: 5, frames: 6 } as const;

/** What decides how many bytes an implied register has. */
export const WIDTH = {
  fixed: 0,
  operand: 1,
  operandUpTo32: 2,
  operandFrom32: 3,
  address: 4,
  stack: 5,
  /** 64 bits in 64-bit mode, else 32. */
  native: 6,
  /** As a base: the register that is the operand of this number. */
  ofOperand: 7,
} as const;

/** When an implied use takes place. */
export const WHEN = { always: 0, in64: 1, outside64: 2, operand16: 3, operand32Up: 4 } as const;

/** Sizes of implied memory that depend on the instruction; others are numbers of bytes, and 0 is unknown. */
export const SIZE = { operand: -1, operand32Up: -2 } as const;

/** Words that say something of the whole instruction. */
export const MARK = {
  /** With F2 or F3 it is repeated rCX times. */
  repeats: 1,
  /** With one register for both sources the result does not depend on it. */
  same: 2,
  /** Between registers it keeps the destination's upper part. */
  merges: 4,
  /** The opmask selects between the sources; the destination is not read. */
  selects: 8,
  /** The opmask is read and written. */
  updatesMask: 16,
  /** Of its last general register only the lowest byte or 16 bits count; of an address the operand size. */
  lowByte: 32,
  lowWord: 64,
  lowOperand: 128,
  /** With lowByte: of the last two. */
  lowBoth: 2048,
  /** In 64-bit mode a destination of 32 bits is written in any case. */
  zeroExtends: 256,
  /** The segment register takes no part in the address. */
  noSegment: 512,
  /** A memory operand relative to the stack pointer is addressed after the pop (SDM Vol 2B, POP). */
  afterPop: 1024,
  /** The index is the distance of rows and no part of the address (SDM Vol 2, 3.1.1.3: sibmem). */
  stride: 4096,
} as const;

/** Segment of an implied memory use that is the effective one. */
export const EFFECTIVE_SEGMENT = 7;

/** Numbers of a record: USE, ACCESS, WHEN, then by kind. */
export const RECORD = 8;

/**
 * Numbers of a use of flags: read, written, cleared, set, undefined; what a count of 1 writes and clears; what comes to it,
 * read and written, with operands of 32 and 64 bits.
 */
export const FLAG_USE = 9;

/** Words of a class: CLASS bits with FLOW at `flowShift` and the x87 increment + 8 at `x87Shift`, then the feature. */
export const FORM_CLASS = { words: 2, flowShift: 16, x87Shift: 20 } as const;
