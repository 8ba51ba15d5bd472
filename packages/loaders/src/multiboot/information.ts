import { lowerKib, type MemoryRange, memoryMapEntries, upperKib } from "./memory-map.ts";

/** Where a boot module lies. */
export interface PlacedModule {
  readonly start: number;
  /** Address behind its last byte. */
  readonly end: number;
  readonly commandLine: string;
}

/** What the information structure says. */
export interface InformationContents {
  readonly usable: readonly MemoryRange[];
  readonly commandLine: string;
  readonly modules: readonly PlacedModule[];
}

/** Bits of `flags`: which fields are valid (Multiboot Specification 0.6.96, 3.3). */
const FLAG = { memory: 1 << 0, commandLine: 1 << 2, modules: 1 << 3, memoryMap: 1 << 6, loaderName: 1 << 9 } as const;

/** Offsets of the fields. */
const FIELD = {
  flags: 0,
  memLower: 4,
  memUpper: 8,
  commandLine: 16,
  modulesCount: 20,
  modulesAddress: 24,
  memoryMapLength: 44,
  memoryMapAddress: 48,
  loaderName: 64,
} as const;
/** The structure to the end of its last field of this version, the framebuffer's. */
const STRUCTURE_BYTES = 116;
const MODULE_BYTES = 16;

const text = (string: string): Uint8Array => new TextEncoder().encode(`${string}\0`);

/**
 * The multiboot information structure with all that it points to, for one place in memory: its length does not depend on
 * the address.
 */
export function multibootInformation(
  address: number,
  { usable, commandLine, modules }: InformationContents,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let end = STRUCTURE_BYTES;
  const place = (part: Uint8Array): number => {
    const at = Math.ceil(end / 4) * 4;
    parts.push(new Uint8Array(at - end), part);
    end = at + part.length;
    return address + at;
  };
  const structure = new Uint8Array(STRUCTURE_BYTES);
  const fields = new DataView(structure.buffer);
  const set = (field: number, value: number): void => fields.setUint32(field, value, true);
  const map = memoryMapEntries(usable);
  set(FIELD.flags, FLAG.memory | FLAG.commandLine | FLAG.modules | FLAG.memoryMap | FLAG.loaderName);
  set(FIELD.memLower, lowerKib(usable));
  set(FIELD.memUpper, upperKib(usable));
  set(FIELD.memoryMapAddress, place(map));
  set(FIELD.memoryMapLength, map.length);
  const table = new Uint8Array(modules.length * MODULE_BYTES);
  const entries = new DataView(table.buffer);
  set(FIELD.modulesAddress, place(table));
  set(FIELD.modulesCount, modules.length);
  for (const [index, module] of modules.entries()) {
    entries.setUint32(index * MODULE_BYTES, module.start, true);
    entries.setUint32(index * MODULE_BYTES + 4, module.end, true);
    entries.setUint32(index * MODULE_BYTES + 8, place(text(module.commandLine)), true);
  }
  set(FIELD.commandLine, place(text(commandLine)));
  set(FIELD.loaderName, place(text("LiKeX")));
  const bytes = new Uint8Array(end);
  let at = 0;
  for (const part of [structure, ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
