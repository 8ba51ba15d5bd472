import { createRequire } from "node:module";
import type * as Iced from "iced-x86";
import type { Bits } from "../streams.ts";

/** The peer: a development dependency, loaded as the CommonJS module that it is. */
export const iced = createRequire(import.meta.url)("iced-x86") as typeof Iced;

/** Decodes single instructions with iced-x86, which wants a decoder for each buffer and everything freed by hand. */
export class IcedDecoder {
  readonly instruction: Iced.Instruction = new iced.Instruction();

  /** Decodes the first instruction; false if iced-x86 calls it invalid. Its address is `ip`. */
  decode(bytes: Uint8Array, bits: Bits, ip = 0n): boolean {
    const decoder = new iced.Decoder(bits, bytes, iced.DecoderOptions.None);
    decoder.ip = ip;
    decoder.decodeOut(this.instruction);
    decoder.free();
    return this.instruction.code !== iced.Code.INVALID;
  }
}
