/**
 * The memory of the short path (src/short-path.ts): tables, a window of the bytes that are decoded, and the rows. All
 * addresses are constants, so that the code has them in its instructions.
 */

/** decode-tables.ts and generated/decode-tables.ts, copied. */
export const TREE_AT = 0;
export const BITS_AT = 0xc000;
export const MODRM_ROW_LEGACY_AT = 0xf000;
export const MODRM_ROW_64_AT = 0xf400;
export const MODRM_REX_B_AT = 0xf800;
export const MODRM_TAIL_AT = 0xfc00;

/** Four words by immediate kind, then again for 16-bit operands: bytes, mask, mask of the sign, shift that extends. */
export const IMMEDIATES_AT = 0xfd00;

/** Where the short path says at which address of the window it stopped. */
export const STOPPED_AT = 0xff00;

export const WINDOW_AT = 0x1_0000;
export const WINDOW_BYTES = 0x1_0000;

/** Rows that fit; the arrays are this far apart, whatever the capacity is: pages that nobody touches cost nothing. */
export const MAX_ROWS = 0x1_0000;
const ARRAY_BYTES = MAX_ROWS * 4;

type RowsArray = "offset" | "flags" | "registers" | "displacement" | "immediate" | "immediate2" | "form" | "length";

const FIRST_ARRAY_AT = 0x2_0100;

/** Where each of InstructionRows' arrays begins. */
export const ROWS_AT: Readonly<Record<RowsArray, number>> = {
  offset: FIRST_ARRAY_AT,
  flags: FIRST_ARRAY_AT + ARRAY_BYTES,
  registers: FIRST_ARRAY_AT + 2 * ARRAY_BYTES,
  displacement: FIRST_ARRAY_AT + 3 * ARRAY_BYTES,
  immediate: FIRST_ARRAY_AT + 4 * ARRAY_BYTES,
  immediate2: FIRST_ARRAY_AT + 5 * ARRAY_BYTES,
  form: FIRST_ARRAY_AT + 6 * ARRAY_BYTES,
  length: FIRST_ARRAY_AT + 6 * ARRAY_BYTES + MAX_ROWS * 2,
};

/** 64 KiB pages of the memory. */
export const MEMORY_PAGES: number = Math.ceil((ROWS_AT.length + MAX_ROWS) / 0x1_0000);
