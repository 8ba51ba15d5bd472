import { Assembler, PROGRAM, REGISTERS } from "./assembler.ts";
import type { Random } from "./random.ts";

const PAGE = 0x1000;
/** Behind the calls that the program begins with. */
const FIRST_FUNCTION = 0x200;
const RBX = 3;

/** A 32-bit field of an instruction, and what may be written there. */
interface Field {
  readonly at: number;
  readonly kind: "immediate" | "displacement" | "target";
}

/** Functions in two pages whose instructions have 32-bit fields, which the program writes again and again between calling them. */
class PatchingProgram {
  readonly #a: Assembler;
  readonly #random: Random;
  readonly #fields: Field[] = [];
  /** Where an address or a value has to be filled in, when all fields and functions are known. */
  readonly #writes: { readonly address: number; readonly value: number | undefined }[] = [];
  readonly #targets: number[] = [];
  readonly #calls: number[] = [];
  readonly #starts: number[] = [];
  /** It only does what keeps compiled code: writes whole fields, in the other page. */
  readonly #isTidy: boolean;

  constructor(random: Random, bits: 32 | 64) {
    this.#random = random;
    this.#isTidy = random.below(4) !== 0;
    this.#a = new Assembler(random, bits);
  }

  write(): Uint8Array {
    const a = this.#a;
    const random = this.#random;
    for (let i = 2 + random.below(8); i > 0; i--) this.#step();
    a.put(0xe9);
    a.put32(-(a.at + 4));
    const functions = 1 + random.below(5);
    for (let i = 0; i < functions; i++) {
      // Often in the other page, sometimes across its beginning.
      const at = random.pick([FIRST_FUNCTION, PAGE, PAGE, PAGE - random.below(24)]) + 0x80 * random.below(8);
      this.#function(random.below(5) === 0 ? PAGE - random.below(24) : Math.max(at, FIRST_FUNCTION));
    }
    this.#finish();
    return a.bytes;
  }

  #step(): void {
    const random = this.#random;
    if (random.below(3) === 0) this.#patch();
    else if (random.below(4) === 0) this.#indirectCall();
    else {
      this.#a.put(0xe8);
      this.#calls.push(this.#a.at);
      this.#a.put32(0);
    }
  }

  #function(start: number): void {
    const a = this.#a;
    const random = this.#random;
    a.at = start;
    this.#starts.push(start);
    for (let i = 1 + random.below(5); i > 0; i--) {
      if (random.below(8) === 0) this.#patch();
      else this.#instruction();
      // Over a conditional jump, so that there is more than one block.
      if (random.below(5) === 0) a.put(0x70 | random.below(16), 0);
    }
    a.put(0xc3);
  }

  #field(kind: Field["kind"], value: number): void {
    this.#fields.push({ at: this.#a.at, kind });
    this.#a.put32(value);
  }

  #instruction(): void {
    const a = this.#a;
    const random = this.#random;
    const register = random.pick(REGISTERS);
    const immediate = (): void => this.#field("immediate", random.below(2 ** 32) | 0);
    const memory = (reg: number): void => {
      a.put(0x80 | (reg << 3) | RBX);
      this.#field("displacement", random.below(0x400));
    };
    if (random.below(16) === 0) a.put(0x66, 0x90);
    a.wide();
    switch (random.below(9)) {
      case 0:
      case 1:
        a.put(0x81, 0xc0 | (random.below(8) << 3) | register);
        immediate();
        return;
      case 2:
        a.put(0x69, 0xc0 | (register << 3) | random.pick(REGISTERS));
        immediate();
        return;
      case 3:
        a.put(0xc7, 0xc0 | register);
        immediate();
        return;
      case 4:
        a.put((random.below(8) << 3) | random.pick([1, 3]));
        memory(register);
        return;
      case 5:
        a.put(random.pick([0x89, 0x8b, 0x8d]));
        memory(register);
        return;
      case 6:
        // An immediate and a displacement in one.
        a.put(random.pick([0x81, 0xc7]));
        memory(0);
        immediate();
        return;
      case 7:
        a.put(random.pick([0xa9, 0x05, 0x3d, 0x2d]));
        immediate();
        return;
      default:
        a.put(0xf7);
        memory(0);
        immediate();
    }
  }

  /** MOV EBP, a function; CALL EBP. */
  #indirectCall(): void {
    this.#a.put(0xbd);
    this.#targets.push(this.#a.at);
    this.#field("target", 0);
    this.#a.put(0xff, 0xd5);
  }

  /** An instruction that writes a field, mostly all of it. */
  #patch(): void {
    const a = this.#a;
    const random = this.#random;
    const register = random.pick(REGISTERS);
    switch (random.below(12) + (this.#isTidy ? 4 : 0)) {
      case 0:
        this.#memory(0x01, register);
        return;
      case 1:
        this.#memory(0xc6, 0);
        a.put(random.below(256));
        return;
      case 2:
        a.put(0x66);
        this.#memory(0xc7, 0);
        a.put(random.below(256), random.below(4));
        return;
      case 3:
        if (a.bits === 64) a.put(0x48);
        this.#memory(0x89, register);
        return;
      case 4:
      case 5:
        this.#memory(0x89, register);
        return;
      default: {
        const address = this.#memory(0xc7, 0);
        this.#writes.push({ address, value: a.at });
        this.#fields.push({ at: a.at, kind: "immediate" });
        a.put32(0);
      }
    }
  }

  /** ModRM of a memory operand at an address that is not known yet; returns where that is. */
  #memory(opcode: number, reg: number): number {
    const a = this.#a;
    a.put(opcode, ...(a.bits === 64 ? [(reg << 3) | 4, 0x25] : [(reg << 3) | 5]));
    const address = a.at;
    a.put32(0);
    if (opcode !== 0xc7 || a.bytes[address - 3] === 0x66) this.#writes.push({ address, value: undefined });
    return address;
  }

  #finish(): void {
    const a = this.#a;
    const random = this.#random;
    const start = (): number => random.pick(this.#starts);
    for (const at of this.#targets) a.patch32(at, PROGRAM.code + start());
    // A few calls lead into the middle of an instruction.
    for (const at of this.#calls) a.patch32(at, start() + (random.below(24) === 0 ? random.below(8) : 0) - (at + 4));
    // A program of nothing but writes writes to its first function.
    if (this.#fields.length === 0) this.#fields.push({ at: this.#starts[0] as number, kind: "immediate" });
    for (const { address, value } of this.#writes) {
      const others = this.#fields.filter(({ at }) => at < PAGE !== address < PAGE);
      const field = random.pick(this.#isTidy && others.length > 0 ? others : this.#fields);
      const off = !this.#isTidy && random.below(16) === 0 ? random.below(7) - 3 : 0;
      a.patch32(address, PROGRAM.code + field.at + off);
      if (value !== undefined) a.patch32(value, this.#valueFor(field));
    }
  }

  #valueFor({ kind }: Field): number {
    const random = this.#random;
    if (kind === "target") return PROGRAM.code + random.pick(this.#starts);
    return kind === "displacement" ? random.below(0x400) : random.below(2 ** 32) | 0;
  }
}

export const patchingProgram = (random: Random, bits: 32 | 64): Uint8Array => new PatchingProgram(random, bits).write();
