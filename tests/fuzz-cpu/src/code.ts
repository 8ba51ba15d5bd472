import { createDecodedInstruction, DECODE_STATUS, decodeInto } from "@likex/x86-decoder";
import { type Bits, formBytes, PATTERNS } from "../../../packages/x86-decoder/scripts/streams.ts";
import { AT, PAGE } from "./layout.ts";
import type { Random } from "./random.ts";
import { TEMPLATES } from "./templates.ts";

/** Legacy encodings: what the processor mostly executes. VEX, EVEX and XOP are nearly all #UD. */
const LEGACY = PATTERNS.filter(({ vector }) => vector === undefined);
/** The one-byte opcode map: integer instructions and x87. */
const ONE_BYTE = LEGACY.filter(({ steps }) => steps.find(({ isOpcode }) => isOpcode)?.value !== 0x0f);

/** Displacements beyond these mostly lead out of the guest's memory. */
const NEAR = 0x8000;

/** A page of code, and where its instructions begin. */
export interface CodePage {
  readonly bits: Bits;
  readonly starts: readonly number[];
}

/**
 * Fills the code pages with instructions of 16, 32 or 64 bits, as `bitsOf` says for each page: encodings of the instruction
 * table's forms with random operands, instructions and short sequences that matter to the system, and random bytes. An
 * instruction may begin in one page and end in the next.
 */
export function writeCode(ram: Uint8Array, random: Random, bitsOf: (page: number) => Bits): readonly CodePage[] {
  const pages: CodePage[] = [];
  const end = AT.codeEnd * PAGE;
  const density = random.of([1, 4, 16]);
  let at = AT.code * PAGE;
  for (let page: number = AT.code; page < AT.codeEnd; page++) {
    const bits = bitsOf(page);
    const starts: number[] = [];
    while (at < (page + 1) * PAGE) {
      starts.push(at);
      const bytes = unit(random, bits, density);
      ram.set(bytes.subarray(0, Math.min(bytes.length, end - at)), at);
      at += bytes.length;
    }
    pages.push({ bits, starts });
  }
  return pages;
}

const decoded = createDecodedInstruction();

/** An instruction or a short sequence; of `density` ones, one is a template's. */
function unit(random: Random, bits: Bits, density: number): Uint8Array {
  if (random.below(density) === 0) return Uint8Array.from(random.of(TEMPLATES)(random, bits));
  if (random.chance(24)) return Uint8Array.from({ length: 1 + random.below(15) }, () => random.below(256));
  const patterns = random.chance(16) ? PATTERNS : random.chance(2) ? LEGACY : ONE_BYTE;
  for (;;) {
    const bytes = formBytes(random.of(patterns), bits, random);
    const status = decodeInto(bytes, 0, bytes.length, bits, decoded);
    if (status !== DECODE_STATUS.ok) return bytes.subarray(0, 1 + random.below(bytes.length));
    if (Math.abs(decoded.displacement) < NEAR || random.chance(8)) return bytes.subarray(0, decoded.length);
  }
}
