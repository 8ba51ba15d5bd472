import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const pathOf = (file: string): string => fileURLToPath(new URL(`../programs/${file}`, import.meta.url));

export const sourcePath = (name: string): string => pathOf(`${name}.asm`);
export const hexPath = (name: string): string => pathOf(`${name}.hex`);

/** The committed bytes of a program. */
export function programBytes(name: string): Uint8Array {
  const pairs = readFileSync(hexPath(name), "utf8").match(/[0-9a-f]{2}/g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

const BYTES_PER_LINE = 16;

/** Bytes as `programs/*.hex` has them. */
export function formatHex(bytes: Uint8Array): string {
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  let text = "";
  for (let at = 0; at < pairs.length; at += BYTES_PER_LINE)
    text += `${pairs.slice(at, at + BYTES_PER_LINE).join(" ")}\n`;
  return text;
}
