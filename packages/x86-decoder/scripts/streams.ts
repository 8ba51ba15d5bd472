import { FORMS, type InstructionForm } from "../src/index.ts";

export type Bits = 16 | 32 | 64;

/** A small generator of 31-bit numbers, the same everywhere. */
export class Numbers {
  #low: number;
  #high: number;

  constructor(seed: number) {
    this.#low = seed >>> 0 || 1;
    this.#high = Math.imul(this.#low, 0x9e3779b9) >>> 0;
  }

  /** xorshift64, in halves: a few times faster than with BigInt, which the long comparison needs. */
  below(limit: number): number {
    let { low, high } = { low: this.#low, high: this.#high };
    high ^= (high << 13) | (low >>> 19);
    low ^= low << 13;
    low ^= (low >>> 7) | (high << 25);
    high ^= high >>> 7;
    high ^= (high << 17) | (low >>> 15);
    low ^= low << 17;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
    return ((high ^ low) >>> 1) % limit;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}

const LEGACY_PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const ESCAPES = [0x0f, 0xc4, 0xc5, 0x62, 0x8f];

/** Bytes that every sample has: more than the longest instruction. */
export const SAMPLE_BYTES = 20;

function padded(bytes: number[], numbers: Numbers): Uint8Array {
  while (bytes.length < SAMPLE_BYTES) bytes.push(numbers.below(256));
  return Uint8Array.from(bytes.slice(0, SAMPLE_BYTES));
}

/** Bytes without plan, with prefixes and escapes more often than chance has them. */
export function randomBytes(numbers: Numbers): Uint8Array {
  const bytes: number[] = [];
  if (numbers.chance(3)) bytes.push(numbers.of(LEGACY_PREFIXES));
  if (numbers.chance(3)) bytes.push(numbers.of(ESCAPES));
  return padded(bytes, numbers);
}

/** A byte of an encoding: what is fixed of it; `random` bits are free. The opcode may have a REX prefix before it. */
interface Step {
  readonly value: number;
  readonly random: number;
  readonly isOpcode: boolean;
}

/** A form's encoding column, worked out for making samples of it. */
interface Pattern {
  readonly form: InstructionForm;
  readonly vector?: {
    readonly space: "VEX" | "EVEX" | "XOP";
    readonly lengths: readonly number[];
    readonly pp: number;
    readonly map: number;
    readonly w: readonly number[];
  };
  readonly steps: readonly Step[];
  readonly operandSize: 0 | 16 | 64;
  /** The opcode behind the operands of 3DNow!. */
  readonly suffix?: number;
  readonly usesVvvv: boolean;
  readonly needsMask: boolean;
  /** Its operands are three tiles that must differ: only eight exist, so R and B stay clear most of the time. */
  readonly hasTiles: boolean;
  /** Memory by vector index or for tiles: ModRM.rm must be 100. */
  readonly needsSib: boolean;
}

const MAPS: Readonly<Record<string, number>> = {
  "0F": 1,
  "0F38": 2,
  "0F3A": 3,
  MAP5: 5,
  MAP6: 6,
  X8: 8,
  X9: 9,
  XA: 10,
};
const PREFIX_BITS: Readonly<Record<string, number>> = { NP: 0, "66": 1, F3: 2, F2: 3 };
const LENGTH_BITS: Readonly<Record<string, readonly number[]>> = { LIG: [0, 1, 2, 3], L0: [0], L1: [1] };

function stepsOf(tokens: readonly string[], legacy: boolean): Pick<Pattern, "steps" | "operandSize" | "suffix"> {
  const is3dNow = tokens[0] === "0F" && tokens[1] === "0F";
  const steps: Step[] = [];
  let opcodeSeen = !legacy;
  tokens.forEach((token, i) => {
    const byte = /^([0-9A-F]{2})(\+r)?$/.exec(token);
    const modrm = /^\(([0-9A-F]{2})(\+i)?\)$/.exec(token);
    const value = Number.parseInt((byte ?? modrm)?.[1] ?? "", 16);
    if (byte !== null && !(is3dNow && i === 2)) {
      const isPrefix = !opcodeSeen && /^(66|F2|F3)$/.test(token) && /^[0-9A-F]{2}/.test(tokens[i + 1] ?? "");
      steps.push({ value, random: byte[2] === undefined ? 0 : 7, isOpcode: !isPrefix && !opcodeSeen });
      opcodeSeen ||= !isPrefix;
    } else if (modrm !== null) steps.push({ value, random: modrm[2] === undefined ? 0 : 7, isOpcode: false });
    else if (/^\/[0-7]$/.test(token)) steps.push({ value: Number(token[1]) << 3, random: 0xc7, isOpcode: false });
  });
  return {
    steps,
    operandSize: tokens.includes("os16") ? 16 : tokens.includes("os64") ? 64 : 0,
    ...(is3dNow ? { suffix: Number.parseInt(tokens[2] ?? "", 16) } : {}),
  };
}

function patternOf(form: InstructionForm): Pattern {
  const tokens = form.encoding.split(" ");
  const match = /^(VEX|EVEX|XOP)\.([^.]*)\.([^.]*)\.([^.]*)(?:\.(W.*))?$/.exec(tokens[0] ?? "");
  const common = {
    form,
    usesVvvv: form.operands.some((code) => /^(H|B|KH|TH)/.test(code)),
    needsMask: form.attributes.includes("k!"),
    hasTiles: form.operands.includes("TU"),
    needsSib: form.operands.some((code) => /\/vm|Msib/.test(code)) && form.encoding.includes("/r"),
  };
  if (match === null) return { ...common, ...stepsOf(tokens, true) };
  const [, space, length = "", pp = "", map = "", w] = match;
  return {
    ...common,
    ...stepsOf(tokens.slice(1), false),
    vector: {
      space: space as "VEX" | "EVEX" | "XOP",
      lengths: LENGTH_BITS[length] ?? length.split("/").map((text) => Math.log2(Number(text) / 128)),
      pp: PREFIX_BITS[pp] ?? 0,
      map: MAPS[map] ?? 0,
      w: w === "W0" ? [0] : w === "W1" ? [1] : [0, 1],
    },
  };
}

/** Patterns of all forms, by form number from 1 on at index 0. */
export const PATTERNS: readonly Pattern[] = FORMS.slice(1).map(patternOf);

function vectorPrefix({ vector, usesVvvv, needsMask, hasTiles }: Pattern, bits: Bits, numbers: Numbers): number[] {
  if (vector === undefined) return [];
  const { space, pp, map } = vector;
  const w = numbers.of(vector.w);
  const length = numbers.of(vector.lengths);
  const vvvv = usesVvvv || numbers.chance(30) ? numbers.below(16) : 15;
  // Outside of 64-bit mode R and X must be set for VEX and EVEX to be what they are.
  const free = bits === 64 && hasTiles && !numbers.chance(4) ? 0xe0 : numbers.below(8) << 5;
  const rxb = bits === 64 || space === "XOP" ? free : 0xc0 | (numbers.below(2) << 5);
  if (space === "EVEX") {
    const b = numbers.chance(3) ? 0x10 : 0;
    const v = numbers.chance(4) ? 0 : 8;
    const mask = needsMask && !numbers.chance(8) ? 1 + numbers.below(7) : numbers.chance(2) ? numbers.below(8) : 0;
    const z = mask !== 0 && numbers.chance(3) ? 0x80 : numbers.chance(40) ? 0x80 : 0;
    return [
      0x62,
      rxb | (numbers.below(2) << 4) | map,
      (w << 7) | (vvvv << 3) | 4 | pp,
      z | (length << 5) | b | v | mask,
    ];
  }
  if (space === "VEX" && map === 1 && w === 0 && numbers.chance(2)) {
    return [0xc5, (rxb & 0x80) | (bits === 64 ? 0 : 0xc0) | (vvvv << 3) | ((length & 1) << 2) | pp];
  }
  return [space === "VEX" ? 0xc4 : 0x8f, rxb | map, (w << 7) | (vvvv << 3) | ((length & 1) << 2) | pp];
}

/** An encoding of a form in a mode, nearly always a valid one, with up to two prefixes before it and random bytes behind. */
export function formBytes(pattern: Pattern, bits: Bits, numbers: Numbers): Uint8Array {
  const { steps, operandSize, suffix } = pattern;
  const bytes: number[] = [];
  if (numbers.chance(3)) bytes.push(numbers.of(LEGACY_PREFIXES));
  if (numbers.chance(9)) bytes.push(numbers.of(LEGACY_PREFIXES));
  bytes.push(...vectorPrefix(pattern, bits, numbers));
  for (const { value, random, isOpcode } of steps) {
    if (isOpcode) {
      if (operandSize === 16 && bits !== 16 && !numbers.chance(8)) bytes.push(0x66);
      if (bits === 64 && (numbers.chance(3) || (operandSize === 64 && numbers.chance(2)))) {
        bytes.push(0x40 | numbers.below(16) | (operandSize === 64 ? 8 : 0));
      }
    }
    bytes.push(random === 0 ? value : value | (numbers.below(256) & random));
  }
  if (pattern.needsSib && numbers.below(8) !== 0)
    bytes.push((numbers.below(256) & 0x38) | numbers.of([0x04, 0x44, 0x84]));
  if (suffix !== undefined) bytes.push(numbers.below(256) | 0xc0, suffix);
  return padded(bytes, numbers);
}

/** Random bytes and encodings of the table's forms in turn. */
export function* samples(count: number, seed: number): Generator<{ readonly bytes: Uint8Array; readonly bits: Bits }> {
  const numbers = new Numbers(seed);
  const modes = [16, 32, 64] as const;
  for (let i = 0; i < count; i++) {
    const bits = modes[i % 3] as Bits;
    const bytes = i % 4 === 0 ? randomBytes(numbers) : formBytes(numbers.of(PATTERNS), bits, numbers);
    yield { bytes, bits };
  }
}
