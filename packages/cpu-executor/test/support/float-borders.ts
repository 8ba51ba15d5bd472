import type { Random } from "./random.ts";

/**
 * States for the borders between the quick and the general ways of floating point: nearly all exceptions masked and
 * rounding to nearest, and operands whose results are just normal, just finite, just exact, ties, or cancel.
 */
interface Format {
  readonly exponentBits: number;
  readonly fractionBits: number;
}

const SINGLE: Format = { exponentBits: 8, fractionBits: 23 };
const DOUBLE: Format = { exponentBits: 11, fractionBits: 52 };
const EXTENDED: Format = { exponentBits: 15, fractionBits: 63 };

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** Fractions with few ones or zeros, so that sums and products are exact, ties, or one off. */
function fraction(bits: number, random: Random): bigint {
  const any = random.next() & ones(bits);
  switch (random.below(10)) {
    case 0:
      return 0n;
    case 1:
      return 1n;
    case 2:
      return ones(bits);
    case 3:
      return ones(bits) - 1n;
    case 4:
      return 1n << BigInt(random.below(bits));
    case 5:
      return (1n << BigInt(random.below(bits))) | 1n;
    case 6:
      return ones(bits) ^ ones(random.below(bits));
    case 7:
      // The other format's fraction and what is half of its last place.
      return (any >> BigInt(bits >> 1)) << BigInt(bits >> 1);
    default:
      return any;
  }
}

/** At which an operand reaches the places of the other one that are rounded away, or falls behind them. */
const DISTANCES: readonly number[] = [23, 24, 25, 52, 53, 54, 62, 63, 64, 65, 66];

/** Exponents: near each other, near those of integers, near the ends of the format, and halves of these for products. */
function exponent(bits: number, random: Random): number {
  const greatest = (1 << bits) - 1;
  const bias = greatest >> 1;
  const near = random.below(5) - 2;
  switch (random.below(16)) {
    case 0:
      return random.below(2) === 0 ? 0 : greatest;
    case 1:
      return 1 + random.below(3);
    case 2:
      return greatest - 1 - random.below(3);
    case 3:
      return (bias >> 1) + near;
    case 4:
      return bias + (bias >> 1) + near;
    case 5:
      return Math.min(greatest, bias + 29 + random.below(6));
    case 6:
      return Math.min(greatest, bias + 61 + random.below(6));
    case 7:
      return bias - 1 + near;
    case 8:
      return bias + random.pick(DISTANCES) * (random.below(2) * 2 - 1);
    default:
      return bias + near;
  }
}

/** A number as its format's bits; the extended format's integer bit is set as the exponent wants it. */
function number({ exponentBits, fractionBits }: Format, random: Random): bigint {
  const e = Math.min((1 << exponentBits) - 1, Math.max(0, exponent(exponentBits, random)));
  const f = fraction(fractionBits, random);
  const sign = BigInt(random.below(2));
  return (((sign << BigInt(exponentBits)) | BigInt(e)) << BigInt(fractionBits)) | f;
}

/** The significand and the rest of an x87 register. */
export function extendedNumber(random: Random): { readonly se: number; readonly significand: bigint } {
  const bits = number(EXTENDED, random);
  const se = Number(bits >> 63n);
  const fraction63 = bits & ones(63);
  // A fraction below the integer bit: a zero and denormals do without, and now and then so does an unsupported number.
  const hasInteger = (se & 0x7fff) !== 0 && random.below(64) !== 0;
  return {
    se,
    significand: (se & 0x7fff) === 0 && random.below(2) === 0 ? 0n : fraction63 | (hasInteger ? 1n << 63n : 0n),
  };
}

/** Numbers in memory and vector registers: pieces of 16 bytes in one format each, often with equal neighbours. */
export function fillWithBorders(memory: Uint8Array, random: Random): void {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  for (let at = 0; at < memory.length; at += 16) {
    const kind = random.below(7);
    for (let i = 0; i < 16; i += kind < 3 ? 8 : 4) {
      const repeats = at > 0 && random.below(4) === 0;
      if (repeats) memory.copyWithin(at + i, at + i - 16, at + i - 16 + (kind < 3 ? 8 : 4));
      else if (kind < 3) view.setBigUint64(at + i, number(DOUBLE, random), true);
      else if (kind < 6) view.setUint32(at + i, Number(number(SINGLE, random)), true);
      else
        view.setInt32(
          at + i,
          random.below(2) === 0 ? random.below(9) - 4 : Number(random.next() & 0xffffffffn) | 0,
          true,
        );
    }
  }
}

/** An FXSAVE image: control word and MXCSR as given, numbers at the borders, seven of eight times all registers in use. */
export function borderState(random: Random, control: number, mxcsr: number): Uint8Array {
  const fx = new Uint8Array(512);
  const view = new DataView(fx.buffer);
  view.setUint16(0, control, true);
  view.setUint16(2, random.below(0x10000) & 0x7f00, true);
  fx[4] = random.below(8) === 0 ? random.below(256) : 0xff;
  view.setUint32(24, mxcsr, true);
  for (let i = 0; i < 8; i++) {
    const { se, significand } = extendedNumber(random);
    view.setBigUint64(32 + i * 16, significand, true);
    view.setUint16(40 + i * 16, se, true);
  }
  // Neighbours that differ in the last places, or in the sign only.
  if (random.below(4) === 0) {
    fx.copyWithin(48, 32, 42);
    view.setBigUint64(48, view.getBigUint64(48, true) ^ (random.below(2) === 0 ? 0n : random.next() & 3n), true);
    fx[57] = (fx[57] as number) ^ (random.below(2) << 7);
  }
  fillWithBorders(fx.subarray(160, 416), random);
  return fx;
}
