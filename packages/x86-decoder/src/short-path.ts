import { decodeBase64 } from "./base64.ts";
import {
  IMMEDIATE_BYTES,
  IMMEDIATE_MASK,
  IMMEDIATE_SIGN,
  MODRM_REX_B,
  MODRM_ROW_64,
  MODRM_ROW_LEGACY,
  MODRM_TAIL,
} from "./decode-tables.ts";
import { BITS, TREE } from "./generated/decode-tables.ts";
import { SHORT_PATH_MODULE } from "./generated/short-path.ts";
import { IMMEDIATE } from "./layout.ts";
import * as layout from "./short-path-layout.ts";

type Run = (at: number, limit: number, row: number, capacity: number, origin: number) => number;

/**
 * The decoder of what nearly all code is made of, in WebAssembly: a segment override, one of 66, F2 and F3, REX, opcodes
 * of one and two bytes, VEX in 64-bit mode, plain immediates. It fills rows in a memory of its own, about five times as
 * fast as `decodeLong` (docs/decisions/0002-decoder-short-path.md), and stops in front of whatever it does not know.
 */
export interface ShortPath {
  readonly memory: ArrayBuffer;
  /** The window, for bytes to be copied into. */
  readonly window: Uint8Array;
  /** By default operand size: 32 and 64 bits. */
  readonly run: { readonly 32: Run; readonly 64: Run };
  /** Element 0: at which address of the memory the last run stopped. */
  readonly stopped: Int32Array;
}

function copyTables(memory: ArrayBuffer): void {
  const words = new Int32Array(memory);
  new Uint16Array(memory).set(TREE, layout.TREE_AT / 2);
  words.set(BITS, layout.BITS_AT / 4);
  words.set(MODRM_ROW_LEGACY, layout.MODRM_ROW_LEGACY_AT / 4);
  words.set(MODRM_ROW_64, layout.MODRM_ROW_64_AT / 4);
  words.set(MODRM_REX_B, layout.MODRM_REX_B_AT / 4);
  new Uint8Array(memory).set(MODRM_TAIL, layout.MODRM_TAIL_AT);
  // First with an operand size of 32 or 64 bits, then with one of 16; what could have 64 bits has no more than 32.
  for (let i = 0; i <= IMMEDIATE.upTo64 * 2 + 1; i++) {
    const kind = i & 7;
    const at = (kind === IMMEDIATE.upTo64 ? IMMEDIATE.upTo32 : kind) * 4 + (i < 8 ? 1 : 0);
    const bytes = IMMEDIATE_BYTES[at]!;
    const fields = [bytes, IMMEDIATE_MASK[at]!, IMMEDIATE_SIGN[at]!, bytes === 0 ? 0 : 32 - bytes * 8];
    words.set(fields, layout.IMMEDIATES_AT / 4 + i * 4);
  }
}

/** A short path with a memory of its own; undefined where WebAssembly is missing or forbidden, or no memory is left. */
export function createShortPath(): ShortPath | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: layout.MEMORY_PAGES, maximum: layout.MEMORY_PAGES });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(decodeBase64(SHORT_PATH_MODULE)), {
      decoder: { memory },
    });
    const { run32, run64 } = instance.exports as unknown as { readonly run32: Run; readonly run64: Run };
    copyTables(memory.buffer);
    return {
      memory: memory.buffer,
      window: new Uint8Array(memory.buffer, layout.WINDOW_AT, layout.WINDOW_BYTES),
      run: { 32: run32, 64: run64 },
      stopped: new Int32Array(memory.buffer, layout.STOPPED_AT, 1),
    };
  } catch {
    // A content security policy without wasm-unsafe-eval, or too many memories: the long path does the same work.
    return undefined;
  }
}
