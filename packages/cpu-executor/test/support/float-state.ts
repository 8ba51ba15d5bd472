import type { Random } from "./random.ts";

const FX_BYTES = 512;

/** FXSAVE image of a processor after FNINIT, with MXCSR's initial value and all registers 0. */
export function initialFx(): Uint8Array {
  const fx = new Uint8Array(FX_BYTES);
  const view = new DataView(fx.buffer);
  view.setUint16(0, 0x37f, true);
  view.setUint32(24, 0x1f80, true);
  return fx;
}

interface Format {
  readonly exponentBits: number;
  readonly fractionBits: number;
}

const SINGLE: Format = { exponentBits: 8, fractionBits: 23 };
const DOUBLE: Format = { exponentBits: 11, fractionBits: 52 };

const NEAR = 70;

/** A number of a format, half of the time of a kind that has rules of its own; the rest have exponents near each other. */
function number({ exponentBits, fractionBits }: Format, random: Random): bigint {
  const fraction = BigInt.asUintN(fractionBits, pattern(random));
  const greatest = (1n << BigInt(exponentBits)) - 1n;
  const quiet = 1n << BigInt(fractionBits - 1);
  const bias = greatest >> 1n;
  const make = (exponent: bigint, f: bigint): bigint =>
    ((((random.next() & 1n) << BigInt(exponentBits)) | exponent) << BigInt(fractionBits)) | f;
  switch (random.below(16)) {
    case 0:
      return make(0n, 0n);
    case 1:
      return make(greatest, 0n);
    case 2:
      return make(greatest, fraction | quiet);
    case 3:
      return make(greatest, (fraction & (quiet - 1n)) | 1n);
    case 4:
      return make(0n, fraction | 1n);
    case 5:
      return make(1n + BigInt(random.below(3)), fraction);
    case 6:
      return make(greatest - 1n - BigInt(random.below(3)), fraction);
    case 7:
      return make(bias, 0n);
    case 8:
      return make(BigInt.asUintN(exponentBits - 1, random.next()) + 1n, fraction);
    default:
      return make(bias - BigInt(NEAR / 2) + BigInt(random.below(NEAR)), fraction);
  }
}

/** 64 bits: random, or mostly zeros or ones at one end. */
function pattern(random: Random): bigint {
  const bits = random.next();
  switch (random.below(4)) {
    case 0:
      return BigInt.asUintN(64, bits << BigInt(random.below(64)));
    case 1:
      return BigInt.asUintN(64, ~(bits << BigInt(random.below(64))));
    default:
      return bits;
  }
}

/** A register of x87: sign and exponent, significand. */
function extended(random: Random): { readonly se: number; readonly significand: bigint } {
  const integer = 1n << 63n;
  const fraction = pattern(random) & (integer - 1n);
  const sign = random.below(2) << 15;
  const make = (exponent: number, significand: bigint) => ({ se: sign | exponent, significand });
  switch (random.below(20)) {
    case 0:
      return make(0, 0n);
    case 1:
      return make(0x7fff, integer);
    case 2:
      return make(0x7fff, integer | (1n << 62n) | fraction);
    case 3:
      return make(0x7fff, integer | ((fraction & ((1n << 62n) - 1n)) | 1n));
    case 4:
      return make(0, fraction);
    case 5:
      return make(0, integer | fraction);
    case 6:
      return make(1 + random.below(0x7ffe), fraction);
    case 7:
      return make(random.below(3), integer | fraction);
    case 8:
      return make(0x7ffe - random.below(3), integer | fraction);
    case 9:
      return make(0x3fff, integer);
    case 10:
      return make(random.below(0x7fff), integer | fraction);
    case 11:
      return make(0x3fff - 126 - random.below(30), integer | fraction);
    case 12:
      return make(0x3fff + 60 + random.below(8), integer | fraction);
    default:
      return make(0x3fff - NEAR / 2 + random.below(NEAR), integer | fraction);
  }
}

/** Fills memory with numbers of all formats. */
export function fillWithNumbers(memory: Uint8Array, random: Random): void {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  for (let at = 0; at < memory.length; at += 16) {
    const kind = random.below(5);
    if (kind === 0) {
      const { se, significand } = extended(random);
      view.setBigUint64(at, significand, true);
      view.setBigUint64(at + 8, BigInt(se) | (random.next() << 16n), true);
    } else if (kind === 1) {
      for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, random.value(), true);
    } else if (kind === 2) {
      for (let i = 0; i < 16; i += 4) view.setUint32(at + i, Number(number(SINGLE, random)), true);
    } else {
      for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, number(DOUBLE, random), true);
    }
  }
}

/** Random x87, MMX and SSE state that a processor can have: exceptions that are pending are so by the control word. */
export function floatState(random: Random): Uint8Array {
  const fx = initialFx();
  const view = new DataView(fx.buffer);
  const allMasked = random.below(3) !== 0;
  const masks = allMasked ? 0x3f : random.below(64);
  const control =
    0x40 | masks | (random.pick([3, 3, 2, 0]) << 8) | (random.below(4) << 10) | (random.below(8) === 0 ? 0x1000 : 0);
  let status = random.below(0x10000) & 0x7f7f;
  if (random.below(16) !== 0) status &= ~(~masks & 0x3f);
  if ((status & ~masks & 0x3f) !== 0) status |= 0x8080;
  view.setUint16(0, control, true);
  view.setUint16(2, status, true);
  fx[4] = random.below(3) === 0 ? random.below(256) : 0xff;
  view.setUint16(6, random.below(0x800), true);
  view.setBigUint64(8, BigInt(random.below(0x7fffffff)), true);
  view.setBigUint64(16, BigInt(random.below(0x7fffffff)), true);
  const simdMasks = random.below(3) !== 0 ? 0x3f : random.below(64);
  const flush = random.below(4) === 0 ? random.below(4) : 0;
  const mxcsr =
    (simdMasks << 7) | random.below(64) | (random.below(4) << 13) | ((flush & 1) << 6) | ((flush >> 1) << 15);
  view.setUint32(24, mxcsr, true);
  for (let i = 0; i < 8; i++) {
    const { se, significand } = extended(random);
    view.setBigUint64(32 + i * 16, significand, true);
    view.setUint16(40 + i * 16, se, true);
  }
  fillWithNumbers(fx.subarray(160, 416), random);
  return fx;
}
