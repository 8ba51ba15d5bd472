import type { Random } from "./random.ts";

/** Where a random program lies, in bytes of the linear address space: two pages of code, data behind them. */
export const PROGRAM = { code: 0x10000, codeBytes: 0x2000, data: 0x20000, dataBytes: 0x4000, stack: 0x23f00 } as const;

const WIDTH_64 = 0x48;
/** rbx, rsi and rdi point to data; rsp is the stack's. */
export const POINTERS = [3, 6, 7];
export const REGISTERS = [0, 1, 2, 5];

/** Writes machine code into a buffer. */
export class Assembler {
  readonly bytes = new Uint8Array(PROGRAM.codeBytes);
  readonly bits: 32 | 64;
  readonly #random: Random;
  at = 0;

  constructor(random: Random, bits: 32 | 64) {
    this.#random = random;
    this.bits = bits;
  }

  put(...bytes: readonly number[]): void {
    for (const byte of bytes) if (this.at < this.bytes.length) this.bytes[this.at++] = byte & 0xff;
  }

  put32(value: number): void {
    this.put(value, value >> 8, value >> 16, value >> 24);
  }

  patch32(at: number, value: number): void {
    for (let i = 0; i < 4; i++) if (at + i < this.bytes.length) this.bytes[at + i] = (value >> (8 * i)) & 0xff;
  }

  patch8(at: number, value: number): void {
    if (at < this.bytes.length) this.bytes[at] = value & 0xff;
  }

  /** A REX.W prefix in half of 64-bit code. */
  wide(): void {
    if (this.bits === 64 && this.#random.below(2) === 0) this.put(WIDTH_64);
  }

  /** ModRM and what belongs to it: a register, or memory at a pointer. */
  operand(reg: number, kind: "any" | "register" | "memory" = "any"): void {
    const random = this.#random;
    if (kind === "register" || (kind === "any" && random.below(2) === 0)) {
      this.put(0xc0 | (reg << 3) | random.pick(REGISTERS));
      return;
    }
    const base = random.pick(POINTERS);
    if (random.below(12) === 0) {
      // A displacement that leads anywhere: out of memory, across pages, into the code.
      this.put(0x80 | (reg << 3) | base);
      this.put32(random.pick([0x3ffc, 0xfff, 0x7fffffff, -0x10000, -0xfff8, -8, 0x4000 - 3]));
    } else this.put(0x40 | (reg << 3) | base, random.below(256));
  }
}
