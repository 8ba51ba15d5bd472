import { isElf, parseElf } from "@likex/loaders";
import { BUILTIN_PROGRAM } from "../builtin-program.ts";
import { elfProgram } from "../disassembly/elf-program.ts";
import { type Bits, type CodeRegion, clip, flatProgram, type ListedProgram } from "../disassembly/program.ts";
import type { NamedPlace } from "../disassembly/symbol-map.ts";
import type { Syntax } from "../disassembly/syntax.ts";
import { CliError, UsageError } from "../errors.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { readProgramFile } from "../input/program-file.ts";
import { printable } from "../printable.ts";

/** The options of `likex disasm` as parsed. */
export interface DisasmFlags {
  readonly format: "auto" | "elf" | "flat";
  readonly bits?: "16" | "32" | "64";
  readonly syntax: Syntax;
  readonly hex?: readonly Uint8Array[];
  readonly base?: bigint;
  readonly section?: readonly string[];
  readonly symbol?: readonly string[];
  readonly start?: bigint;
  readonly stop?: bigint;
  readonly count: number;
  readonly json?: boolean;
  readonly color: "auto" | "always" | "never";
}

const LARGEST_FILE = 1 << 30;
/** Above all addresses, also those of a region that goes on at 0 behind the end of the address space. */
const ADDRESS_END = 1n << 65n;

/**
 * What the arguments ask to list.
 *
 * @throws CliError, and InvalidElfError or UnsupportedElfError for an ELF file that cannot be read.
 */
export function listedProgram(
  file: string | undefined,
  flags: DisasmFlags,
  warn: (message: string) => void,
): ListedProgram {
  const program = wholeProgram(file, flags, warn);
  const regions = selected(program.regions, flags);
  const bits = flags.bits === undefined ? program.bits : (Number(flags.bits) as Bits);
  return { ...program, bits, regions };
}

function wholeProgram(
  file: string | undefined,
  { format, hex, base, section, symbol }: DisasmFlags,
  warn: (message: string) => void,
): ListedProgram {
  if (file !== undefined && hex !== undefined) {
    throw new UsageError("Both a file and --hex are given. Give one of them.");
  }
  const bytes = hex === undefined ? fileBytes(file) : Uint8Array.from(hex.flatMap((part) => [...part]));
  if (format === "elf" || (format === "auto" && isElf(bytes))) {
    if (base !== undefined) {
      throw new UsageError("An ELF file says itself where it is. Drop --base, or list its bytes with --format flat.");
    }
    return elfProgram(parseElf(bytes), { sections: section ?? [], warn });
  }
  if (section !== undefined || symbol !== undefined) {
    const option = section === undefined ? "--symbol" : "--section";
    throw new UsageError(`${option} needs an ELF file. Give one, or use --start and --stop.`);
  }
  return flatProgram(bytes, base ?? 0n, hex === undefined ? 16 : 64);
}

function fileBytes(file: string | undefined): Uint8Array {
  if (file === undefined) return BUILTIN_PROGRAM.bytes;
  return readProgramFile(file, LARGEST_FILE, { message: "the 1 GiB that can be listed.", exitCode: EXIT_CODE.file });
}

/** The parts of the regions that --symbol, --start and --stop leave. */
function selected(regions: readonly CodeRegion[], { symbol, start, stop }: DisasmFlags): CodeRegion[] {
  if (start !== undefined && stop !== undefined && start >= stop) {
    throw new UsageError(`--start ${hexadecimal(start)} is not below --stop ${hexadecimal(stop)}.`);
  }
  const chosen = symbol === undefined ? regions : symbol.flatMap((name) => symbolRegions(regions, name));
  const parts = chosen.flatMap((region) => clip(region, start ?? 0n, stop ?? ADDRESS_END) ?? []);
  if (parts.length === 0) {
    const ranges = chosen.map((region) => `${hexadecimal(region.address)} to ${hexadecimal(endOf(region))}`);
    throw new CliError(
      `Nothing to list is in the range of --start and --stop. There is ${ranges.slice(0, 8).join(", ")}${ranges.length > 8 ? ", ..." : ""}.`,
      EXIT_CODE.notFound,
    );
  }
  return parts;
}

const hexadecimal = (value: bigint): string => `0x${value.toString(16)}`;
const endOf = ({ address, bytes }: CodeRegion): bigint => address + BigInt(bytes.length);

const MOST_SUGGESTIONS = 5;

function symbolRegions(regions: readonly CodeRegion[], name: string): CodeRegion[] {
  const maps = new Set(regions.map(({ symbols }) => symbols));
  const places = new Map([...maps].map((symbols) => [symbols, symbols.named(name)]));
  const found = regions.flatMap((region) =>
    (places.get(region.symbols) ?? []).flatMap((place) => {
      const end = endOfPlace(region, place);
      return place.address < region.address ? [] : (clip(region, place.address, end) ?? []);
    }),
  );
  if (found.length > 0) return found;
  const similar = new Set([...maps].flatMap((symbols) => symbols.similar(name, MOST_SUGGESTIONS)));
  const suggestions = [...similar].slice(0, MOST_SUGGESTIONS).map(printable);
  throw new CliError(
    `There is no code named "${name}".${suggestions.length === 0 ? "" : ` There are ${suggestions.join(", ")}.`}`,
    EXIT_CODE.notFound,
  );
}

/** Behind a symbol of unknown size comes the next one. */
function endOfPlace({ symbols }: CodeRegion, { address, size }: NamedPlace): bigint {
  if (size > 0n) return address + size;
  return symbols.place(symbols.firstFrom(address + 1n))?.address ?? ADDRESS_END;
}
