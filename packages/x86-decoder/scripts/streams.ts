import { FORMS, type InstructionForm } from "../src/index.ts";

/** A small generator of 31-bit numbers, the same everywhere. */
export class Numbers {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt(seed);
  }

  below(limit: number): number {
    this.#state = BigInt.asUintN(64, this.#state * 6364136223846793005n + 1442695040888963407n);
    return Number(this.#state >> 33n) % limit;
  }

  bytes(count: number): number[] {
    return Array.from({ length: count }, () => this.below(256));
  }
}

const LEGACY_PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const LONGEST = 20;

/** Bytes without plan, with prefixes and the two-byte escape more often than chance has them. */
export function randomBytes(numbers: Numbers): Uint8Array {
  const bytes = numbers.bytes(LONGEST);
  if (numbers.below(3) === 0) bytes[0] = LEGACY_PREFIXES[numbers.below(LEGACY_PREFIXES.length)] as number;
  if (numbers.below(4) === 0) bytes[numbers.below(3)] = 0x0f;
  return Uint8Array.from(bytes);
}

/** An encoding of a form with up to three prefixes before it and random bytes behind its opcode. */
export function formBytes(form: InstructionForm, bits: number, numbers: Numbers): Uint8Array {
  const bytes: number[] = [];
  for (let i = numbers.below(4); i > 1; i--)
    bytes.push(LEGACY_PREFIXES[numbers.below(LEGACY_PREFIXES.length)] as number);
  const tokens = form.encoding.split(" ");
  let seen = 0;
  for (const token of tokens) {
    const byte = /^([0-9A-F]{2})(\+r)?$/.exec(token);
    const isPrefix = seen === 0 && /^(66|F2|F3)$/.test(token);
    if (byte !== null) {
      if (!isPrefix && seen++ === 0 && bits === 64 && numbers.below(3) === 0) bytes.push(0x40 | numbers.below(16));
      bytes.push(Number.parseInt(byte[1] as string, 16) + (byte[2] === undefined ? 0 : numbers.below(8)));
    } else if (/^\/[0-7]$/.test(token)) bytes.push((numbers.below(256) & ~0x38) | (Number(token[1]) << 3));
    else if (/^\([0-9A-F]{2}\)$/.test(token)) bytes.push(Number.parseInt(token.slice(1, 3), 16));
    else if (/^os16/.test(token) && !token.includes("32") && bits !== 16) bytes.unshift(0x66);
  }
  return Uint8Array.from([...bytes, ...numbers.bytes(LONGEST)].slice(0, LONGEST));
}

export const anyForm = (numbers: Numbers): InstructionForm => FORMS[numbers.below(FORMS.length)] as InstructionForm;
