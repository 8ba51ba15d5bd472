import { createDecodedInstruction, DECODE_STATUS, decodeInto } from "@likex/x86-decoder";
import { formatInstruction } from "./format-instruction.ts";
import { type Bits, hex } from "./operands.ts";

/** One line of a listing. */
export interface DisassembledLine {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** The instruction, or `db` for a byte that begins none. */
  readonly text: string;
}

/** Decodes from the first byte on; after a byte that begins no instruction it goes on with the next one. */
export function* disassemble(bytes: Uint8Array, bits: Bits, start: bigint): Generator<DisassembledLine> {
  const instruction = createDecodedInstruction();
  let offset = 0;
  while (offset < bytes.length) {
    const address = start + BigInt(offset);
    const status = decodeInto(bytes, offset, bytes.length, bits, instruction);
    const length = status === DECODE_STATUS.ok ? instruction.length : 1;
    const text =
      status === DECODE_STATUS.ok ? formatInstruction({ instruction, bits, address }) : `db ${hex(bytes[offset] ?? 0)}`;
    yield { address, bytes: bytes.subarray(offset, offset + length), text };
    offset += length;
  }
}
