import { decodeLong } from "./decode-long.ts";
import type { InstructionRows } from "./rows.ts";
import type { ShortPath } from "./short-path.ts";
import { WINDOW_AT, WINDOW_BYTES } from "./short-path-layout.ts";

/** More than any read can reach from the start of an instruction: 15 bytes of prefixes, then 3 + 1 + 1 + 4 + 8. */
export const READ_AHEAD = 32;

/** Bytes that are copied into the window for each row that is free: a little more than instructions have on average. */
const BYTES_A_ROW = 5;

/** Fewer bytes than this are not worth a copy and a call. */
const LEAST_WINDOW = 64;

/**
 * Fills rows of `out` from row `row` on with the instructions that start in bytes[at .. startLimit), each of which may read
 * up to READ_AHEAD bytes, until the rows are full or an instruction reaches beyond `end`. Returns the number of the first
 * row that is not filled; `out.next` is the offset behind the last instruction. Offsets in rows are `origin` more than
 * positions in `bytes`.
 */
export function decodeRows(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  startLimit: number,
  end: number,
  origin: number,
  bits: 16 | 32 | 64,
  out: InstructionRows,
  row: number,
): number {
  const { offset, form, capacity, shortPath } = out;
  // The part of the bytes that the window holds, from `windowStart` on; short instructions may begin before `windowEnd`.
  let windowStart = 0;
  let windowEnd = 0;
  while (at < startLimit && row < capacity) {
    if (shortPath !== undefined && bits !== 16) {
      if (at >= windowEnd) {
        const size = fillWindow(shortPath, bytes, at, startLimit, capacity - row);
        windowStart = at;
        windowEnd = at + size;
      }
      if (at < windowEnd) {
        const toWindow = WINDOW_AT - windowStart;
        row = shortPath.run[bits](at + toWindow, windowEnd + toWindow, row, capacity, origin - toWindow);
        at = shortPath.stopped[0]! - toWindow;
        if (at >= windowEnd || row >= capacity) continue;
      }
    }
    // Whether bytes beyond the range had a part in this, nobody can tell: it is truncated, not invalid.
    const next = decodeLong(bytes, view, at, bits, out, row);
    if (next > end) break;
    offset[row] = at + origin;
    at = form[row] === 0 ? at + 1 : next;
    row++;
  }
  out.next = at + origin;
  return row;
}

/** Copies bytes from `at` on into the window; returns how many of them instructions may begin at. */
function fillWindow(
  { window }: ShortPath,
  bytes: Uint8Array,
  at: number,
  startLimit: number,
  freeRows: number,
): number {
  const size = Math.min(startLimit - at, WINDOW_BYTES - READ_AHEAD, freeRows * BYTES_A_ROW);
  if (size < LEAST_WINDOW) return 0;
  window.set(bytes.subarray(at, at + size + READ_AHEAD - 1));
  return size;
}
