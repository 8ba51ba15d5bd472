/** Guest program loaders: bytes in, guest memory contents and entry state out. */

export { type ElfFile, type ElfSection, type ElfSegment, elfBytes, isElf, parseElf } from "./elf/elf-file.ts";
export { type ElfRelocation, readElfDynamicRelocations, readElfRelocations } from "./elf/elf-relocations.ts";
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
export { loadElf } from "./elf-program.ts";
export {
  EmptyImageError,
  EntryUnreachableError,
  ImageTooLargeError,
  InvalidAddressError,
  InvalidElfError,
  InvalidMultibootError,
  LoaderError,
  NoRoomError,
  NotBootableError,
  UnsupportedElfError,
  UnsupportedMultibootError,
} from "./errors.ts";
export { type FlatBinaryOptions, loadFlatBinary } from "./flat.ts";
export { hasMultibootHeader, MULTIBOOT_HEADER_MAGIC, MULTIBOOT_LOADER_MAGIC } from "./multiboot/header.ts";
export { loadMultiboot, type MultibootModule, type MultibootOptions } from "./multiboot/load.ts";
export type { MemoryRange } from "./multiboot/memory-map.ts";
export type { EntryState, GuestProgram, ProgramSegment, ProtectedModeEntry, RealModeEntry } from "./program.ts";
export { realModeEntry } from "./real-mode.ts";
