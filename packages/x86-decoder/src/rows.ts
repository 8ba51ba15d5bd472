import { createOpcode, type Opcode } from "./opcode.ts";

/**
 * Decoded instructions, one a row, in typed arrays: what the batch decoder fills. `unpackRow` and
 * `readOperands` take the packed words apart; `row-fields.ts` says what is in them.
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
  readonly tailView: DataView;
  /** The decoder's own: the bytes that it decoded last, and a view of them, so that a call for one instruction makes none. */
  source: Uint8Array;
  sourceView: DataView;
  /** The decoder's own: prefixes and opcode of the instruction that it is at. */
  readonly opcode: Opcode;
  /** Whether D5 is the REX2 prefix in 64-bit mode. */
  readonly apx: boolean;
  /** Written by the decoder: where it stopped. */
  next: number;
}

/** Longest instruction plus the longest read that may begin in it, and one more byte that ends a tail. */
export const TAIL_BYTES = 64;

/** Instruction sets that are not decoded unless asked for, because no processor without them has the encodings. */
export type DecoderExtension = "apx-rex2";

export interface RowsOptions {
  /** "apx-rex2": in 64-bit mode D5 is APX's REX2 prefix, which reaches registers R16 to R31. Default: none. */
  readonly extensions?: readonly DecoderExtension[];
}

/** Arrays for up to `capacity` instructions: 29 bytes each. */
export function createInstructionRows(capacity: number, options: RowsOptions = {}): InstructionRows {
  const { extensions = [] } = options;
  if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > 1 << 26) {
    throw new DecoderError(
      `createInstructionRows: capacity ${capacity} was asked for; it must be a whole number from 1 to ${1 << 26}`,
    );
  }
  const tail = new Uint8Array(TAIL_BYTES);
  const tailView = new DataView(tail.buffer);
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
    tail,
    tailView,
    source: tail,
    sourceView: tailView,
    opcode: createOpcode(),
    apx: extensions.includes("apx-rex2"),
    next: 0,
  };
}

/** What a caller of the package did wrong. Bytes are never an error. */
export class DecoderError extends Error {
  override readonly name: string = "DecoderError";
}
