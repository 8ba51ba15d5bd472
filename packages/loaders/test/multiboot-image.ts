import { buildElf } from "./elf-image.ts";

/** Magic, flags and checksum of a multiboot header, with further fields. */
export function headerBytes(flags: number, ...fields: readonly number[]): Uint8Array {
  const words = [0x1bad_b002, flags, -(0x1bad_b002 + flags), ...fields];
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word >>> 0, true);
  return bytes;
}

/** An ELF file with a multiboot header and one instruction at 1 MiB, and 0x2000 bytes of bss at 2 MiB. */
export function kernel(bits: 32 | 64, header: Uint8Array = headerBytes(0)): Uint8Array {
  return buildElf({
    bits,
    type: 2,
    entry: 0x10_0000n + BigInt(header.length),
    sections: [
      { name: ".text", type: 1, address: 0x10_0000n, data: Uint8Array.of(...header, 0xf4) },
      { name: ".bss", type: 8, address: 0x20_0000n, size: 0x2000 },
    ],
    segments: [
      { type: 1, flags: 5, section: ".text" },
      { type: 1, flags: 6, section: ".bss" },
    ],
  });
}
