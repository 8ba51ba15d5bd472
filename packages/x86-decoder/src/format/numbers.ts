import type { NumberOptions } from "./formatter.ts";

/** Writes unsigned numbers, given as two 32-bit halves, each from 0 to 2^32 - 1. */
export interface NumberText {
  /** As short as possible. */
  unsigned(low: number, high: number): string;
  /** Hexadecimal numbers above 9 with at least `digits` digits: 4, 8 or 16. */
  padded(low: number, high: number, digits: number): string;
}

/** Code of the digit 9. */
const NINE = 0x39;

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;

/**
 * Number formatting for one set of options; `defaults` are the syntax's. Digits come from tables of three: putting two or
 * three strings together takes 10 to 20 ns, `toString(16)` and a change of case about 150.
 */
export function createNumberText(defaults: Required<NumberOptions>, options: NumberOptions = {}): NumberText {
  const { base, prefix, suffix, digits } = { ...defaults, ...options };
  return base === 10 ? decimalText() : hexadecimalText(prefix, suffix, digits === "upper");
}

function decimalText(): NumberText {
  const unsigned = (low: number, high: number): string =>
    high === 0 ? String(low) : String((BigInt(high) << 32n) | BigInt(low));
  return { unsigned, padded: unsigned };
}

function hexadecimalText(prefix: string, suffix: string, upper: boolean): NumberText {
  const digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  const two = Array.from({ length: 256 }, (_, i) => digits.charAt(i >> 4) + digits.charAt(i & 15));
  // An assembler takes a number that begins with a letter for a name.
  const guard = (text: string): string => (prefix === "" && text.charCodeAt(0) > NINE ? `0${text}` : text);
  /** Complete numbers below CHUNK; up to 9 they are decimal. */
  const complete: string[] = [];
  /** The first digits of a number, the ones in the middle, the last ones. */
  const first: string[] = [];
  const middle: string[] = [];
  const last: string[] = [];
  for (let i = 0; i < CHUNK; i++) {
    const long = digits.charAt(i >> 8) + two[i & 255]!;
    const short = guard(i < 16 ? digits.charAt(i) : i < 256 ? two[i]! : long);
    complete.push(i < 10 ? short : prefix + short + suffix);
    first.push(prefix + short);
    middle.push(long);
    last.push(long + suffix);
  }
  /** The first two digits of eight. */
  const firstTwo = two.map((text) => prefix + guard(text));

  /** The last six of eight digits, and the suffix. */
  const lastSix = (low: number): string => middle[(low >>> CHUNK_BITS) & (CHUNK - 1)]! + last[low & (CHUNK - 1)]!;

  let knownHigh = -1;
  let knownPadded = "";
  const highPadded = (high: number): string => {
    if (high !== knownHigh) {
      knownHigh = high;
      knownPadded = firstTwo[high >>> 24]! + middle[(high >>> CHUNK_BITS) & (CHUNK - 1)]! + middle[high & (CHUNK - 1)]!;
    }
    return knownPadded;
  };

  /** The first digits of a number of more than 32 bits, as few as can be. */
  const beginning = (high: number): string => {
    if (high < CHUNK) return first[high]!;
    const low = middle[high & (CHUNK - 1)]!;
    if (high < CHUNK * CHUNK) return first[high >>> CHUNK_BITS]! + low;
    return first[high >>> 24]! + middle[(high >>> CHUNK_BITS) & (CHUNK - 1)]! + low;
  };

  return {
    unsigned(low: number, high: number): string {
      if (high !== 0) return beginning(high) + two[low >>> 24]! + lastSix(low);
      if (low < CHUNK) return complete[low]!;
      if (low < 0x1000000) return first[low >>> CHUNK_BITS]! + last[low & (CHUNK - 1)]!;
      return first[low >>> 24]! + lastSix(low);
    },
    padded(low: number, high: number, length: number): string {
      if (high === 0 && low < 10) return complete[low]!;
      if (length === 16) return highPadded(high) + two[low >>> 24]! + lastSix(low);
      if (length === 8) return firstTwo[low >>> 24]! + lastSix(low);
      return firstTwo[low >>> 8]! + two[low & 255]! + suffix;
    },
  };
}
