import { decodeBatch, type InstructionRows } from "@likex/x86-decoder";
import type { Bits, CodeRegion } from "./program.ts";
import { PLACE_RANK } from "./symbol-map.ts";

/** What a listing is made of. Rows' offsets count from the region's address. */
export interface ListingWriter {
  region(region: CodeRegion): void;
  /** Before the instructions that a name stands for. */
  label(region: CodeRegion, address: bigint): void;
  /** An instruction, or with form 0 a byte that begins none. */
  instruction(region: CodeRegion, rows: InstructionRows, i: number): void;
}

/** Bytes to decode at once behind a symbol in the middle of an instruction: what was decoded further on was in vain. */
const FIRST_WINDOW = 256;
const WINDOW_GROWTH = 4;
/** As much as fills the rows. */
const LARGEST_WINDOW = 1 << 16;

/**
 * Decodes a region once from its first byte on, at most `limit` instructions; returns how many there were. At each symbol
 * decoding begins anew, as what stands before it may be data.
 */
export function listRegion(
  region: CodeRegion,
  bits: Bits,
  rows: InstructionRows,
  limit: number,
  writer: ListingWriter,
): number {
  const { bytes, address, symbols } = region;
  let label = symbols.firstFrom(address);
  const offsetOfLabel = (): number => {
    const place = symbols.place(label);
    return place === undefined ? Number.POSITIVE_INFINITY : Number(place.address - address);
  };
  let labelOffset = offsetOfLabel();
  let at = 0;
  let window = LARGEST_WINDOW;
  let written = 0;
  writer.region(region);
  if (symbols.find(address) !== undefined && labelOffset !== 0) writer.label(region, address);

  while (written < limit) {
    // The last instruction may reach beyond a symbol.
    if (at >= bytes.length) at = labelOffset;
    if (at >= bytes.length) break;
    let count = decodeBatch(bytes, at, Math.min(bytes.length, at + window), bits, rows);
    if (count === 0) {
      // The bytes end in the middle of an instruction.
      rows.offset[0] = at;
      rows.length[0] = 1;
      rows.form[0] = 0;
      rows.next = at + 1;
      count = 1;
    }
    at = rows.next;
    window = Math.min(window * WINDOW_GROWTH, LARGEST_WINDOW);
    for (let i = 0; i < count && written < limit; i++) {
      const offset = rows.offset[i]!;
      if (labelOffset < offset) {
        at = labelOffset;
        window = FIRST_WINDOW;
        break;
      }
      if (labelOffset === offset) {
        const { rank } = symbols.place(label)!;
        if (rank < PLACE_RANK.section || offset === 0) writer.label(region, address + BigInt(offset));
        label += 1;
        labelOffset = offsetOfLabel();
      }
      writer.instruction(region, rows, i);
      written += 1;
    }
  }
  return written;
}
