import { DECODE_STATUS, INVALID_REASON } from "./constants.ts";
import { decodeRows, READ_AHEAD } from "./decode-rows.ts";
import { type DecodedInstruction, unpackRow } from "./decoded.ts";
import type { InstructionRows } from "./rows.ts";

/**
 * Decodes the instruction at bytes[offset .. end) into `out` and returns a DECODE_STATUS. Reads nothing outside the range
 * (nor outside the array), never throws, allocates nothing that lasts: a view when it is given other bytes than the last time. `bits` is the default operand size and, 64, the mode.
 */
export function decodeInto(
  bytes: Uint8Array,
  offset: number,
  end: number,
  bits: 16 | 32 | 64,
  out: DecodedInstruction,
): number {
  const { row } = out;
  if (decodeBatch(bytes, offset, end, bits, row) === 0) {
    out.reason = INVALID_REASON.none;
    return DECODE_STATUS.truncated;
  }
  if (row.form[0] === 0) {
    out.reason = row.flags[0]!;
    return out.reason === INVALID_REASON.tooLong ? DECODE_STATUS.tooLong : DECODE_STATUS.invalid;
  }
  unpackRow(row, 0, out);
  return DECODE_STATUS.ok;
}

/**
 * Decodes bytes[start .. end) from one instruction to the next into `out`, from its first row, until the rows are full or
 * the range ends; returns the number of rows. `out.next` is where the next call should start: `end`, or less when the rows
 * are full or the last instruction is not complete. Bytes that are no instruction take a row of length 1 and form 0.
 * Reads nothing outside the range, never throws, allocates nothing that lasts: a view when it is given other bytes than the last time.
 */
export function decodeBatch(
  bytes: Uint8Array,
  start: number,
  end: number,
  bits: 16 | 32 | 64,
  out: InstructionRows,
): number {
  const limit = Math.min(end, bytes.length);
  out.next = start;
  if (!(start >= 0 && start < limit)) return 0;
  if (out.source !== bytes) {
    out.source = bytes;
    out.sourceView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  const count = decodeRows(bytes, out.sourceView, start, limit - READ_AHEAD + 1, limit, 0, bits, out, 0);
  const at = out.next;
  if (count === out.capacity || at >= limit) return count;
  // The last instructions, where reading ahead would leave the range, are decoded from a copy with zeros behind.
  const { tail, tailView } = out;
  const size = limit - at;
  for (let i = 0; i < size; i++) tail[i] = bytes[at + i]!;
  tail.fill(0, size);
  return decodeRows(tail, tailView, 0, size, size, at, bits, out, count);
}
