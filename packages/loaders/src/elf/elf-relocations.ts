import { elfDynamicTables } from "./elf-dynamic.ts";
import { type ElfFile, type ElfSection, elfBytes } from "./elf-file.ts";
import { ELF_SECTION } from "./elf-values.ts";

/** A place that a linker fills in. */
export interface ElfRelocation {
  /** Virtual address of the place; in relocatable files its offset in the section. */
  readonly address: bigint;
  /** Number of the symbol whose address goes there; 0: none. */
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
  return elfDynamicTables(file).relocations.flatMap(({ bytes, hasAddends }) => readTable(file, bytes, hasAddends));
}

/**
 * The entries of a section with relocations: what the linker has to fill in in the section that its `info` names. Symbols
 * are those of `readElfSymbols`.
 *
 * @throws InvalidElfError when the relocations are not in the file.
 */
export function readElfRelocations(file: ElfFile, table: ElfSection): ElfRelocation[] {
  return readTable(file, elfBytes(file, table), table.type === ELF_SECTION.relocationsWithAddend);
}

function readTable({ contents, addressBits }: ElfFile, bytes: Uint8Array, hasAddends: boolean): ElfRelocation[] {
  const is64 = addressBits === 64;
  const width = addressBits / 8;
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
}
