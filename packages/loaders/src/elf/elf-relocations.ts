import { elfDynamicTables } from "./elf-dynamic.ts";
import type { ElfFile } from "./elf-file.ts";

/** A place that the dynamic linker fills in. */
export interface ElfRelocation {
  /** Virtual address of the place. */
  readonly address: bigint;
  /** Number of the dynamic symbol whose address goes there; 0: none. */
  readonly symbol: number;
  /** R_386_ or R_X86_64_, by the file's machine. */
  readonly type: number;
  /** What is added to the symbol's address; 0 where the addend stands in the place itself (REL). */
  readonly addend: bigint;
}

/**
 * What the dynamic linker has to fill in, the slots of the procedure linkage table first.
 *
 * @throws InvalidElfError when the relocations are not in the file.
 */
export function readElfDynamicRelocations(file: ElfFile): ElfRelocation[] {
  const { contents, addressBits } = file;
  const is64 = addressBits === 64;
  const width = addressBits / 8;
  return elfDynamicTables(file).relocations.flatMap(({ bytes, hasAddends }) => {
    const stride = width * (hasAddends ? 3 : 2);
    const first = bytes.byteOffset - contents.bytes.byteOffset;
    return Array.from({ length: Math.floor(bytes.length / stride) }, (_, i) => {
      const at = first + i * stride;
      // r_info: symbol and type in halves of 64 bits, or in 24 and 8 bits.
      const info = contents.u32(at + width);
      return {
        address: contents.word(at, is64),
        symbol: is64 ? contents.u32(at + width + 4) : info >>> 8,
        type: is64 ? info : info & 0xff,
        addend: hasAddends ? BigInt.asIntN(addressBits, contents.word(at + 2 * width, is64)) : 0n,
      };
    });
  });
}
