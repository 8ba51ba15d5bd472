/**
 * Decoded instructions, one a row, in typed arrays: what the batch decoder fills. The packed words are taken apart by the
 * functions of `row-fields.ts` and `InstructionRows.unpack`.
 */
export interface InstructionRows {
  /** How many rows the arrays have. */
  readonly capacity: number;
  /** Where each instruction starts in the bytes that were decoded. */
  readonly offset: Uint32Array;
  /** Bytes, 1 to 15. */
  readonly length: Uint8Array;
  /** Index in FORMS; 0: no instruction, and `flags` is an INVALID_REASON. */
  readonly form: Uint16Array;
  /** ROW_FLAGS. */
  readonly flags: Int32Array;
  /** ROW_REGISTERS. */
  readonly registers: Int32Array;
  /** int32; disp8*N is multiplied out; for direct offsets (O operands) the low half. */
  readonly displacement: Int32Array;
  /** int32: low half of the immediate, extended as its operand code says. */
  readonly immediate: Int32Array;
  /** High half of a 64-bit immediate or direct offset; the second immediate of ENTER, far pointers, EXTRQ, INSERTQ. */
  readonly immediate2: Int32Array;
  /** The decoder's own: the last bytes of a range, with room behind them. */
  readonly tail: Uint8Array;
  /** Written by the decoder: where it stopped. */
  next: number;
}

/**
 * Fields of `InstructionRows.flags`: bits 0 to 6 are PREFIX, then (by lowest bit) the operand size and the address size as
 * 16 << n, the effective segment, the segment prefix + 1, the vector length as 128 << n, EVEX.b, EVEX.z, EVEX.aaa, ENCODING,
 * EVEX.L'L as encoded, and the mode's default size as 16 << n.
 */
export const ROW_FLAGS = {
  operandSizeShift: 7,
  addressSizeShift: 9,
  segmentShift: 11,
  segmentPrefixShift: 14,
  vectorLengthShift: 17,
  evexB: 0x80000,
  zeroing: 0x100000,
  maskShift: 21,
  encodingShift: 24,
  roundingShift: 27,
  modeShift: 29,
} as const;

/**
 * Fields of `InstructionRows.registers`, by lowest bit: ModRM.mod, ModRM.reg, ModRM.rm (or the opcode's register), VEX.vvvv,
 * index, base, logarithm of the scale. Five bits for a register; six for index and base, where 63 is none and 32 RIP.
 */
export const ROW_REGISTERS = {
  regShift: 2,
  rmShift: 7,
  vvvvShift: 12,
  indexShift: 17,
  baseShift: 23,
  scaleShift: 29,
} as const;

/** Longest instruction plus the longest read that may begin in it, and one more byte that ends a tail. */
export const TAIL_BYTES = 64;

/** Arrays for up to `capacity` instructions: 29 bytes each. */
export function createInstructionRows(capacity: number): InstructionRows {
  if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > 1 << 26) {
    throw new DecoderError(
      `createInstructionRows: capacity ${capacity} was asked for; it must be a whole number from 1 to ${1 << 26}`,
    );
  }
  return {
    capacity,
    offset: new Uint32Array(capacity),
    length: new Uint8Array(capacity),
    form: new Uint16Array(capacity),
    flags: new Int32Array(capacity),
    registers: new Int32Array(capacity),
    displacement: new Int32Array(capacity),
    immediate: new Int32Array(capacity),
    immediate2: new Int32Array(capacity),
    tail: new Uint8Array(TAIL_BYTES),
    next: 0,
  };
}

/** What a caller of the package did wrong. Bytes are never an error. */
export class DecoderError extends Error {
  override readonly name: string = "DecoderError";
}
