import { InvalidElfError } from "../errors.ts";
import { type ElfFile, elfBytes } from "./elf-file.ts";
import { ELF_SEGMENT } from "./elf-values.ts";

/** The dynamic linker's tables, as bytes; empty where the file has none. */
export interface ElfDynamicTables {
  readonly symbols: Uint8Array;
  readonly strings: Uint8Array;
  /** Relocations, those of the procedure linkage table first. */
  readonly relocations: readonly ElfRelocationTable[];
}

export interface ElfRelocationTable {
  readonly bytes: Uint8Array;
  /** Whether entries have an addend (RELA), or not (REL). */
  readonly hasAddends: boolean;
}

/** d_tag. */
const TAG = {
  null: 0,
  pltBytes: 2,
  hash: 4,
  strings: 5,
  symbols: 6,
  rela: 7,
  relaBytes: 8,
  stringBytes: 10,
  rel: 17,
  relBytes: 18,
  pltKind: 20,
  plt: 23,
  gnuHash: 0x6fff_fef5,
} as const;

const NONE: ElfDynamicTables = { symbols: new Uint8Array(0), strings: new Uint8Array(0), relocations: [] };

/** Finds the tables by PT_DYNAMIC, which needs no section headers. @throws InvalidElfError when they are not in the file. */
export function elfDynamicTables(file: ElfFile): ElfDynamicTables {
  const segment = file.segments.find(({ type }) => type === ELF_SEGMENT.dynamic);
  if (segment === undefined) return NONE;
  const values = readTags(file, elfBytes(file, segment));
  const value = (tag: number): bigint => values.get(tag) ?? 0n;
  const bytesAt = (what: string, tag: number, size: bigint): Uint8Array =>
    values.has(tag) && size > 0n
      ? file.contents.slice(what, offsetOf(file, what, value(tag)), size)
      : new Uint8Array(0);
  const is64 = file.addressBits === 64;
  const symbolBytes = BigInt(symbolCount(file, values)) * (is64 ? 24n : 16n);
  return {
    symbols: bytesAt("dynamic symbols", TAG.symbols, symbolBytes),
    strings: bytesAt("the names of dynamic symbols", TAG.strings, value(TAG.stringBytes)),
    relocations: [
      {
        bytes: bytesAt("PLT relocations", TAG.plt, value(TAG.pltBytes)),
        hasAddends: value(TAG.pltKind) === BigInt(TAG.rela),
      },
      { bytes: bytesAt("relocations", TAG.rela, value(TAG.relaBytes)), hasAddends: true },
      { bytes: bytesAt("relocations", TAG.rel, value(TAG.relBytes)), hasAddends: false },
    ],
  };
}

function readTags({ addressBits, contents }: ElfFile, bytes: Uint8Array): ReadonlyMap<number, bigint> {
  const is64 = addressBits === 64;
  const width = addressBits / 8;
  const first = bytes.byteOffset - contents.bytes.byteOffset;
  const values = new Map<number, bigint>();
  for (let at = first; at + 2 * width <= first + bytes.length; at += 2 * width) {
    const tag = Number(contents.word(at, is64));
    if (tag === TAG.null) break;
    values.set(tag, contents.word(at + width, is64));
  }
  return values;
}

/** Where the byte at a virtual address is in the file. */
function offsetOf(file: ElfFile, what: string, address: bigint): bigint {
  for (const segment of file.segments) {
    const distance = address - segment.address;
    if (segment.type === ELF_SEGMENT.load && distance >= 0n && distance < segment.fileSize) {
      return segment.offset + distance;
    }
  }
  throw new InvalidElfError(
    `The ELF file has ${what} at address 0x${address.toString(16)}, which no segment brings into memory. It is damaged.`,
  );
}

/** The symbol table states no size: the hash tables know the last symbol. */
function symbolCount(file: ElfFile, values: ReadonlyMap<number, bigint>): number {
  const { contents } = file;
  const hash = values.get(TAG.hash);
  if (hash !== undefined) {
    // nbucket, nchain; a chain entry for each symbol (gABI, Hash Table).
    const offset = offsetOf(file, "a hash table", hash);
    contents.check("a hash table", offset, 8n);
    return contents.u32(Number(offset) + 4);
  }
  const gnuHash = values.get(TAG.gnuHash);
  return gnuHash === undefined ? 0 : gnuSymbolCount(file, offsetOf(file, "a hash table", gnuHash));
}

/**
 * DT_GNU_HASH: number of buckets, first hashed symbol, words of the filter, a shift; filter, buckets, chains. The bucket
 * with the highest symbol leads into the last chain, whose end has bit 0 set.
 */
function gnuSymbolCount({ contents, addressBits }: ElfFile, start: bigint): number {
  contents.check("a hash table", start, 16n);
  const at = Number(start);
  const buckets = contents.u32(at);
  const firstHashed = contents.u32(at + 4);
  const firstBucket = start + 16n + BigInt(contents.u32(at + 8)) * BigInt(addressBits / 8);
  contents.check("a hash table's buckets", firstBucket, BigInt(buckets) * 4n);
  let last = 0;
  for (let i = 0; i < buckets; i++) last = Math.max(last, contents.u32(Number(firstBucket) + i * 4));
  if (last < firstHashed) return firstHashed;
  const chains = Number(firstBucket) + buckets * 4;
  for (; ; last++) {
    const entry = chains + (last - firstHashed) * 4;
    contents.check("a hash table's chains", BigInt(entry), 4n);
    if ((contents.u32(entry) & 1) === 1) return last + 1;
  }
}
