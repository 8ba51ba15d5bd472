import {
  buildElf,
  type ElfSpec,
  type SymbolSpec,
  symbolTable,
  words,
} from "../../../packages/loaders/test/elf-image.ts";
import { programFile } from "./run-likex.ts";

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

/** A file with these bytes. */
export const fileOf = (bytes: Uint8Array): string => programFile(Buffer.from(bytes).toString("hex"));

const FUNCTION = 2;
const OBJECT = 1;
const CODE = 6;
const DATA = 3;

/** puts@plt; main, which calls it and helper and reads counter; helper, from the middle of whose code `inside` is named. */
const PLT = "ff 25 e2 2f 00 00 68 00 00 00 00 e9 e0 ff ff ff";
const MAIN = "e8 eb ff ff ff e8 07 00 00 00 8b 05 e0 1f 00 00 c3";
const HELPER = "31 c0 06 75 fc b8 c3 90 90 90 f4";

/** A dynamically linked 64-bit executable. */
export function executable64(changes: Partial<ElfSpec> & { readonly stripped?: boolean } = {}): Uint8Array {
  const symbols: SymbolSpec[] = [
    { name: "local_main", value: 0x1010n, type: 0, section: 2 },
    { name: "main", value: 0x1010n, size: 17, type: FUNCTION, binding: 1, section: 2 },
    { name: "helper", value: 0x1021n, size: 11, type: FUNCTION, binding: 0, section: 2 },
    { name: "inside", value: 0x1027n, type: 0, section: 2 },
    { name: "counter", value: 0x3000n, size: 4, type: OBJECT, binding: 1, section: 3 },
    { name: "helper.c", value: 0n, type: 4, section: 0xfff1 },
  ];
  const table = symbolTable(64, symbols);
  const imports = symbolTable(64, [{ name: "puts", value: 0n, type: FUNCTION, binding: 1, section: 0 }]);
  const relocations = words(64, [0x3fe8n, (1n << 32n) | 7n, 0n]);
  const at = { symbols: 0x5000n, strings: 0x6000n, relocations: 0x7000n, hash: 0x8000n };
  const tags = [4, at.hash, 5, at.strings, 6, at.symbols, 10, imports.strings.length];
  const pltTags = [23, at.relocations, 2, relocations.length, 20, 7, 0, 0];
  const allocated = (name: string, address: bigint, data: Uint8Array) => ({ name, type: 1, flags: 2, address, data });
  const symbolSections = [
    { name: ".symtab", type: 2, data: table.entries, link: ".strtab" },
    { name: ".strtab", type: 3, data: table.strings },
  ];
  return buildElf({
    bits: 64,
    type: 3,
    entry: 0x1010n,
    sections: [
      { name: ".plt", type: 1, flags: CODE, address: 0x1000n, data: bytesOf(PLT), entrySize: 16 },
      { name: ".text", type: 1, flags: CODE, address: 0x1010n, data: bytesOf(MAIN + HELPER) },
      { name: ".data", type: 1, flags: DATA, address: 0x3000n, data: bytesOf("c3 90 90 90") },
      { name: ".bss", type: 8, flags: DATA, address: 0x3100n, size: 16 },
      allocated(".dynamic", 0x4000n, words(64, [...tags, ...pltTags])),
      allocated(".dynsym", at.symbols, imports.entries),
      allocated(".dynstr", at.strings, imports.strings),
      allocated(".rela.plt", at.relocations, relocations),
      allocated(".hash", at.hash, words(32, [1, 2, 1, 0, 0])),
      ...(changes.stripped === true ? [] : symbolSections),
    ],
    segments: [
      { type: 1, flags: 5, section: ".text" },
      { type: 2, flags: 4, section: ".dynamic" },
      ...[".dynsym", ".dynstr", ".rela.plt", ".hash"].map((section) => ({ type: 1, flags: 4, section })),
    ],
    ...changes,
  });
}

/** A 32-bit executable that is not position-independent: it names its data by absolute addresses. */
export function executable32(): Uint8Array {
  const { entries, strings } = symbolTable(32, [
    { name: "_start", value: 0x804_9000n, type: FUNCTION, binding: 1, section: 1 },
    { name: "counter", value: 0x804_a000n, size: 4, type: OBJECT, binding: 1, section: 2 },
  ]);
  return buildElf({
    bits: 32,
    type: 2,
    entry: 0x804_9000n,
    sections: [
      // inc dword [counter]; mov al, [counter+2]; jmp _start
      {
        name: ".text",
        type: 1,
        flags: CODE,
        address: 0x804_9000n,
        data: bytesOf("ff 05 00 a0 04 08 a0 02 a0 04 08 eb f3"),
      },
      { name: ".data", type: 1, flags: DATA, address: 0x804_a000n, data: new Uint8Array(4) },
      { name: ".symtab", type: 2, data: entries, link: ".strtab" },
      { name: ".strtab", type: 3, data: strings },
    ],
  });
}

/** An object file with two code sections, both at 0, and relocations by symbol and by section. */
export function relocatable(): Uint8Array {
  const { entries, strings } = symbolTable(64, [
    { name: "", value: 0n, type: 3, section: 4 },
    { name: "first", value: 0n, type: FUNCTION, binding: 1, section: 1 },
    { name: "second", value: 0n, type: FUNCTION, binding: 1, section: 2 },
    { name: "puts", value: 0n, binding: 1, section: 0 },
  ]);
  return buildElf({
    bits: 64,
    type: 1,
    sections: [
      { name: ".text", type: 1, flags: CODE, data: bytesOf("48 8d 3d 00 00 00 00 e8 00 00 00 00 eb fe") },
      { name: ".text.unlikely", type: 1, flags: CODE, data: bytesOf("e8 00 00 00 00 64 48 8b 04 25 00 00 00 00") },
      {
        name: ".rela.text",
        type: 4,
        data: words(64, [3n, (1n << 32n) | 2n, -4n, 8n, (4n << 32n) | 4n, -4n]),
        info: 1,
        link: ".symtab",
      },
      { name: ".rodata", type: 1, flags: 2, data: bytesOf("68 69 00") },
      { name: ".symtab", type: 2, data: entries, link: ".strtab" },
      { name: ".strtab", type: 3, data: strings },
    ],
  });
}
