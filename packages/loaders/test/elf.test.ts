import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ELF_SECTION,
  ELF_SEGMENT,
  ELF_SYMBOL_TYPE,
  ELF_TYPE,
  type ElfFile,
  elfBytes,
  InvalidElfError,
  isElf,
  LoaderError,
  parseElf,
  readElfDynamicRelocations,
  readElfDynamicSymbols,
  readElfRelocations,
  readElfSymbols,
  UnsupportedElfError,
} from "../src/index.ts";
import { buildElf, type ElfSpec, type SymbolSpec, symbolTable, words } from "./elf-image.ts";

const CODE = Uint8Array.of(0x31, 0xc0, 0xc3);
const BASE = { 32: 0x804_9000n, 64: 0xffff_ffff_8100_0000n } as const;

/** An executable with code, zeroed data, a symbol table and dynamic tables; every address is in one segment. */
function executable(bits: 32 | 64, changes: Partial<ElfSpec> = {}): Uint8Array {
  const base = BASE[bits];
  const symbols: SymbolSpec[] = [
    { name: "main", value: base, size: 3, type: ELF_SYMBOL_TYPE.function, binding: 1, section: 1 },
    { name: "zähler", value: base + 0x1000n, size: 4, type: ELF_SYMBOL_TYPE.object, section: 2 },
  ];
  const imports: SymbolSpec[] = [
    { name: "puts", value: 0n, type: ELF_SYMBOL_TYPE.function, binding: 1, section: 0 },
    { name: "exit", value: 0n, type: ELF_SYMBOL_TYPE.function, binding: 1, section: 0 },
  ];
  const table = symbolTable(bits, symbols);
  const dynamic = symbolTable(bits, imports);
  // r_offset, r_info and, in 64-bit files, r_addend.
  const relocations =
    bits === 64 ? [base + 0x3000n, (1n << 32n) | 7n, 0n, base + 0x3008n, 37n, base] : [base + 0x3000n, (2n << 8n) | 7n];
  const relocationBytes = words(bits, relocations);
  // One bucket that ends at symbol 2: nbucket, nchain, the bucket, the chains.
  const hash = words(32, [1, 3, 1, 0, 2, 0]);
  const at = { symbols: base + 0x4000n, strings: base + 0x5000n, relocations: base + 0x6000n, hash: base + 0x7000n };
  const tags = [
    [4, at.hash],
    [5, at.strings],
    [6, at.symbols],
    [10, dynamic.strings.length],
    [23, at.relocations],
    [2, relocationBytes.length],
    [20, bits === 64 ? 7 : 17],
    [0, 0],
  ].flat();
  const allocated = (name: string, address: bigint, data: Uint8Array) => ({ name, type: 1, flags: 2, address, data });
  return buildElf({
    bits,
    type: ELF_TYPE.executable,
    entry: base,
    sections: [
      { name: ".text", type: 1, flags: 6, address: base, data: CODE },
      { name: ".bss", type: ELF_SECTION.noBits, flags: 3, address: base + 0x1000n, size: 64 },
      { name: ".symtab", type: ELF_SECTION.symbols, data: table.entries, link: ".strtab", entrySize: 24 },
      { name: ".strtab", type: ELF_SECTION.strings, data: table.strings },
      allocated(".dynamic", base + 0x2000n, words(bits, tags)),
      allocated(".dynsym", at.symbols, dynamic.entries),
      allocated(".dynstr", at.strings, dynamic.strings),
      allocated(".rel.plt", at.relocations, relocationBytes),
      allocated(".hash", at.hash, hash),
    ],
    segments: [
      { type: ELF_SEGMENT.load, flags: 5, section: ".text" },
      { type: ELF_SEGMENT.load, flags: 6, section: ".bss" },
      { type: ELF_SEGMENT.dynamic, flags: 6, section: ".dynamic" },
      ...[".dynsym", ".dynstr", ".rel.plt", ".hash"].map((section) => ({ type: ELF_SEGMENT.load, flags: 4, section })),
    ],
    ...changes,
  });
}

/** Everything that there is to read in a file. */
function readAll(bytes: Uint8Array): void {
  const file = parseElf(bytes);
  for (const part of [...file.sections, ...file.segments]) {
    if (part.type !== 0) attempt(() => elfBytes(file, part));
    if ("index" in part) attempt(() => readElfRelocations(file, part));
  }
  for (const read of [readElfSymbols, readElfDynamicSymbols]) {
    attempt(() => {
      const symbols = read(file);
      for (let i = 0; i < Math.min(symbols.count, 100); i++) symbols.name(i);
    });
  }
  attempt(() => readElfDynamicRelocations(file));
}

/** Only the package's own errors are an answer. */
function attempt(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
    expect(error.message).toMatch(/^The .*\. (It is|Get|Give|.*copy)/);
  }
}

describe.each([32, 64] as const)("an ELF file of %i bits", (bits) => {
  const file: ElfFile = parseElf(executable(bits));
  const base = BASE[bits];

  it("has the header's fields", () => {
    expect(file).toMatchObject({ addressBits: bits, type: ELF_TYPE.executable, entry: base });
    expect(file.machine).toBe(bits === 64 ? 62 : 3);
  });

  it("has sections with names, addresses and bytes", () => {
    expect(file.sections.map(({ name }) => name).slice(0, 5)).toEqual(["", ".text", ".bss", ".symtab", ".strtab"]);
    const [, text, bss] = file.sections;
    expect(text).toMatchObject({ address: base, size: 3n, flags: 6n });
    expect(elfBytes(file, text!)).toEqual(CODE);
    expect(bss).toMatchObject({ size: 64n });
    expect(elfBytes(file, bss!)).toEqual(new Uint8Array(0));
  });

  it("has segments with sizes in the file and in memory", () => {
    expect(file.segments[0]).toMatchObject({ type: 1, flags: 5, address: base, fileSize: 3n, memorySize: 3n });
    expect(file.segments[1]).toMatchObject({ fileSize: 0n, memorySize: 64n });
    expect(elfBytes(file, file.segments[0]!)).toEqual(CODE);
  });

  it("has symbols, the null symbol first", () => {
    const symbols = readElfSymbols(file);
    expect(symbols.count).toBe(3);
    expect([0, 1, 2, 3].map((i) => symbols.name(i))).toEqual(["", "main", "zähler", ""]);
    expect([...symbols.value]).toEqual([0n, base, base + 0x1000n]);
    expect([...symbols.size]).toEqual([0n, 3n, 4n]);
    expect([...symbols.type]).toEqual([0, 2, 1]);
    expect([...symbols.binding]).toEqual([0, 1, 0]);
    expect([...symbols.section]).toEqual([0, 1, 2]);
  });

  it("has dynamic symbols and relocations, with and without section headers", () => {
    const relocation = { address: base + 0x3000n, type: 7, addend: 0n };
    const indirect = { address: base + 0x3008n, symbol: 0, type: 37, addend: BigInt.asIntN(64, base) };
    for (const sectionHeaders of [undefined, "none"] as const) {
      const bytes = executable(bits, sectionHeaders === undefined ? {} : { sectionHeaders });
      const read = parseElf(bytes);
      expect(read.sections.length > 0).toBe(sectionHeaders === undefined);
      const symbols = readElfDynamicSymbols(read);
      expect([0, 1, 2].map((i) => symbols.name(i))).toEqual(["", "puts", "exit"]);
      expect(readElfDynamicRelocations(read)).toEqual(
        bits === 64 ? [{ ...relocation, symbol: 1 }, indirect] : [{ ...relocation, symbol: 2 }],
      );
    }
  });

  it("is read from the middle of a larger buffer", () => {
    const bytes = executable(bits);
    const buffer = new Uint8Array(bytes.length + 13);
    buffer.set(bytes, 13);
    const inside = parseElf(buffer.subarray(13));
    expect(readElfSymbols(inside).name(1)).toBe("main");
    expect(readElfDynamicRelocations(inside)).toEqual(readElfDynamicRelocations(file));
  });

  it("that ends early gives an error of this package, wherever it ends", () => {
    const bytes = executable(bits);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseElf(bytes.subarray(0, length))).toThrow(InvalidElfError);
    }
    const withoutSections = executable(bits, { sectionHeaders: "none" });
    for (let length = 0; length < withoutSections.length; length += 7) {
      attempt(() => readAll(withoutSections.subarray(0, length)));
    }
  });

  it("with any bytes changed gives a result or an error of this package", () => {
    const bytes = executable(bits);
    const place = fc.nat({ max: bytes.length - 1 });
    const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 12 }), (changes) => {
        const changed = bytes.slice();
        for (const [at, to] of changes) changed[at] = to;
        attempt(() => readAll(changed));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("parseElf", () => {
  it("takes any bytes", () => {
    const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, withMagic) => {
        if (withMagic && bytes.length > 64) {
          bytes.set(magic);
          bytes.set([62, 0], 18);
        }
        attempt(() => readAll(bytes));
      }),
    );
  });

  it.each([
    ["bytes that are no ELF file", 0, [0x4d, 0x5a], InvalidElfError, /does not begin as ELF files do/],
    ["a class that is none", 4, [3], InvalidElfError, /class 3 and version 1/],
    ["big-endian files", 5, [2], UnsupportedElfError, /not little-endian/],
    ["files for another processor", 18, [183, 0], UnsupportedElfError, /is for AArch64 \(e_machine 183\)/],
    [
      "program headers that are too small",
      54,
      [8, 0],
      InvalidElfError,
      /program headers of 8 bytes each, fewer than 56/,
    ],
    ["program headers outside of the file", 32, [0, 0, 0, 0, 0, 0, 0, 0x80], InvalidElfError, /truncated or damaged/],
    [
      "section headers outside of the file",
      40,
      [0xff, 0xff, 0xff],
      InvalidElfError,
      /section headers at offset 0xffffff/,
    ],
  ] as const)("refuses %s", (_, offset, patch, error, message) => {
    const bytes = executable(64);
    bytes.set(patch, offset);
    expect(() => parseElf(bytes)).toThrow(error);
    expect(() => parseElf(bytes)).toThrow(message);
  });

  it("refuses section names that would take more memory than any file has", () => {
    const long = new Uint8Array(0x1_0000).fill(0x61);
    const sections = Array.from({ length: 1100 }, () => ({ name: "x", type: 1 }));
    const bytes = buildElf({ bits: 64, type: 1, sections: [...sections, { name: "y", type: 3, data: long }] });
    // All names come from the long string: e_shstrndx names it, and each section has its beginning.
    const view = new DataView(bytes.buffer);
    view.setUint16(62, 1101, true);
    expect(() => parseElf(bytes)).toThrow(/more than 2\^26 letters/);
  });

  it("keeps an error's message on one line, whatever a section's name is", () => {
    const bytes = buildElf({ bits: 64, type: 1, sections: [{ name: "\n\u001b[2J", type: 1, data: CODE }] });
    const view = new DataView(bytes.buffer);
    view.setBigUint64(Number(view.getBigUint64(40, true)) + 64 + 24, 0x1000n, true);
    const file = parseElf(bytes);
    expect(() => elfBytes(file, file.sections[1]!)).toThrow(
      /^The ELF file has section 1 \("\\n\\u001b\[2J"\) at offset/,
    );
  });

  it("takes more sections than 16 bits can count", () => {
    const count = 0xff10;
    const sections = Array.from({ length: count }, () => ({ name: "s", type: 1 }));
    const bytes = buildElf({ bits: 64, type: 1, sections });
    const view = new DataView(bytes.buffer);
    const headers = Number(view.getBigUint64(40, true));
    view.setUint16(60, 0, true);
    view.setUint16(62, 0xffff, true);
    view.setBigUint64(headers + 32, BigInt(count + 2), true);
    view.setUint32(headers + 40, count + 1, true);
    const file = parseElf(bytes);
    expect(file.sections).toHaveLength(count + 2);
    expect(file.sections[count]?.name).toBe("s");
  });
});

describe("readElfDynamicSymbols", () => {
  it("counts them by the GNU hash table where there is no other", () => {
    const base = 0x1000n;
    const { entries, strings } = symbolTable(64, [
      { name: "imported", value: 0n, section: 0 },
      { name: "first", value: 1n, section: 1 },
      { name: "second", value: 2n, section: 1 },
      { name: "behind", value: 3n, section: 1 },
    ]);
    // 2 buckets, hashed from symbol 2 on, a filter of one word, a shift; buckets; the chain of symbols 2 and 3 ends with bit 0.
    const hash = words(32, [2, 2, 1, 6, 0, 0, 0, 2, 0x10, 0x21, 0x31]);
    const section = (name: string, address: bigint, data: Uint8Array) => ({ name, type: 1, flags: 2, address, data });
    const tags = [0x6fff_fef5, base, 6, base + 0x1000n, 5, base + 0x2000n, 10, strings.length, 0, 0];
    const bytes = buildElf({
      bits: 64,
      type: ELF_TYPE.sharedObject,
      sections: [
        section("hash", base, hash),
        section("symbols", base + 0x1000n, entries),
        section("strings", base + 0x2000n, strings),
        section("dynamic", base + 0x3000n, words(64, tags)),
      ],
      segments: [
        ...["hash", "symbols", "strings"].map((name) => ({ type: ELF_SEGMENT.load, flags: 4, section: name })),
        { type: ELF_SEGMENT.dynamic, flags: 4, section: "dynamic" },
      ],
    });
    const symbols = readElfDynamicSymbols(parseElf(bytes));
    expect(symbols.count).toBe(4);
    expect([1, 2, 3].map((i) => symbols.name(i))).toEqual(["imported", "first", "second"]);
  });
});

describe("readElfRelocations", () => {
  it.each([
    [64, 4, [1n, (2n << 32n) | 4n, -4n], { symbol: 2, type: 4, addend: -4n }],
    [32, 9, [1n, (2n << 8n) | 4n], { symbol: 2, type: 4, addend: 0n }],
  ] as const)("reads a section of a file of %i bits", (bits, type, values, relocation) => {
    const bytes = buildElf({
      bits,
      type: ELF_TYPE.relocatable,
      sections: [
        { name: ".text", type: 1, flags: 6, data: CODE },
        { name: ".rel.text", type, data: words(bits, values), info: 1 },
      ],
    });
    const file = parseElf(bytes);
    expect(readElfRelocations(file, file.sections[2]!)).toEqual([{ address: 1n, ...relocation }]);
  });
});

describe("isElf", () => {
  it("looks at the first four bytes", () => {
    expect(isElf(executable(32))).toBe(true);
    expect(isElf(CODE)).toBe(false);
    expect(isElf(new Uint8Array(0))).toBe(false);
  });
});
