import {
  ELF_MACHINE,
  ELF_SECTION,
  ELF_SECTION_FLAG,
  ELF_SECTION_NUMBER,
  ELF_SEGMENT,
  ELF_SEGMENT_FLAG,
  ELF_SYMBOL_TYPE,
  ELF_TYPE,
  type ElfFile,
  type ElfSection,
  type ElfSymbols,
  elfBytes,
  InvalidElfError,
  readElfDynamicSymbols,
  readElfSymbols,
} from "@likex/loaders";
import { CliError } from "../errors.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { printable } from "../printable.ts";
import { pltEntries, readSlots } from "./plt.ts";
import type { CodeRegion, ListedProgram } from "./program.ts";
import { relocationTables, relocationTexts } from "./relocations.ts";
import { type NamedPlace, PLACE_RANK, SymbolMap } from "./symbol-map.ts";

export interface ElfOptions {
  /** Names of the sections to list; without any, those that are executable. */
  readonly sections: readonly string[];
  /** Told what cannot be read although the code can. */
  readonly warn: (message: string) => void;
}

/** Functions before data before what has no type; global before weak before local. */
const TYPE_RANK: Readonly<Record<number, number>> = {
  [ELF_SYMBOL_TYPE.function]: 0,
  [ELF_SYMBOL_TYPE.indirectFunction]: 0,
  [ELF_SYMBOL_TYPE.object]: 3,
  [ELF_SYMBOL_TYPE.common]: 3,
  [ELF_SYMBOL_TYPE.none]: 6,
};
const BINDING_RANK = [2, 0, 1];

const isRelocatable = ({ type }: ElfFile): boolean => type === ELF_TYPE.relocatable;

/** Sections, names and code of an ELF file. @throws CliError when there is nothing to list. */
export function elfProgram(file: ElfFile, { sections, warn }: ElfOptions): ListedProgram {
  const listed = file.sections.length > 0 ? listedSections(file, sections) : undefined;
  if (listed === undefined && sections.length > 0) {
    throw new CliError(
      "The ELF file has no section headers, so --section finds nothing. Use --start and --stop.",
      EXIT_CODE.notFound,
    );
  }
  const orElse = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof InvalidElfError)) throw error;
      warn(`Names are missing: ${printable(error.message)}`);
      return otherwise;
    }
  };
  const slots = orElse(() => readSlots(file), new Map<bigint, string>());
  const symbols = orElse(() => readSymbols(file), undefined);
  const places = placesByRegion(file, symbols === undefined ? [] : placesOf(symbols));
  // Addresses in a relocatable file begin at 0 in each section: names are looked up in the section's own.
  const shared = isRelocatable(file) ? undefined : new SymbolMap(sharedPlaces(file, places, slots));
  const tables = shared === undefined ? relocationTables(file) : new Map<number, ElfSection[]>();
  const regions =
    listed === undefined
      ? segmentRegions(file, shared ?? new SymbolMap([]))
      : listed.map((section): CodeRegion => {
          const relocations = (): ReadonlyMap<bigint, string> =>
            orElse(() => relocationTexts(file, section, tables.get(section.index) ?? [], symbols), new Map());
          return sectionRegion(file, section, { symbols: shared ?? sectionSymbols(section, places), relocations });
        });
  const format = `elf${file.addressBits}-${file.machine === ELF_MACHINE.x86_64 ? "x86-64" : "i386"}`;
  const bits = file.machine === ELF_MACHINE.x86_64 ? 64 : 32;
  const addressDigits = file.addressBits === 64 ? 16 : 8;
  return { format, bits, addressDigits, isLinked: !isRelocatable(file), regions, slots };
}

function listedSections(file: ElfFile, names: readonly string[]): readonly ElfSection[] {
  const hasBits = ({ type, size }: ElfSection): boolean => type !== 0 && type !== ELF_SECTION.noBits && size > 0n;
  if (names.length === 0) {
    const code = file.sections.filter(
      (section) => hasBits(section) && (section.flags & BigInt(ELF_SECTION_FLAG.execute)) !== 0n,
    );
    if (code.length > 0) return code;
    throw new CliError(
      `No section of the ELF file is executable and has bytes. Name one with --section: ${sectionNames(file.sections)}.`,
      EXIT_CODE.notFound,
    );
  }
  return names.flatMap((name) => {
    const found = file.sections.filter((section) => section.name === name);
    if (found.length === 0) {
      throw new CliError(
        `The ELF file has no section "${name}". It has ${sectionNames(file.sections)}.`,
        EXIT_CODE.notFound,
      );
    }
    if (!found.some(hasBits)) {
      throw new CliError(`The section "${name}" has no bytes in the file. Name another one.`, EXIT_CODE.notFound);
    }
    return found.filter(hasBits);
  });
}

const MOST_SECTION_NAMES = 40;

function sectionNames(sections: readonly ElfSection[]): string {
  const names = new Set(sections.map(({ name }) => printable(name)).filter((name) => name !== ""));
  const shown = [...names].slice(0, MOST_SECTION_NAMES);
  if (shown.length === 0) return "no names for its sections";
  return shown.join(" ") + (shown.length < names.size ? ` and ${names.size - shown.length} more` : "");
}

function sectionRegion(
  file: ElfFile,
  section: ElfSection,
  names: Pick<CodeRegion, "symbols" | "relocations">,
): CodeRegion {
  const bytes = elfBytes(file, section);
  return { title: `section ${printable(section.name)}`, address: section.address, bytes, ...names };
}

function segmentRegions(file: ElfFile, symbols: SymbolMap): CodeRegion[] {
  const regions = file.segments.flatMap((segment, i): CodeRegion[] => {
    const isCode = segment.type === ELF_SEGMENT.load && (segment.flags & ELF_SEGMENT_FLAG.execute) !== 0;
    if (!isCode || segment.fileSize === 0n) return [];
    const bytes = elfBytes(file, segment);
    return [{ title: `segment ${i}`, address: segment.address, bytes, symbols, relocations: () => new Map() }];
  });
  if (regions.length > 0) return regions;
  throw new CliError(
    "The ELF file has neither sections nor an executable segment. Use --format flat to list its bytes.",
    EXIT_CODE.notFound,
  );
}

/** The linker's symbols, or those of the dynamic linker where the others were stripped. */
function readSymbols(file: ElfFile): ElfSymbols {
  const symbols = readElfSymbols(file);
  return symbols.count > 0 ? symbols : readElfDynamicSymbols(file);
}

function placesOf(symbols: ElfSymbols): readonly (readonly [section: number, place: NamedPlace])[] {
  const places: (readonly [number, NamedPlace])[] = [];
  for (let i = 1; i < symbols.count; i++) {
    const section = symbols.section[i]!;
    const rank = TYPE_RANK[symbols.type[i]!];
    if (rank === undefined || section === ELF_SECTION_NUMBER.undefined || section >= ELF_SECTION_NUMBER.reserved)
      continue;
    if (symbols.name(i) === "") continue;
    const place: NamedPlace = {
      address: symbols.value[i]!,
      size: symbols.size[i]!,
      rank: rank + (BINDING_RANK[symbols.binding[i]!] ?? 0),
      name: () => symbols.name(i),
    };
    places.push([section, place]);
  }
  return places;
}

/** Places by section number; all under 0 where addresses tell sections apart. */
function placesByRegion(
  file: ElfFile,
  places: readonly (readonly [section: number, place: NamedPlace])[],
): ReadonlyMap<number, NamedPlace[]> {
  const groups = new Map<number, NamedPlace[]>();
  for (const [section, place] of places) {
    const key = isRelocatable(file) ? section : 0;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [place]);
    else group.push(place);
  }
  return groups;
}

function sectionSymbols(section: ElfSection, places: ReadonlyMap<number, NamedPlace[]>): SymbolMap {
  return new SymbolMap([...(places.get(section.index) ?? []), ...bounds(section)]);
}

function sharedPlaces(
  file: ElfFile,
  places: ReadonlyMap<number, NamedPlace[]>,
  slots: ReadonlyMap<bigint, string>,
): NamedPlace[] {
  const isInMemory = ({ flags, type }: ElfSection): boolean =>
    type !== 0 && (flags & BigInt(ELF_SECTION_FLAG.allocated)) !== 0n;
  const sections = file.sections.filter(isInMemory);
  const ends =
    sections.length > 0
      ? sections.flatMap(bounds)
      : file.segments.flatMap(({ type, address, memorySize }, i) =>
          type === ELF_SEGMENT.load ? bounds({ name: `segment ${i}`, address, size: memorySize }) : [],
        );
  return [...(places.get(0) ?? []), ...pltEntries(file, slots), ...ends];
}

/** A section's own name where it begins, and no name where it ends: no address is named after something far below it. */
function bounds({ name, address, size }: { name: string; address: bigint; size: bigint }): NamedPlace[] {
  const end = address + size;
  if (size === 0n || end >= 1n << 64n) return [];
  return [
    { address, size, rank: PLACE_RANK.section, name: () => name },
    { address: end, size: 0n, rank: PLACE_RANK.gap, name: () => "" },
  ];
}
