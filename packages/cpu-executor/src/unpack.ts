import { decodeBase64 } from "./base64.ts";
import { UNPACKER_BYTES } from "./generated/unpacker.ts";

const SIZE_BYTES = 4;
/** What the unpacker may touch behind its input and its output. */
const SLACK = 8;
const PAGE_BITS = 16;

/**
 * The bytes that scripts/packing/pack.ts has packed, from base64. To parse and to decode as text what is packed here takes longer
 * than to unpack it (docs/decisions/0007-cold-start.md).
 */
export function unpack(text: string): Uint8Array<ArrayBuffer> {
  const packed = decodeBase64(text);
  const size = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  const end = packed.length - SIZE_BYTES;
  const to = end + SLACK;
  const memory = new WebAssembly.Memory({ initial: ((to + size + SLACK) >> PAGE_BITS) + 1 });
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(packed.subarray(SIZE_BYTES));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(decodeBase64(UNPACKER_BYTES)), {
    host: { memory },
  });
  (exports as unknown as { readonly unpack: (at: number, end: number, to: number) => void }).unpack(0, end, to);
  return bytes.subarray(to, to + size);
}
