import {
  ELF_MACHINE,
  ELF_SECTION,
  type ElfFile,
  type ElfSection,
  elfBytes,
  InvalidElfError,
  readElfDynamicRelocations,
  readElfDynamicSymbols,
} from "@likex/loaders";
import { createInstructionRows, decodeBatch, FORMS } from "@likex/x86-decoder";
import { memoryAddress } from "./references.ts";
import { type NamedPlace, PLACE_RANK } from "./symbol-map.ts";

/** Bytes of an entry where the section does not say. */
const USUAL_ENTRY = 16n;
/** Entries are 8 or 16 bytes; what else a file says is not believed. */
const ENTRY_SIZES: ReadonlySet<bigint> = new Set([8n, 16n]);

/** Relocation types whose value a function gives (System V psABI: ifunc). */
const R_X86_64_IRELATIVE = 37;
const R_386_IRELATIVE = 42;

/** What the dynamic linker fills in with the address of a symbol: the symbol's name by the address of the place. */
export function readSlots(file: ElfFile): ReadonlyMap<bigint, string> {
  const symbols = readElfDynamicSymbols(file);
  const slots = new Map<bigint, string>();
  const isIndirect = file.machine === ELF_MACHINE.x86_64 ? R_X86_64_IRELATIVE : R_386_IRELATIVE;
  for (const { address, symbol, type, addend } of readElfDynamicRelocations(file)) {
    // The address of what a function returns that is called at the start: it has no name, only the function's address.
    const resolver = type === isIndirect ? `*ABS*+0x${BigInt.asUintN(64, addend).toString(16)}` : "";
    const name = symbol === 0 ? resolver : symbols.name(symbol);
    if (name !== "" && !slots.has(address)) slots.set(address, `${name}@got`);
  }
  return slots;
}

/** Entries of the procedure linkage tables: each jumps through a slot, whose name it has. */
export function pltEntries(file: ElfFile, slots: ReadonlyMap<bigint, string>): NamedPlace[] {
  if (slots.size === 0) return [];
  const got =
    file.sections.find(({ name }) => name === ".got.plt") ?? file.sections.find(({ name }) => name === ".got");
  return file.sections
    .filter(({ name, type }) => name.startsWith(".plt") && type !== ELF_SECTION.noBits)
    .flatMap((section) => entriesOf(file, section, slots, got?.address ?? 0n));
}

function entriesOf(
  file: ElfFile,
  section: ElfSection,
  slots: ReadonlyMap<bigint, string>,
  gotAddress: bigint,
): NamedPlace[] {
  const bytes = bytesOf(file, section);
  const bits = file.machine === ELF_MACHINE.x86_64 ? 64 : 32;
  const size = ENTRY_SIZES.has(section.entrySize) ? section.entrySize : USUAL_ENTRY;
  const rows = createInstructionRows(bytes.length || 1);
  const count = decodeBatch(bytes, 0, bytes.length, bits, rows);
  const places: NamedPlace[] = [];
  for (let i = 0; i < count; i++) {
    if (FORMS[rows.form[i]!]?.flow !== "indirect-jump") continue;
    // Position-independent 32-bit code addresses slots by EBX, which points at the table of them.
    const slot = memoryAddress(rows, i, section.address, gotAddress);
    const name = slot === undefined ? undefined : slots.get(slot)?.replace(/@got$/, "@plt");
    if (name === undefined) continue;
    const offset = BigInt(rows.offset[i]!);
    places.push({
      address: section.address + offset - (offset % size),
      size,
      rank: PLACE_RANK.pltEntry,
      name: () => name,
    });
  }
  return places;
}

function bytesOf(file: ElfFile, section: ElfSection): Uint8Array {
  try {
    return elfBytes(file, section);
  } catch (error) {
    if (error instanceof InvalidElfError) return new Uint8Array(0);
    throw error;
  }
}
