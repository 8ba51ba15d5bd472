import { parseElf } from "../elf/elf-file.ts";
import { type ElfProgram, elfProgram } from "../elf-program.ts";
import { InvalidMultibootError, NoRoomError } from "../errors.ts";
import type { GuestProgram, ProgramSegment, ProtectedModeEntry } from "../program.ts";
import { type AddressFields, MULTIBOOT_LOADER_MAGIC, type MultibootHeader, readMultibootHeader } from "./header.ts";
import { multibootInformation, type PlacedModule } from "./information.ts";
import { findRoom, type MemoryRange, usableMemory } from "./memory-map.ts";

/** A file that the program finds in memory beside itself. */
export interface MultibootModule {
  readonly bytes: Uint8Array;
  /** Text that comes with it. Default empty. */
  readonly commandLine?: string;
}

export interface MultibootOptions {
  /** The guest's memory: what the memory map lists, and where there is room. */
  readonly memory: readonly MemoryRange[];
  /** Default empty. */
  readonly commandLine?: string;
  readonly modules?: readonly MultibootModule[];
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/**
 * A multiboot 1 image (Multiboot Specification 0.6.96): ELF with 32- or 64-bit addresses, or any file whose header has
 * the address fields. Modules and the information structure are placed page-aligned behind the program.
 *
 * @throws InvalidMultibootError, UnsupportedMultibootError, NoRoomError, and as `loadElf` does.
 */
export function loadMultiboot(bytes: Uint8Array, options: MultibootOptions): GuestProgram<ProtectedModeEntry> {
  const { segments, entry } = loadImage(bytes, readMultibootHeader(bytes));
  const usable = usableMemory(options.memory);
  const beside: ProgramSegment[] = [];
  let end = Math.max(...segments.map(({ address, memorySize }) => address + memorySize));
  const findPlace = (what: string, length: number): number => {
    const address = findRoom(usable, end, length);
    if (address === undefined) {
      throw new NoRoomError(
        `The program ends at ${hex(end)}, and there is no room in memory for ${what} of ${length} bytes behind it. Give more memory.`,
      );
    }
    end = address + length;
    return address;
  };
  const add = (address: number, content: Uint8Array): void => {
    beside.push({ address, bytes: content, memorySize: content.length });
  };
  const modules = (options.modules ?? []).map((module): PlacedModule => {
    const start = findPlace("a module", module.bytes.length);
    add(start, module.bytes);
    return { start, end: start + module.bytes.length, commandLine: module.commandLine ?? "" };
  });
  const contents = { usable, commandLine: options.commandLine ?? "", modules };
  const ebx = findPlace("the boot information", multibootInformation(0, contents).length);
  add(ebx, multibootInformation(ebx, contents));
  return {
    segments: [...segments, ...beside],
    entry: { mode: "protected", address: entry, eax: MULTIBOOT_LOADER_MAGIC, ebx },
  };
}

function loadImage(bytes: Uint8Array, { offset, addresses }: MultibootHeader): ElfProgram {
  return addresses === undefined ? elfProgram(parseElf(bytes)) : loadByAddresses(bytes, offset, addresses);
}

function loadByAddresses(bytes: Uint8Array, offset: number, fields: AddressFields): ElfProgram {
  const { headerAddress, loadAddress, loadEndAddress, bssEndAddress, entryAddress } = fields;
  const start = offset - (headerAddress - loadAddress);
  const end = loadEndAddress === 0 ? bytes.length : start + (loadEndAddress - loadAddress);
  if (headerAddress < loadAddress || start < 0 || end <= start || end > bytes.length) {
    throw new InvalidMultibootError(
      `The image's multiboot header at offset ${hex(offset)} says address ${hex(headerAddress)} for itself and ${hex(loadAddress)} to ${hex(loadEndAddress)} for what is loaded, which does not fit the file of ${bytes.length} bytes. Correct the header.`,
    );
  }
  const size = end - start;
  const memorySize = bssEndAddress === 0 ? size : bssEndAddress - loadAddress;
  if (memorySize < size || loadAddress + memorySize > 2 ** 32) {
    throw new InvalidMultibootError(
      `The image's multiboot header says ${hex(bssEndAddress)} for the end of its memory, and ${size} bytes are loaded at ${hex(loadAddress)}. Correct the header.`,
    );
  }
  return { segments: [{ address: loadAddress, bytes: bytes.subarray(start, end), memorySize }], entry: entryAddress };
}
