import { createOpcode, type Opcode } from "./opcode.ts";
import { createShortPath, type ShortPath } from "./short-path.ts";
import { MAX_ROWS, ROWS_AT } from "./short-path-layout.ts";

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
  /** The decoder's own: undefined for few rows, where it would cost more than it saves, and where WebAssembly is missing. */
  readonly shortPath: ShortPath | undefined;
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

/** From so many rows on, decoding into them goes through the short path. */
const LEAST_SHORT_ROWS = 32;

/**
 * Arrays for up to `capacity` instructions, at most 65536, 29 bytes each. Make them once: from 32 rows on they come with
 * 128 KiB of tables in a WebAssembly memory. Throws a DecoderError for an impossible capacity.
 */
export function createInstructionRows(capacity: number, options: RowsOptions = {}): InstructionRows {
  const { extensions = [] } = options;
  if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > MAX_ROWS) {
    throw new DecoderError(
      `createInstructionRows: capacity ${capacity} was asked for; it must be a whole number from 1 to ${MAX_ROWS}`,
    );
  }
  const shortPath = capacity < LEAST_SHORT_ROWS ? undefined : createShortPath();
  const memory = shortPath?.memory;
  const words = (at: number): Int32Array =>
    memory === undefined ? new Int32Array(capacity) : new Int32Array(memory, at, capacity);
  const tail = new Uint8Array(TAIL_BYTES);
  const tailView = new DataView(tail.buffer);
  return {
    capacity,
    offset: memory === undefined ? new Uint32Array(capacity) : new Uint32Array(memory, ROWS_AT.offset, capacity),
    length: memory === undefined ? new Uint8Array(capacity) : new Uint8Array(memory, ROWS_AT.length, capacity),
    form: memory === undefined ? new Uint16Array(capacity) : new Uint16Array(memory, ROWS_AT.form, capacity),
    flags: words(ROWS_AT.flags),
    registers: words(ROWS_AT.registers),
    displacement: words(ROWS_AT.displacement),
    immediate: words(ROWS_AT.immediate),
    immediate2: words(ROWS_AT.immediate2),
    tail,
    tailView,
    source: tail,
    sourceView: tailView,
    opcode: createOpcode(),
    shortPath,
    apx: extensions.includes("apx-rex2"),
    next: 0,
  };
}

/** What a caller of the package did wrong. Bytes are never an error. */
export class DecoderError extends Error {
  override readonly name: string = "DecoderError";
}
