import {
  ELF_MACHINE,
  ELF_SECTION,
  ELF_SECTION_NUMBER,
  type ElfFile,
  type ElfSection,
  type ElfSymbols,
  readElfRelocations,
} from "@likex/loaders";

/** Names of the relocation types that code has, without R_X86_64_ (System V psABI for AMD64, table 4.9). */
const TYPES_64: Readonly<Record<number, string>> = {
  1: "64",
  2: "PC32",
  3: "GOT32",
  4: "PLT32",
  9: "GOTPCREL",
  10: "32",
  11: "32S",
  12: "16",
  13: "PC16",
  14: "8",
  15: "PC8",
  19: "TLSGD",
  20: "TLSLD",
  21: "DTPOFF32",
  22: "GOTTPOFF",
  23: "TPOFF32",
  24: "PC64",
  25: "GOTOFF64",
  26: "GOTPC32",
  34: "GOTPC32_TLSDESC",
  35: "TLSDESC_CALL",
  41: "GOTPCRELX",
  42: "REX_GOTPCRELX",
};

/** The same without R_386_ (System V psABI for Intel386, table 4.9). */
const TYPES_32: Readonly<Record<number, string>> = {
  1: "32",
  2: "PC32",
  3: "GOT32",
  4: "PLT32",
  9: "GOTOFF",
  10: "GOTPC",
  15: "TLS_IE",
  16: "TLS_GOTIE",
  17: "TLS_LE",
  18: "TLS_GD",
  19: "TLS_LDM",
  20: "16",
  21: "PC16",
  22: "8",
  23: "PC8",
  32: "TLS_LDO_32",
  43: "GOT32X",
};

/** The sections with relocations, by the number of the section that they are for. */
export function relocationTables(file: ElfFile): ReadonlyMap<number, readonly ElfSection[]> {
  const tables = new Map<number, ElfSection[]>();
  for (const section of file.sections) {
    if (section.type !== ELF_SECTION.relocations && section.type !== ELF_SECTION.relocationsWithAddend) continue;
    const others = tables.get(section.info);
    if (others === undefined) tables.set(section.info, [section]);
    else others.push(section);
  }
  return tables;
}

/** What the linker will fill in in a section of a relocatable file, by address. */
export function relocationTexts(
  file: ElfFile,
  section: ElfSection,
  tables: readonly ElfSection[],
  symbols: ElfSymbols | undefined,
): ReadonlyMap<bigint, string> {
  const texts = new Map<bigint, string>();
  for (const table of tables) {
    for (const { address, type, symbol, addend } of readElfRelocations(file, table)) {
      const name = symbols === undefined ? "" : symbolText(file, symbols, symbol);
      texts.set(section.address + address, `${typeText(file, type)} ${name}${addendText(addend)}`);
    }
  }
  return texts;
}

function typeText(file: ElfFile, type: number): string {
  const is64 = file.machine === ELF_MACHINE.x86_64;
  const name = (is64 ? TYPES_64 : TYPES_32)[type];
  return name === undefined ? `relocation ${type}` : `R_${is64 ? "X86_64" : "386"}_${name}`;
}

/** The symbol, or the section that a nameless symbol stands for. */
function symbolText(file: ElfFile, symbols: ElfSymbols, i: number): string {
  const name = symbols.name(i);
  const section = symbols.section[i] ?? ELF_SECTION_NUMBER.undefined;
  return name !== "" ? name : (file.sections[section]?.name ?? "");
}

function addendText(addend: bigint): string {
  return addend === 0n ? "" : `${addend < 0n ? "-" : "+"}0x${(addend < 0n ? -addend : addend).toString(16)}`;
}
