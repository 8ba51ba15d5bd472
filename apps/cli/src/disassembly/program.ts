import { SymbolMap } from "./symbol-map.ts";

export type Bits = 16 | 32 | 64;

/** A run of bytes to list. */
export interface CodeRegion {
  /** "section .text"; undefined for a flat program, which has only one. */
  readonly title: string | undefined;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** Names of what is at addresses in and around the region. */
  readonly symbols: SymbolMap;
  /** What the linker will put at addresses of a relocatable file: "R_X86_64_PLT32 puts-0x4". */
  relocations(): ReadonlyMap<bigint, string>;
}

/** What is to be listed. */
export interface ListedProgram {
  /** "elf64-x86-64"; undefined for a flat program. */
  readonly format: string | undefined;
  readonly bits: Bits;
  /** Digits of an address in a label. */
  readonly addressDigits: 8 | 16;
  /** Whether addresses are those at run time; in relocatable files they are not. */
  readonly isLinked: boolean;
  readonly regions: readonly CodeRegion[];
  /** Names of data that code refers to, by their exact address. */
  readonly slots: ReadonlyMap<bigint, string>;
}

/** Bytes at an address, without names. */
export function flatProgram(bytes: Uint8Array, address: bigint, bits: Bits): ListedProgram {
  const regions = [{ title: undefined, address, bytes, symbols: new SymbolMap([]), relocations: () => new Map() }];
  return { format: undefined, bits, addressDigits: 16, isLinked: true, regions, slots: new Map() };
}

/** The part of a region from one address up to another. */
export function clip(region: CodeRegion, start: bigint, stop: bigint): CodeRegion | undefined {
  const end = region.address + BigInt(region.bytes.length);
  const from = start > region.address ? start : region.address;
  const to = stop < end ? stop : end;
  if (from >= to) return undefined;
  const bytes = region.bytes.subarray(Number(from - region.address), Number(to - region.address));
  return { ...region, address: from, bytes };
}
