import { UsageError } from "../errors.ts";

/** Reads bytes written in hexadecimal: "ba f8 03", "baf803", "0xba,0xf8"; blanks and commas separate. */
export function parseHexBytes(text: string): Uint8Array {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const digits = words.map((word) => word.replace(/^0x/i, "")).join("");
  const stray = /[^0-9a-f]/i.exec(digits)?.[0];
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a hexadecimal digit. Write bytes as "ba f8 03".`);
  if (digits.length === 0) throw new UsageError('There are no bytes. Write them as "ba f8 03".');
  if (digits.length % 2 !== 0) {
    throw new UsageError(
      `${digits.length} hexadecimal digits are no whole number of bytes. Write two digits for each byte.`,
    );
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
