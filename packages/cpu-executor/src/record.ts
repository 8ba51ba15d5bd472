/**
 * A pre-decoded instruction as the interpreter reads it, in host memory. A block is one header and its records, one after
 * the other. Offsets in bytes. The size is a power of two that holds everything an x86 instruction can name.
 */
export const RECORD = {
  size: 32,
  /** Handler number, 2 bytes. */
  handler: 0,
  /** Instruction length 1..15, 1 byte. */
  length: 2,
  /** Position of the instruction in its block, 1 byte. */
  index: 3,
  /** Context offsets of the first and second register operand, 2 bytes each. */
  register0: 4,
  register1: 6,
  /** Context offsets of base and index register (CONTEXT.zero when absent), 2 bytes each. */
  base: 8,
  indexRegister: 10,
  /** 0..3, 1 byte. */
  scale: 12,
  /** 64 minus the address size: the shift that truncates an effective address, 1 byte. */
  addressShift: 13,
  /** Context offset of the segment's base and limit, 2 bytes. */
  segment: 14,
  /** Branches: block to continue with when the branch is taken, 4 bytes; 0 = not linked. */
  taken: 16,
  /** Context offset of a third register operand, 2 bytes. */
  register2: 16,
  /** x87 instructions: the last opcode, 2 bytes, and the low half of the instruction pointer, 4 bytes. */
  x87Opcode: 18,
  ripLow: 20,
  /** Second immediate (ENTER's level, a far pointer's selector), 4 bytes. */
  immediate2: 16,
  /** Branches: block to continue with when the branch is not taken, 4 bytes; 0 = not linked. */
  notTaken: 20,
  /** Signed immediate, 4 bytes. */
  immediate: 20,
  /** Displacement of the memory operand, sign-extended to 8 bytes; RIP-relative ones include the instruction pointer. */
  displacement: 24,
  /** 64-bit immediate, 8 bytes. */
  immediate64: 24,
  /** Branch target: an instruction pointer, 8 bytes. */
  target: 24,
} as const;

/** The header of a block. */
export const BLOCK = {
  size: 64,
  /** Instruction pointer of the first instruction, 8 bytes. */
  rip: 0,
  /** Instructions in the block, 4 bytes. */
  count: 8,
  /** Entries until the block counts as hot, 4 bytes. */
  heat: 12,
  /** Instruction pointer behind the last instruction, 8 bytes. */
  end: 16,
  /** Linear address of the first instruction, 8 bytes. */
  linear: 24,
  /** Host address of the first instruction, 4 bytes. */
  host: 32,
  /** A compiled block, whose first record is REGION_HANDLER: its region's position in the table of regions, 4 bytes. */
  region: 36,
  /** The same: a copy of the block as it was, 4 bytes; else 0. */
  original: 40,
  /** Default operand and address size: 16, 32 or 64. 1 byte. */
  bits: 44,
  /** Bytes of header and records, 2 bytes. */
  bytes: 46,
  /** Version of the frame that the code was decoded from (HostMemory.frameVersion), 4 bytes. */
  version: 48,
  /** A compiled block: which of its region's entries it is, 4 bytes. */
  entry: 52,
  /** What `heat` was when entries were last counted: since then there have been `first` - `heat`, modulo 2^32. 4 bytes. */
  first: 56,
} as const;

/** Handler number of a compiled block's first record: the block counts no instructions, its region does. */
export const REGION_HANDLER = 0xffff;

/** BLOCK.heat of a block that never becomes hot. */
export const NEVER_HOT = 0x7fffffff;

/** Instructions in a block at most; one byte holds a record's index. */
export const MAX_BLOCK_INSTRUCTIONS = 64;
