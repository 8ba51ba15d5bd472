import { UsageError } from "../errors.ts";

const UNIT_BYTES: Readonly<Record<string, bigint>> = { "": 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n };

/** Reads a non-negative integer, decimal, or with 0x, 0o or 0b. Underscores may separate digits. */
export function parseInteger(what: string, text: string): bigint {
  const digits = text.replaceAll(/(?<=[0-9a-f])_(?=[0-9a-f])/gi, "");
  if (!/^(0x[0-9a-f]+|0o[0-7]+|0b[01]+|[0-9]+)$/i.test(digits)) {
    throw new UsageError(`The ${what} "${text}" is not a number. Write it as 4096 or 0x1000.`);
  }
  return BigInt(digits.toLowerCase());
}

function toSafeNumber(what: string, text: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new UsageError(`The ${what} "${text}" is too large.`);
  return Number(value);
}

/** Reads a guest-physical address. */
export function parseAddress(what: string, text: string): number {
  return toSafeNumber(what, text, parseInteger(what, text));
}

/** Reads a linear address, of up to 64 bits. */
export function parseLinearAddress(what: string, text: string): bigint {
  const address = parseInteger(what, text);
  if (address >= 1n << 64n) throw new UsageError(`The ${what} "${text}" has more than 64 bits.`);
  return address;
}

/** Reads a size in bytes, with an optional K, M or G (powers of 1024). */
export function parseSize(what: string, text: string): number {
  const [, number = text, unit = ""] = /^(.*?)([KMG])(?:i?B)?$/i.exec(text) ?? [];
  const bytes = parseInteger(what, number) * (UNIT_BYTES[unit.toUpperCase()] ?? 1n);
  return toSafeNumber(what, text, bytes);
}

/** Reads a count from `smallest` to `largest`. */
export function parseCount(what: string, text: string, largest: number, smallest = 1): number {
  const count = parseInteger(what, text);
  if (count < BigInt(smallest) || count > BigInt(largest))
    throw new UsageError(`The ${what} must be from ${smallest} to ${largest}.`);
  return Number(count);
}

/** Reads a positive count, or "none" for no limit. */
export function parseLimit(what: string, text: string): number {
  if (text === "none") return Number.POSITIVE_INFINITY;
  const limit = toSafeNumber(what, text, parseInteger(what, text));
  if (limit === 0) throw new UsageError(`The ${what} must be at least 1, or "none".`);
  return limit;
}
