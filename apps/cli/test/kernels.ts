import { writeFileSync } from "node:fs";
import { scratchFile } from "./run-likex.ts";

const MIB = 1 << 20;

/** A multiboot image that is loaded at 1 MiB and starts with these bytes of 32-bit code, in hexadecimal. */
export function kernelFile(hex: string): string {
  const words = [0x1bad_b002, 0x1_0000, -(0x1bad_b002 + 0x1_0000), MIB, MIB, 0, 0, MIB + 32];
  const header = Buffer.alloc(32);
  for (const [index, word] of words.entries()) header.writeUInt32LE(word >>> 0, index * 4);
  const path = scratchFile("kernel.elf");
  writeFileSync(path, Buffer.concat([header, Buffer.from(hex.replaceAll(" ", ""), "hex")]));
  return path;
}

/** An ELF file for the i386 with one segment at 0x8000, which is code. */
export function elfFile(hex: string): string {
  const code = Buffer.from(hex.replaceAll(" ", ""), "hex");
  const head = Buffer.alloc(84);
  head.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  for (const [at, value] of [
    [16, 2],
    [18, 3],
    [42, 32],
    [44, 1],
  ] as const)
    head.writeUInt16LE(value, at);
  const { length } = code;
  for (const [at, value] of [
    [24, 0x8000],
    [28, 52],
    [52, 1],
    [56, 84],
    [60, 0x8000],
    [64, 0x8000],
  ] as const) {
    head.writeUInt32LE(value, at);
  }
  head.writeUInt32LE(length, 68);
  head.writeUInt32LE(length, 72);
  const path = scratchFile("program.elf");
  writeFileSync(path, Buffer.concat([head, code]));
  return path;
}
