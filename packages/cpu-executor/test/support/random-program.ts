import { Assembler, PROGRAM, REGISTERS } from "./assembler.ts";
import type { Random } from "./random.ts";
import { extensionInstruction } from "./random-extension.ts";
import { changeReturn, jumpThroughTable, patchCode, putTable, TABLE_ENTRIES } from "./random-transfers.ts";

/** What two-operand arithmetic may be: ADD OR ADC SBB AND SUB XOR CMP. */
const ARITHMETIC = 8;

/** Mostly over few elements of the data, which may overlap; else where the registers happen to lead. */
function repetition(a: Assembler, random: Random): void {
  if (random.below(8) === 0) a.put(random.pick([0xfc, 0xfd]));
  for (const modrm of [0xb3, 0xbb]) {
    if (random.below(6) === 0) continue;
    // LEA ESI or EDI, [EBX + n].
    if (a.bits === 64) a.put(0x48);
    a.put(0x8d, modrm);
    a.put32(random.below(3) === 0 ? random.below(100) : random.below(0x2000));
  }
  if (random.below(6) !== 0) {
    a.put(0xb9);
    a.put32(random.pick([random.below(4), random.below(60), random.below(1500)]));
  }
  if (random.below(12) === 0) a.put(0x67);
  a.put(random.pick([0xf3, 0xf3, 0xf3, 0xf2]));
  if (random.below(4) === 0) a.put(0x66);
  else a.wide();
  a.put(random.pick([0xa4, 0xa5, 0xa5, 0xaa, 0xab, 0xab, 0xac]));
}

function instruction(a: Assembler, random: Random): void {
  const register = random.pick(REGISTERS);
  switch (random.below(24)) {
    case 0:
    case 1:
    case 2:
      a.wide();
      a.put((random.below(ARITHMETIC) << 3) | random.pick([1, 3]));
      a.operand(register);
      return;
    case 3:
      a.put((random.below(ARITHMETIC) << 3) | random.pick([0, 2]));
      a.operand(register);
      return;
    case 4:
    case 5:
      a.wide();
      a.put(0x83);
      a.operand(random.below(ARITHMETIC));
      a.put(random.below(256));
      return;
    case 6:
      a.wide();
      a.put(random.pick([0x89, 0x8b]));
      a.operand(register);
      return;
    case 7:
      a.put(random.pick([0x88, 0x8a]));
      a.operand(register);
      return;
    case 8:
      a.wide();
      a.put(0xc1);
      a.operand(random.pick([0, 1, 4, 5, 7]));
      a.put(random.below(70));
      return;
    case 9:
      a.wide();
      a.put(0xd3);
      a.operand(random.pick([0, 1, 2, 3, 4, 5, 7]));
      return;
    case 10:
      a.wide();
      a.put(0x0f, random.pick([0xb6, 0xb7, 0xbe, 0xbf]));
      a.operand(register);
      return;
    case 11:
      a.wide();
      a.put(0x0f, 0xaf);
      a.operand(register);
      return;
    case 12:
      a.wide();
      a.put(0xff);
      a.operand(random.below(2));
      return;
    case 13:
      a.wide();
      a.put(0xf7);
      a.operand(random.pick([2, 3, 4, 5]));
      return;
    case 14:
      a.put(0x0f, 0x90 | random.below(16));
      a.operand(0);
      return;
    case 15:
      a.wide();
      a.put(0x0f, 0x40 | random.below(16));
      a.operand(register);
      return;
    case 16:
      a.put(random.pick([0x50, 0x58]) | register);
      return;
    case 17:
      a.wide();
      a.put(0x8d);
      a.operand(register, "memory");
      return;
    case 18:
      a.wide();
      a.put(0x0f, random.pick([0xa3, 0xab, 0xb3, 0xbb, 0xbc, 0xbd, 0xb1, 0xc1]));
      a.operand(register, "register");
      return;
    case 19:
      a.put(random.pick([0xf8, 0xf9, 0xf5, 0x9e, 0x9f, 0x98, 0x99, 0x90, 0xfc]));
      return;
    case 20:
      if (random.below(2) === 0) repetition(a, random);
      else a.put(random.pick([0xa4, 0xa5, 0xaa, 0xab, 0xac]));
      return;
    case 21:
      // MOV to the program's own code, rarely: 0x40 bytes behind its start.
      if (random.below(8) !== 0) {
        a.put(0x66, 0x01, 0xc0 | (register << 3) | random.pick(REGISTERS));
        return;
      }
      a.put(0xc6, 0x83);
      a.put32(PROGRAM.code - PROGRAM.data + random.below(0x100));
      a.put(0x90);
      return;
    case 22:
      if (random.below(6) !== 0) {
        a.put(0x0f, 0xc8 | register);
        return;
      }
      a.wide();
      a.put(0xf7);
      a.operand(random.pick([6, 7]));
      return;
    default:
      a.put(0xb8 | register);
      a.put32(random.below(1 << 30) - (1 << 29));
      return;
  }
}

/** What a random program is made of: of 8 instructions so many of vectors, and of x87. */
export interface Mixture {
  readonly vector: number;
  readonly x87: number;
}

/** ES CS SS DS FS GS. */
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** Writes a random program; what follows a call or a jump is not known before all of it is there. */
class ProgramWriter {
  readonly #a: Assembler;
  readonly #random: Random;
  readonly #mixture: Mixture;
  readonly #blocks: number;
  readonly #leaves: number;
  /** Of blocks, and of leaf functions behind them. */
  readonly #starts: number[] = [];
  readonly #holes: { readonly at: number; readonly to: number }[] = [];

  constructor(random: Random, bits: 32 | 64, mixture: Mixture) {
    this.#a = new Assembler(random, bits);
    this.#random = random;
    this.#mixture = mixture;
    this.#blocks = 2 + random.below(9);
    this.#leaves = random.below(5);
  }

  write(): Uint8Array {
    const a = this.#a;
    for (let block = 0; block < this.#blocks; block++) this.#block();
    a.put(0xe9);
    this.#targetBlock();
    for (let leaf = 0; leaf < this.#leaves; leaf++) this.#leaf();
    for (const { at, to } of this.#holes) a.patch32(at, (this.#starts[to] as number) - (at + 4));
    putTable(
      a,
      Array.from({ length: TABLE_ENTRIES }, () => this.#starts[this.#anywhere()] as number),
    );
    return a.bytes;
  }

  #anywhere(): number {
    return this.#random.below(this.#blocks + this.#leaves);
  }

  #hole(to: number): void {
    this.#holes.push({ at: this.#a.at, to });
    this.#a.put32(0);
  }

  #targetBlock(): void {
    this.#hole(this.#random.below(this.#blocks));
  }

  #begin(): void {
    const a = this.#a;
    if (this.#random.below(6) === 0) a.at = Math.max(a.at, PROGRAM.codeBytes / 2 - this.#random.below(40));
    this.#starts.push(a.at);
  }

  #instruction(): void {
    const random = this.#random;
    const kind = random.below(8);
    if (random.below(24) === 0) this.#a.put(random.pick(SEGMENT_PREFIXES));
    if (kind < this.#mixture.vector) extensionInstruction(this.#a, random, "vector");
    else if (kind < this.#mixture.vector + this.#mixture.x87) extensionInstruction(this.#a, random, "x87");
    else instruction(this.#a, random);
  }

  #block(): void {
    const a = this.#a;
    const random = this.#random;
    this.#begin();
    for (let i = random.below(9); i > 0; i--) {
      if (this.#leaves === 0 || random.below(6) !== 0) this.#instruction();
      else {
        a.put(0xe8);
        this.#hole(this.#blocks + random.below(this.#leaves));
      }
    }
    switch (random.below(10)) {
      case 0:
        a.put(0xe9);
        this.#targetBlock();
        break;
      case 1:
        a.put(0xe8);
        this.#hole(this.#anywhere());
        break;
      case 2:
        a.put(0xc3);
        break;
      case 3:
        // A loop: counts ECX down.
        a.put(0x83, 0xe9, 1);
        a.put(0x0f, 0x85);
        this.#targetBlock();
        break;
      case 4:
        break;
      case 5:
        jumpThroughTable(a, random);
        break;
      default:
        a.put(0x0f, 0x80 | random.below(16));
        this.#targetBlock();
    }
  }

  /** A function that calls nothing; few change where they return to, or code. */
  #leaf(): void {
    const a = this.#a;
    const random = this.#random;
    this.#begin();
    for (let i = random.below(5); i > 0; i--) this.#instruction();
    if (random.below(3) === 0) this.#skip();
    if (random.below(6) === 0) changeReturn(a, random);
    if (random.below(12) === 0) patchCode(a, random, this.#starts[this.#starts.length - 1] as number);
    if (random.below(6) === 0) a.put(0xc2, random.pick([0, 8, 0x10]), 0);
    else a.put(0xc3);
  }

  /** A conditional jump forward, within a leaf function; sometimes it returns on both ways. */
  #skip(): void {
    const a = this.#a;
    a.put(0x70 | this.#random.below(16), 0);
    const from = a.at;
    for (let i = 1 + this.#random.below(2); i > 0; i--) this.#instruction();
    if (this.#random.below(2) === 0) a.put(0xc3);
    a.patch8(from - 1, a.at - from);
  }
}

/** Blocks that jump among each other, call and return, in one page and across to the next. */
export const randomProgram = (random: Random, bits: 32 | 64, mixture: Mixture): Uint8Array =>
  new ProgramWriter(random, bits, mixture).write();
