import { createInstructionRows, decodeBatch } from "@likex/x86-decoder";
import type { Bits } from "./program.ts";
import { createFormatter } from "./syntax.ts";

/** The instruction that bytes begin with, in Intel syntax; undefined when they begin none. */
export function firstInstruction(
  bytes: Uint8Array,
  bits: Bits,
  address: bigint,
): { readonly bytes: Uint8Array; readonly text: string } | undefined {
  const rows = createInstructionRows(1);
  if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0 || rows.form[0] === 0) return undefined;
  return { bytes: bytes.subarray(0, rows.length[0]), text: createFormatter("intel").format(rows, 0, address) };
}
