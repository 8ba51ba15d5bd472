import { FX_BYTES, type NativeRecords } from "./native-record.ts";
import type { Random } from "./random.ts";

/** Makes a part of a record the FXSAVE image of a processor after FNINIT, with MXCSR's initial value and all registers 0. */
export function initialFx(records: NativeRecords, at: number): void {
  records.i32.fill(0, at >> 2, (at + FX_BYTES) >> 2);
  records.u16[at >> 1] = 0x37f;
  records.i32[(at + 24) >> 2] = 0x1f80;
}

interface Format {
  readonly exponentBits: number;
  /** Of the fraction, in the word that also holds sign and exponent; a double has 32 more. */
  readonly fractionBits: number;
  readonly words: 1 | 2;
}

const SINGLE: Format = { exponentBits: 8, fractionBits: 23, words: 1 };
const DOUBLE: Format = { exponentBits: 11, fractionBits: 20, words: 2 };

const NEAR = 70;

/** Writes numbers at word indices of a record, from one generator. */
class NumberWriter {
  readonly #i32: Int32Array;
  readonly #u16: Uint16Array;
  readonly #random: Random;

  constructor(records: NativeRecords, random: Random) {
    this.#i32 = records.i32;
    this.#u16 = records.u16;
    this.#random = random;
  }

  /** Leaves 64 bits in the generator: random, or mostly zeros or ones at one end. */
  #pattern(): void {
    const random = this.#random;
    random.advance();
    const { low, high } = random;
    const kind = random.below(4);
    const count = kind < 2 ? random.below(64) : 0;
    random.low = low;
    random.high = high;
    random.shiftLeft(count);
    if (kind !== 1) return;
    random.low = ~random.low;
    random.high = ~random.high;
  }

  /** A number of a format, half of the time of a kind that has rules of its own; the rest have exponents near each other. */
  number(format: Format, at: number): void {
    const random = this.#random;
    const { exponentBits, fractionBits, words } = format;
    this.#pattern();
    const low = words === 2 ? random.low : 0;
    const top = (words === 2 ? random.high : random.low) & ((1 << fractionBits) - 1);
    const greatest = (1 << exponentBits) - 1;
    const quiet = 1 << (fractionBits - 1);
    const bias = greatest >> 1;
    const lowest = words === 1 ? 1 : 0;
    switch (random.below(16)) {
      case 0:
        this.#put(format, at, 0, 0, 0);
        break;
      case 1:
        this.#put(format, at, greatest, 0, 0);
        break;
      case 2:
        this.#put(format, at, greatest, low, top | quiet);
        break;
      case 3:
        this.#put(format, at, greatest, low | 1, (top & (quiet - 1)) | lowest);
        break;
      case 4:
        this.#put(format, at, 0, low | 1, top | lowest);
        break;
      case 5:
        this.#put(format, at, 1 + random.below(3), low, top);
        break;
      case 6:
        this.#put(format, at, greatest - 1 - random.below(3), low, top);
        break;
      case 7:
        this.#put(format, at, bias, 0, 0);
        break;
      case 8:
        random.advance();
        this.#put(format, at, (random.low & (greatest >> 1)) + 1, low, top);
        break;
      default:
        this.#put(format, at, bias - NEAR / 2 + random.below(NEAR), low, top);
        break;
    }
  }

  #put({ exponentBits, fractionBits, words }: Format, at: number, exponent: number, low: number, top: number): void {
    this.#random.advance();
    const sign = this.#random.low & 1;
    if (words === 2) this.#i32[at] = low;
    this.#i32[at + words - 1] = (((sign << exponentBits) | exponent) << fractionBits) | top;
  }

  /** A register of x87: significand, sign and exponent; returns the latter. */
  extended(at: number): number {
    const random = this.#random;
    this.#pattern();
    const { low, high } = random;
    const fraction = high & 0x7fffffff;
    const sign = random.below(2) << 15;
    const integer = 1 << 31;
    switch (random.below(20)) {
      case 0:
        return sign | this.#putExtended(at, 0, 0, 0);
      case 1:
        return sign | this.#putExtended(at, 0x7fff, integer, 0);
      case 2:
        return sign | this.#putExtended(at, 0x7fff, integer | (1 << 30) | fraction, low);
      case 3:
        return sign | this.#putExtended(at, 0x7fff, integer | (fraction & 0x3fffffff), low | 1);
      case 4:
        return sign | this.#putExtended(at, 0, fraction, low);
      case 5:
        return sign | this.#putExtended(at, 0, integer | fraction, low);
      case 6:
        return sign | this.#putExtended(at, 1 + random.below(0x7ffe), fraction, low);
      case 7:
        return sign | this.#putExtended(at, random.below(3), integer | fraction, low);
      case 8:
        return sign | this.#putExtended(at, 0x7ffe - random.below(3), integer | fraction, low);
      case 9:
        return sign | this.#putExtended(at, 0x3fff, integer, 0);
      case 10:
        return sign | this.#putExtended(at, random.below(0x7fff), integer | fraction, low);
      case 11:
        return sign | this.#putExtended(at, 0x3fff - 126 - random.below(30), integer | fraction, low);
      case 12:
        return sign | this.#putExtended(at, 0x3fff + 60 + random.below(8), integer | fraction, low);
      default:
        return sign | this.#putExtended(at, 0x3fff - NEAR / 2 + random.below(NEAR), integer | fraction, low);
    }
  }

  #putExtended(at: number, exponent: number, high: number, low: number): number {
    this.#i32[at] = low;
    this.#i32[at + 1] = high;
    return exponent;
  }

  /** Four words with numbers of one format. */
  quadruple(at: number): void {
    const random = this.#random;
    const kind = random.below(5);
    if (kind === 0) {
      const head = this.extended(at);
      random.advance();
      this.#i32[at + 2] = head | (random.low << 16);
      this.#i32[at + 3] = (random.high << 16) | (random.low >>> 16);
    } else if (kind === 1) {
      this.value(at);
      this.value(at + 2);
    } else if (kind === 2) {
      for (let i = 0; i < 4; i++) this.number(SINGLE, at + i);
    } else {
      this.number(DOUBLE, at);
      this.number(DOUBLE, at + 2);
    }
  }

  value(at: number): void {
    this.#random.advanceValue();
    this.#i32[at] = this.#random.low;
    this.#i32[at + 1] = this.#random.high;
  }

  stackRegister(at: number): void {
    this.#u16[(at + 2) << 1] = this.extended(at);
  }
}

/** Fills a part of a record with numbers of all formats. */
export function fillWithNumbers(records: NativeRecords, at: number, bytes: number, random: Random): void {
  const writer = new NumberWriter(records, random);
  for (let word = at >> 2; word < (at + bytes) >> 2; word += 4) writer.quadruple(word);
}

/** Random x87, MMX and SSE state that a processor can have: exceptions that are pending are so by the control word. */
export function floatState(records: NativeRecords, at: number, random: Random): void {
  const { i32, u16, u8 } = records;
  initialFx(records, at);
  const allMasked = random.below(3) !== 0;
  const masks = allMasked ? 0x3f : random.below(64);
  const precision = PRECISIONS[random.below(4)] as number;
  const control = 0x40 | masks | (precision << 8) | (random.below(4) << 10) | (random.below(8) === 0 ? 0x1000 : 0);
  let status = random.below(0x10000) & 0x7f7f;
  if (random.below(16) !== 0) status &= ~(~masks & 0x3f);
  if ((status & ~masks & 0x3f) !== 0) status |= 0x8080;
  u16[at >> 1] = control;
  u16[(at + 2) >> 1] = status;
  u8[at + 4] = random.below(3) === 0 ? random.below(256) : 0xff;
  u16[(at + 6) >> 1] = random.below(0x800);
  i32[(at + 8) >> 2] = random.below(0x7fffffff);
  i32[(at + 16) >> 2] = random.below(0x7fffffff);
  const simdMasks = random.below(3) !== 0 ? 0x3f : random.below(64);
  const flush = random.below(4) === 0 ? random.below(4) : 0;
  const mxcsr =
    (simdMasks << 7) | random.below(64) | (random.below(4) << 13) | ((flush & 1) << 6) | ((flush >> 1) << 15);
  i32[(at + 24) >> 2] = mxcsr;
  const writer = new NumberWriter(records, random);
  for (let i = 0; i < 8; i++) writer.stackRegister((at + 32 + i * 16) >> 2);
  for (let word = (at + 160) >> 2; word < (at + 416) >> 2; word += 4) writer.quadruple(word);
}

/** Rounding to 64, 53 and 24 bits. */
const PRECISIONS: readonly number[] = [3, 3, 2, 0];
