/** Guest program loaders: bytes in, guest memory contents and entry state out. */

export { type ElfFile, type ElfSection, type ElfSegment, elfBytes, isElf, parseElf } from "./elf/elf-file.ts";
export { type ElfRelocation, readElfDynamicRelocations } from "./elf/elf-relocations.ts";
export { type ElfSymbols, readElfDynamicSymbols, readElfSymbols } from "./elf/elf-symbols.ts";
export {
  ELF_BINDING,
  ELF_MACHINE,
  ELF_SECTION,
  ELF_SECTION_FLAG,
  ELF_SECTION_NUMBER,
  ELF_SEGMENT,
  ELF_SEGMENT_FLAG,
  ELF_SYMBOL_TYPE,
  ELF_TYPE,
} from "./elf/elf-values.ts";
export {
  EmptyImageError,
  EntryUnreachableError,
  ImageTooLargeError,
  InvalidAddressError,
  InvalidElfError,
  LoaderError,
  UnsupportedElfError,
} from "./errors.ts";
export { type FlatBinaryOptions, loadFlatBinary } from "./flat.ts";
export type { GuestProgram, ProgramSegment, RealModeEntry } from "./program.ts";
export { realModeEntry } from "./real-mode.ts";
