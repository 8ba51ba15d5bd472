import { InvalidElfError, UnsupportedElfError } from "../errors.ts";
import { ElfBytes } from "./elf-bytes.ts";
import { ELF_MACHINE, ELF_SECTION } from "./elf-values.ts";
import { StringTable } from "./string-table.ts";

/** A part of the file that is loaded into memory, or that says how: a program header. */
export interface ElfSegment {
  /** p_type; ELF_SEGMENT. */
  readonly type: number;
  /** p_flags; ELF_SEGMENT_FLAG. */
  readonly flags: number;
  /** Offset in the file, bytes. */
  readonly offset: bigint;
  /** Virtual address of the first byte. */
  readonly address: bigint;
  readonly physicalAddress: bigint;
  /** Bytes in the file. */
  readonly fileSize: bigint;
  /** Bytes in memory; those behind `fileSize` are zero. */
  readonly memorySize: bigint;
}

/** A named part of the file: a section header. */
export interface ElfSection {
  readonly index: number;
  /** "" when the file has no names for its sections. */
  readonly name: string;
  /** sh_type; ELF_SECTION. */
  readonly type: number;
  /** sh_flags; ELF_SECTION_FLAG. */
  readonly flags: bigint;
  /** Virtual address of the first byte; 0 in relocatable files. */
  readonly address: bigint;
  /** Offset in the file, bytes. */
  readonly offset: bigint;
  /** Bytes in memory, and in the file unless it has no bits. */
  readonly size: bigint;
  /** sh_link: the number of another section, by type. */
  readonly link: number;
  readonly info: number;
  /** Bytes of an entry of a table. */
  readonly entrySize: bigint;
}

/** The structure of an ELF file for x86. Offsets and sizes in it are as the file states them: `elfBytes` checks them. */
export interface ElfFile {
  /** Width of addresses in the file: ELFCLASS32 or ELFCLASS64. */
  readonly addressBits: 32 | 64;
  /** e_machine; ELF_MACHINE. The x32 ABI has 64-bit code in files with 32-bit addresses. */
  readonly machine: number;
  /** e_type; ELF_TYPE. */
  readonly type: number;
  /** Virtual address of the first instruction; 0 without one. */
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  /** Empty when the file has no section headers, as a file that was stripped of them; number 0 is the null section. */
  readonly sections: readonly ElfSection[];
  readonly contents: ElfBytes;
}

const MAGIC = 0x464c_457f;
const IDENT_BYTES = 16;
const CLASS_OFFSET = 4;
const DATA_OFFSET = 5;
const VERSION_OFFSET = 6;
const LITTLE_ENDIAN = 1;
const CURRENT_VERSION = 1;
/** e_phnum and e_shstrndx when the number does not fit and stands in section header 0 (gABI, ELF header). */
const EXTENDED_NUMBER = 0xffff;
/** Sections may share one name of any length, so that a small file could ask for any amount of memory. */
const MOST_NAME_LETTERS = 1 << 26;

const MACHINE_NAMES: Readonly<Record<number, string>> = {
  2: "SPARC",
  8: "MIPS",
  20: "PowerPC",
  21: "64-bit PowerPC",
  22: "S390",
  40: "ARM",
  183: "AArch64",
  243: "RISC-V",
  258: "LoongArch",
};

/** Whether the bytes begin as every ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Offsets of the header's fields behind e_version, which depend on the width of addresses. */
const layoutOf = (is64: boolean) =>
  is64
    ? { header: 64, phoff: 32, shoff: 40, sizes: 52, segment: 56, section: 64 }
    : { header: 52, phoff: 28, shoff: 32, sizes: 40, segment: 32, section: 40 };

/**
 * Reads the headers of an ELF file for 32- or 64-bit x86: header, program headers, section headers. Any bytes end in a
 * result or in one of these errors.
 *
 * @throws InvalidElfError for what is no ELF file or a damaged one, UnsupportedElfError for another processor's.
 */
export function parseElf(bytes: Uint8Array): ElfFile {
  const contents = new ElfBytes(bytes);
  if (bytes.length < IDENT_BYTES || contents.u32(0) !== MAGIC) {
    throw new InvalidElfError("The file does not begin as ELF files do (7f 45 4c 46 and 12 bytes). Give an ELF file.");
  }
  const elfClass = bytes[CLASS_OFFSET];
  if ((elfClass !== 1 && elfClass !== 2) || bytes[VERSION_OFFSET] !== CURRENT_VERSION) {
    throw new InvalidElfError(
      `The ELF file has class ${elfClass} and version ${bytes[VERSION_OFFSET]}; there are only classes 1 (32 bit) and 2 (64 bit), and version 1. It is damaged.`,
    );
  }
  if (bytes[DATA_OFFSET] !== LITTLE_ENDIAN) {
    throw new UnsupportedElfError("The ELF file is not little-endian, so it is not for x86. Give a file for x86.");
  }
  const is64 = elfClass === 2;
  const layout = layoutOf(is64);
  contents.check("its header", 0n, BigInt(layout.header));
  const machine = contents.u16(18);
  if (machine !== ELF_MACHINE.x86_64 && machine !== ELF_MACHINE.i386) {
    throw new UnsupportedElfError(
      `The ELF file is for ${MACHINE_NAMES[machine] ?? "a processor"} (e_machine ${machine}). Give a file for x86: 3 (i386) or 62 (x86-64).`,
    );
  }
  const sections = readSections(contents, is64);
  return {
    addressBits: is64 ? 64 : 32,
    machine,
    type: contents.u16(16),
    entry: contents.word(24, is64),
    segments: readSegments(contents, is64, sections[0]),
    sections,
    contents,
  };
}

function readSegments(contents: ElfBytes, is64: boolean, first: ElfSection | undefined): ElfSegment[] {
  const layout = layoutOf(is64);
  const start = contents.word(layout.phoff, is64);
  const stride = contents.u16(layout.sizes + 2);
  const stated = contents.u16(layout.sizes + 4);
  const count = stated === EXTENDED_NUMBER && first !== undefined ? first.info : stated;
  if (start === 0n || count === 0) return [];
  checkTable(contents, "program headers", { start, stride, count, smallest: layout.segment });
  return Array.from({ length: count }, (_, i) => {
    const at = Number(start) + i * stride;
    const word = (n: number): bigint => contents.word(at + n, is64);
    return {
      type: contents.u32(at),
      flags: contents.u32(at + (is64 ? 4 : 24)),
      offset: word(is64 ? 8 : 4),
      address: word(is64 ? 16 : 8),
      physicalAddress: word(is64 ? 24 : 12),
      fileSize: word(is64 ? 32 : 16),
      memorySize: word(is64 ? 40 : 20),
    };
  });
}

function readSections(contents: ElfBytes, is64: boolean): ElfSection[] {
  const layout = layoutOf(is64);
  const start = contents.word(layout.shoff, is64);
  if (start === 0n) return [];
  const stride = contents.u16(layout.sizes + 6);
  const stated = contents.u16(layout.sizes + 8);
  checkTable(contents, "section headers", { start, stride, count: 1, smallest: layout.section });
  const first = readSection(contents, Number(start), is64, 0);
  // From 0xff00 sections on, their number is the size of section 0 (gABI, ELF header).
  const count = stated === 0 ? Number(first.size) : stated;
  checkTable(contents, "section headers", { start, stride, count, smallest: layout.section });
  const statedNames = contents.u16(layout.sizes + 10);
  const sections = Array.from({ length: count }, (_, i) => readSection(contents, Number(start) + i * stride, is64, i));
  const names = sections[statedNames === EXTENDED_NUMBER ? first.link : statedNames];
  if (names === undefined || names.type !== ELF_SECTION.strings) return sections;
  const strings = new StringTable(contents.slice("the section names", names.offset, names.size));
  let letters = 0;
  return sections.map((section, i) => {
    const name = strings.at(contents.u32(Number(start) + i * stride));
    letters += name.length;
    if (letters > MOST_NAME_LETTERS) {
      throw new InvalidElfError("The names of the ELF file's sections have more than 2^26 letters. It is damaged.");
    }
    return { ...section, name };
  });
}

function readSection(contents: ElfBytes, at: number, is64: boolean, index: number): ElfSection {
  const word = (n32: number, n64: number): bigint => contents.word(at + (is64 ? n64 : n32), is64);
  return {
    index,
    name: "",
    type: contents.u32(at + 4),
    flags: word(8, 8),
    address: word(12, 16),
    offset: word(16, 24),
    size: word(20, 32),
    link: contents.u32(at + (is64 ? 40 : 24)),
    info: contents.u32(at + (is64 ? 44 : 28)),
    entrySize: word(36, 56),
  };
}

interface HeaderTable {
  readonly start: bigint;
  /** Bytes from one entry to the next. */
  readonly stride: number;
  readonly count: number;
  /** Bytes that an entry has at least. */
  readonly smallest: number;
}

function checkTable(contents: ElfBytes, what: string, { start, stride, count, smallest }: HeaderTable): void {
  if (stride < smallest) {
    throw new InvalidElfError(
      `The ELF file has ${what} of ${stride} bytes each, fewer than ${smallest}. It is damaged.`,
    );
  }
  contents.check(`${count} ${what}`, start, BigInt(stride) * BigInt(count));
}

/**
 * The bytes of a section or segment in the file, a view: none for a section without bits.
 *
 * @throws InvalidElfError when they are not in the file.
 */
export function elfBytes({ contents }: ElfFile, part: ElfSection | ElfSegment): Uint8Array {
  if ("fileSize" in part) return contents.slice("a segment", part.offset, part.fileSize);
  if (part.type === ELF_SECTION.noBits) return new Uint8Array(0);
  return contents.slice(`section ${part.index} (${JSON.stringify(part.name)})`, part.offset, part.size);
}
