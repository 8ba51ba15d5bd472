import { type ElfFile, type ElfSegment, elfBytes, parseElf } from "./elf/elf-file.ts";
import { ELF_SEGMENT, ELF_TYPE } from "./elf/elf-values.ts";
import { InvalidElfError, NotBootableError } from "./errors.ts";
import type { GuestProgram, ProgramSegment, ProtectedModeEntry } from "./program.ts";

const FOUR_GIB = 0x1_0000_0000n;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Memory contents of a statically linked ELF file, and the guest-physical address of its first instruction. */
export interface ElfProgram {
  readonly segments: readonly ProgramSegment[];
  readonly entry: number;
}

/**
 * The PT_LOAD segments of a file at their physical addresses. The entry, which the header gives as a virtual address, is
 * moved with the segment that it is in.
 *
 * @throws NotBootableError, InvalidElfError.
 */
export function elfProgram(file: ElfFile): ElfProgram {
  if (file.type !== ELF_TYPE.executable && file.type !== ELF_TYPE.sharedObject) {
    throw new NotBootableError("The ELF file is no program: it is not linked yet, or a core dump. Link it first.");
  }
  const loaded = file.segments.filter(({ type, memorySize }) => type === ELF_SEGMENT.load && memorySize > 0n);
  if (loaded.length === 0) {
    throw new NotBootableError("The ELF file has no loadable segment, so nothing of it would be in memory.");
  }
  const segments = loaded.map((segment) => programSegment(file, segment));
  const home = loaded.find(({ address, memorySize }) => file.entry >= address && file.entry < address + memorySize);
  const entry = home === undefined ? file.entry : file.entry - home.address + home.physicalAddress;
  if (entry >= FOUR_GIB) {
    throw new NotBootableError(
      `The ELF file's entry ${hex(entry)} is at or above 4 GiB, where 32-bit protected mode cannot fetch. Link it lower.`,
    );
  }
  return { segments, entry: Number(entry) };
}

function programSegment(file: ElfFile, segment: ElfSegment): ProgramSegment {
  const { physicalAddress, fileSize, memorySize } = segment;
  if (fileSize > memorySize) {
    throw new InvalidElfError(
      `The ELF file has a segment of ${fileSize} bytes in the file and ${memorySize} in memory. It is damaged.`,
    );
  }
  if (physicalAddress + memorySize > FOUR_GIB) {
    throw new NotBootableError(
      `The ELF file has a segment at ${hex(physicalAddress)}, ${memorySize} bytes, that ends above 4 GiB. Link it lower.`,
    );
  }
  return { address: Number(physicalAddress), bytes: elfBytes(file, segment), memorySize: Number(memorySize) };
}

/**
 * An ELF program for 32- or 64-bit x86, entered in 32-bit protected mode with all general registers 0.
 *
 * @throws InvalidElfError, UnsupportedElfError, NotBootableError.
 */
export function loadElf(bytes: Uint8Array): GuestProgram<ProtectedModeEntry> {
  const { segments, entry } = elfProgram(parseElf(bytes));
  return { segments, entry: { mode: "protected", address: entry, eax: 0, ebx: 0 } };
}
