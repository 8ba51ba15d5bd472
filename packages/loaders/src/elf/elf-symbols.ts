import { InvalidElfError } from "../errors.ts";
import { elfDynamicTables } from "./elf-dynamic.ts";
import { type ElfFile, elfBytes } from "./elf-file.ts";
import { ELF_SECTION } from "./elf-values.ts";
import { StringTable } from "./string-table.ts";

/** A symbol table, a column an array: a program may have hundreds of thousands of symbols. */
export interface ElfSymbols {
  readonly count: number;
  /** Virtual address; in relocatable files the offset in its section. */
  readonly value: BigUint64Array;
  /** Bytes, 0 when not known. */
  readonly size: BigUint64Array;
  /** ELF_SYMBOL_TYPE. */
  readonly type: Uint8Array;
  /** ELF_BINDING. */
  readonly binding: Uint8Array;
  /** Index in `ElfFile.sections`, or one of ELF_SECTION_NUMBER. */
  readonly section: Uint16Array;
  /** The name of symbol `i`; "" if it has none. */
  name(i: number): string;
}

/**
 * The symbols that the linker left for debuggers (.symtab); none in a stripped file.
 *
 * @throws InvalidElfError when they are not in the file.
 */
export function readElfSymbols(file: ElfFile): ElfSymbols {
  const table = file.sections.find(({ type }) => type === ELF_SECTION.symbols);
  if (table === undefined) return readTable(file, new Uint8Array(0), new Uint8Array(0));
  const strings = file.sections[table.link];
  if (strings?.type !== ELF_SECTION.strings) {
    throw new InvalidElfError(
      `The ELF file's symbol table takes its names from section ${table.link}, which is no string table. It is damaged.`,
    );
  }
  return readTable(file, elfBytes(file, table), elfBytes(file, strings));
}

/**
 * The symbols that the dynamic linker uses, found without section headers; none in a statically linked file.
 *
 * @throws InvalidElfError when they are not in the file.
 */
export function readElfDynamicSymbols(file: ElfFile): ElfSymbols {
  const { symbols, strings } = elfDynamicTables(file);
  return readTable(file, symbols, strings);
}

function readTable({ addressBits, contents }: ElfFile, entries: Uint8Array, strings: Uint8Array): ElfSymbols {
  const is64 = addressBits === 64;
  const stride = is64 ? 24 : 16;
  const count = Math.floor(entries.length / stride);
  const names = new StringTable(strings);
  const first = entries.byteOffset - contents.bytes.byteOffset;
  const table = {
    count,
    value: new BigUint64Array(count),
    size: new BigUint64Array(count),
    type: new Uint8Array(count),
    binding: new Uint8Array(count),
    section: new Uint16Array(count),
    name: (i: number): string => (i < count ? names.at(contents.u32(first + i * stride)) : ""),
  };
  for (let i = 0, at = first; i < count; i++, at += stride) {
    const info = contents.bytes[at + (is64 ? 4 : 12)] ?? 0;
    table.type[i] = info & 15;
    table.binding[i] = info >> 4;
    table.section[i] = contents.u16(at + (is64 ? 6 : 14));
    table.value[i] = contents.word(at + (is64 ? 8 : 4), is64);
    table.size[i] = contents.word(at + (is64 ? 16 : 8), is64);
  }
  return table;
}
