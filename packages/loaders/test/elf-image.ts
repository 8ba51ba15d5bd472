/** Builds small ELF files for tests, field by field (System V gABI, chapter 4). */

export interface SectionSpec {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly address?: bigint;
  readonly data?: Uint8Array;
  /** Bytes in memory when there are none in the file. */
  readonly size?: number;
  /** Name of the section that sh_link names. */
  readonly link?: string;
  readonly info?: number;
  readonly entrySize?: number;
}

export interface SegmentSpec {
  readonly type: number;
  readonly flags: number;
  /** The section whose bytes it is; its address is the segment's. */
  readonly section: string;
}

export interface ElfSpec {
  readonly bits: 32 | 64;
  readonly machine?: number;
  readonly type: number;
  readonly entry?: bigint;
  readonly sections: readonly SectionSpec[];
  readonly segments?: readonly SegmentSpec[];
  /** "none": as a file that was stripped of them. */
  readonly sectionHeaders?: "none";
}

export interface SymbolSpec {
  readonly name: string;
  readonly value: bigint;
  readonly size?: number;
  readonly type?: number;
  readonly binding?: number;
  readonly section: number;
}

/** A growing buffer of little-endian numbers. */
class Writer {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  number(value: bigint | number, size: number): this {
    for (let i = 0, rest = BigInt.asUintN(64, BigInt(value)); i < size; i++, rest >>= 8n) {
      this.#bytes.push(Number(rest & 0xffn));
    }
    return this;
  }

  bytes(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  align(to: number): this {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** A string table, and where each string is in it. */
export function stringTable(names: readonly string[]): { data: Uint8Array; offset: (name: string) => number } {
  const offsets = new Map<string, number>([["", 0]]);
  const writer = new Writer().number(0, 1);
  for (const name of names) {
    if (offsets.has(name)) continue;
    offsets.set(name, writer.length);
    writer.bytes(new TextEncoder().encode(name)).number(0, 1);
  }
  return { data: writer.finish(), offset: (name) => offsets.get(name) ?? 0 };
}

/** The bytes of .symtab or .dynsym, with the null symbol, and of its strings. */
export function symbolTable(
  bits: 32 | 64,
  symbols: readonly SymbolSpec[],
): { readonly entries: Uint8Array; readonly strings: Uint8Array } {
  const { data, offset } = stringTable(symbols.map(({ name }) => name));
  const writer = new Writer().bytes(new Uint8Array(bits === 64 ? 24 : 16));
  for (const { name, value, size = 0, type = 0, binding = 0, section } of symbols) {
    writer.number(offset(name), 4);
    if (bits === 64) {
      writer
        .number((binding << 4) | type, 1)
        .number(0, 1)
        .number(section, 2)
        .number(value, 8)
        .number(size, 8);
    } else {
      writer
        .number(value, 4)
        .number(size, 4)
        .number((binding << 4) | type, 1)
        .number(0, 1)
        .number(section, 2);
    }
  }
  return { entries: writer.finish(), strings: data };
}

/** Numbers of `bits` bits each, as relocations, dynamic tags and hash tables consist of. */
export function words(bits: 32 | 64, values: readonly (bigint | number)[]): Uint8Array {
  const writer = new Writer();
  for (const value of values) writer.number(value, bits / 8);
  return writer.finish();
}

export function buildElf(spec: ElfSpec): Uint8Array {
  const { bits, type, entry = 0n, segments = [], sectionHeaders } = spec;
  const machine = spec.machine ?? (bits === 64 ? 62 : 3);
  const word = bits / 8;
  const headerBytes = bits === 64 ? 64 : 52;
  const segmentBytes = bits === 64 ? 56 : 32;
  const sectionBytes = bits === 64 ? 64 : 40;
  const names = stringTable([...spec.sections.map(({ name }) => name), ".shstrtab"]);
  const sections: readonly SectionSpec[] = [
    { name: "", type: 0 },
    ...spec.sections,
    { name: ".shstrtab", type: 3, data: names.data },
  ];

  const contents = new Writer().bytes(new Uint8Array(headerBytes + segmentBytes * segments.length));
  const offsets = sections.map(({ data, type: sectionType }) => {
    contents.align(16);
    const offset = sectionType === 0 ? 0 : contents.length;
    contents.bytes(data ?? []);
    return offset;
  });
  contents.align(8);
  const headersAt = contents.length;
  const sizeOf = ({ data, size = 0 }: SectionSpec): number => data?.length ?? size;
  if (sectionHeaders !== "none") {
    sections.forEach((section, i) => {
      contents
        .number(names.offset(section.name), 4)
        .number(section.type, 4)
        .number(section.flags ?? 0, word);
      contents
        .number(section.address ?? 0n, word)
        .number(offsets[i] ?? 0, word)
        .number(sizeOf(section), word);
      contents.number(section.link === undefined ? 0 : sections.findIndex(({ name }) => name === section.link), 4);
      contents
        .number(section.info ?? 0, 4)
        .number(1, word)
        .number(section.entrySize ?? 0, word);
    });
  }

  const head = new Writer().bytes([0x7f, 0x45, 0x4c, 0x46, bits / 32, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.number(type, 2).number(machine, 2).number(1, 4).number(entry, word);
  head.number(segments.length === 0 ? 0 : headerBytes, word);
  head
    .number(sectionHeaders === "none" ? 0 : headersAt, word)
    .number(0, 4)
    .number(headerBytes, 2);
  head.number(segmentBytes, 2).number(segments.length, 2).number(sectionBytes, 2);
  head.number(sectionHeaders === "none" ? 0 : sections.length, 2);
  head.number(sectionHeaders === "none" ? 0 : sections.length - 1, 2);
  for (const segment of segments) {
    const i = sections.findIndex(({ name }) => name === segment.section);
    const section = sections[i]!;
    const address = section.address ?? 0n;
    head.number(segment.type, 4);
    if (bits === 64) head.number(segment.flags, 4);
    head.number(offsets[i]!, word).number(address, word).number(address, word);
    head.number(section.data?.length ?? 0, word).number(sizeOf(section), word);
    if (bits === 32) head.number(segment.flags, 4);
    head.number(1, word);
  }
  const bytes = contents.finish();
  bytes.set(head.finish());
  return bytes;
}
