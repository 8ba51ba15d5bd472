import { createDecodedInstruction, DECODE_STATUS, decodeInto, type InstructionForm } from "@likex/x86-decoder";
import { encodingParts, type Parts } from "../../test/support/encoding-parts.ts";
import { CODE_PAGE } from "../../test/support/native-environment.ts";
import { LANDING } from "../../test/support/native-prepare.ts";
import { BASE_REGISTER, environmentOf, hasIndices, INDEX_REGISTER } from "../../test/support/native-state.ts";
import type { Random } from "../../test/support/random.ts";

export type OperandKind = "register" | "memory";

const [BP, SI, DI] = [5, 6, 7];
const SIB = 4;
const SEGMENT_PREFIXES: readonly number[] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const CS_PREFIX = 0x2e;
const FS_OR_GS: readonly number[] = [0x64, 0x65];
const LONGEST = 15;

/** ModRM.rm of 16-bit addresses whose registers are a pointer and a small number, or pointers alone. */
const SUMS_16: readonly number[] = [0, 1, 2, 3, 6, 7];
const POINTERS_16: readonly number[] = [4, 5, 6, 7];

const STRING = /^(movs|stos|lods|cmps|scas|ins|outs)[bwdq]$/;
/** Their images are at multiples of 64. */
const IMAGE = /^xsave|^xrstor/;
/** What they branch to is in the operand, and they push: the stack pointer cannot be it. */
const CALLS = /^(jmp|call)$/;

/** Makes instructions of given forms with random operands. One buffer serves all. */
export class Encoder {
  readonly bytes: Uint8Array = new Uint8Array(32);
  length = 0;
  readonly #decoded = createDecodedInstruction();
  readonly #parts = new Map<number, Parts>();
  #random: Random;
  #bits: 16 | 32 | 64 = 64;
  #addressBits: 16 | 32 | 64 = 64;
  #hasIndices = false;
  /** Offset of the window's middle in the data segments. */
  #middle = 0;
  /** Where a displacement relative to RIP is, 0 for nowhere. */
  #relative = 0;
  #isImage = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * One instruction of a form for a seed's environment, in `bytes`; false when the form does not exist there with this
   * operand size and kind, or the random choices make something else.
   */
  encode(form: InstructionForm, size: 16 | 32 | 64, operands: OperandKind, seed: number): boolean {
    const p = this.#partsOf(form);
    const environment = environmentOf(seed);
    const { bits } = environment;
    if (p.only !== undefined && (p.only === "64") !== (bits === 64)) return false;
    if (size === 64 && bits !== 64) return false;
    this.length = 0;
    this.#bits = bits;
    this.#hasIndices = bits === 64 || hasIndices(seed);
    this.#middle = environment.place.window - environment.base + 128;
    this.#relative = 0;
    this.#isImage = IMAGE.test(form.mnemonic);
    this.#prefixes(form, p, size, operands);
    if (p.vex === undefined) this.#legacy(form, p, size, operands);
    else this.#vex(form, p, size, operands);
    this.#immediates(form, size, environment);
    if (this.#relative !== 0) {
      const next = CODE_PAGE - environment.codeBase + this.length;
      this.#patch(this.#relative, this.#middle + this.#displacement() - next);
    }
    return this.#isForm(form);
  }

  #partsOf(form: InstructionForm): Parts {
    let p = this.#parts.get(form.id);
    if (p === undefined) {
      p = encodingParts(form);
      this.#parts.set(form.id, p);
    }
    return p;
  }

  #isForm(form: InstructionForm): boolean {
    const d = this.#decoded;
    return (
      this.length <= LONGEST &&
      decodeInto(this.bytes, 0, this.length, this.#bits, d) === DECODE_STATUS.ok &&
      d.form === form.id &&
      d.length === this.length
    );
  }

  #put(byte: number): void {
    this.bytes[this.length++] = byte;
  }

  #putWord(value: number, bytes: number): void {
    for (let n = 0; n < bytes; n++) this.#put(n < 4 ? (value >> (8 * n)) & 0xff : 0);
  }

  #patch(at: number, value: number): void {
    for (let n = 0; n < 4; n++) this.bytes[at + n] = (value >> (8 * n)) & 0xff;
  }

  #prefixes(form: InstructionForm, p: Parts, size: 16 | 32 | 64, operands: OperandKind): void {
    const random = this.#random;
    const isString = STRING.test(form.mnemonic);
    const hasMemory = operands === "memory" || isString;
    const is64 = this.#bits === 64;
    if (hasMemory && random.below(is64 ? 8 : 4) === 0) {
      const prefix = random.pick(is64 ? FS_OR_GS : SEGMENT_PREFIXES);
      // The code's own bytes are no target for a branch, and what comes behind the instruction differs here.
      if (prefix !== CS_PREFIX || !(isString || CALLS.test(form.mnemonic))) this.#put(prefix);
    }
    this.#addressBits = this.#bits;
    if ((hasMemory || /^(loop|jrcxz)/.test(form.mnemonic)) && random.below(8) === 0) {
      this.#put(0x67);
      this.#addressBits = this.#bits === 32 ? 16 : 32;
    }
    const isDefault = (this.#bits === 16) === (size === 16);
    if (!isDefault && p.prefix !== 0x66 && p.vex === undefined) this.#put(0x66);
    if (form.lock && operands === "memory" && random.below(4) === 0) this.#put(0xf0);
    if (p.vex !== undefined) return;
    if (p.prefix !== undefined) this.#put(p.prefix);
    else if (isString) {
      const repeat = random.pick([0, 0xf3, 0xf2]);
      if (repeat !== 0) this.#put(repeat);
    }
  }

  #register(): number {
    return this.#random.below(this.#bits === 64 ? 16 : 8);
  }

  #legacy(form: InstructionForm, p: Parts, size: 16 | 32 | 64, operands: OperandKind): void {
    const random = this.#random;
    const isMemory = operands === "memory" && p.modrm !== "none";
    // A register offset of a bit test reaches far away: only a small one keeps it inside the page.
    const isBitTest = isMemory && /^bt[src]?$/.test(form.mnemonic) && p.modrm === "register";
    const reg =
      typeof p.modrm === "number" ? p.modrm : isBitTest ? (this.#bits === 64 ? INDEX_REGISTER : DI) : this.#register();
    let rm = this.#register();
    if (CALLS.test(form.mnemonic) && (rm & 7) === 4) rm = 0;
    const index = isMemory ? this.#indexRegister() : undefined;
    const base = isMemory ? this.#baseRegister() : 0;
    let rex = size === 64 ? 8 : 0;
    if (reg > 7 && p.modrm !== "none") rex |= 4;
    if (isMemory) rex |= (index !== undefined && index > 7 ? 2 : 0) | (base > 7 ? 1 : 0);
    else if (rm > 7) rex |= 1;
    if (this.#bits === 64 && (rex !== 0 || random.below(4) === 0)) this.#put(0x40 | rex);
    const last = p.opcode.length - 1;
    for (let n = 0; n <= last; n++) this.#put((p.opcode[n] as number) + (p.opcodeRegister && n === last ? rm & 7 : 0));
    if (p.modrmRegister !== undefined) this.#put(p.modrmRegister + random.below(8));
    if (p.modrm === "none") return;
    if (isMemory) this.#memory(reg, base, index);
    else this.#put(0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  #vex(form: InstructionForm, p: Parts, size: 16 | 32 | 64, operands: OperandKind): void {
    const vex = p.vex as NonNullable<Parts["vex"]>;
    const usesVvvv = form.operands.some((code) => code.startsWith("B"));
    const isMemory = operands === "memory";
    const reg = typeof p.modrm === "number" ? p.modrm : this.#register();
    const index = isMemory ? this.#indexRegister() : undefined;
    const rm = isMemory ? this.#baseRegister() : this.#register();
    const vvvv = usesVvvv ? this.#register() : 0;
    const x = index !== undefined && index > 7 ? 0 : 0x40;
    this.#put(0xc4);
    this.#put((reg > 7 ? 0 : 0x80) | x | (rm > 7 ? 0 : 0x20) | vex.map);
    this.#put((size === 64 ? 0x80 : 0) | ((~vvvv & 15) << 3) | vex.length | vex.prefix);
    for (const byte of p.opcode) this.#put(byte);
    if (isMemory) this.#memory(reg, rm, index);
    else this.#put(0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  #indexRegister(): number | undefined {
    if (this.#addressBits === 16 || this.#random.below(4) !== 0) return undefined;
    if (this.#bits === 64) return INDEX_REGISTER;
    return this.#hasIndices ? DI : undefined;
  }

  /** Mostly the base register, else another that points into the window. */
  #baseRegister(): number {
    if (this.#random.below(4) !== 0) return BASE_REGISTER;
    const pointers = this.#bits !== 64 && this.#hasIndices ? [BP, SIB] : [BP, SIB, SI, DI];
    return this.#random.pick(pointers);
  }

  #memory(reg: number, base: number, index: number | undefined): void {
    const random = this.#random;
    const regBits = (reg & 7) << 3;
    if (this.#addressBits === 16) {
      this.#memory16(regBits);
      return;
    }
    if (index === undefined && random.below(8) === 0) {
      // Relative to RIP, or an offset alone.
      this.#put(regBits | 5);
      if (this.#bits === 64) this.#relative = this.length;
      this.#putWord(this.#middle + this.#displacement(), 4);
      return;
    }
    const isWide = random.below(8) === 0;
    const mod = isWide ? 0x80 : 0x40;
    if (index === undefined && (base & 7) !== SIB) this.#put(mod | regBits | (base & 7));
    else {
      this.#put(mod | regBits | SIB);
      this.#put((random.below(4) << 6) | ((index === undefined ? SIB : index & 7) << 3) | (base & 7));
    }
    this.#putWord(this.#displacement(), isWide ? 4 : 1);
  }

  #memory16(regBits: number): void {
    const random = this.#random;
    if (random.below(8) === 0) {
      this.#put(regBits | 6);
      this.#putWord(this.#middle + this.#displacement(), 2);
      return;
    }
    const isWide = random.below(4) === 0;
    this.#put((isWide ? 0x80 : 0x40) | regBits | random.pick(this.#hasIndices ? SUMS_16 : POINTERS_16));
    this.#putWord(this.#displacement(), isWide ? 2 : 1);
  }

  /** Keeps an operand of up to 16 bytes inside the window around the base register, which is aligned; often aligned too. */
  #displacement(): number {
    const random = this.#random;
    if (this.#isImage && random.below(4) !== 0) return 0;
    const distance = random.below(96) - 64;
    return random.below(4) === 0 ? distance : distance & -16;
  }

  #immediates(form: InstructionForm, size: 16 | 32 | 64, environment: ReturnType<typeof environmentOf>): void {
    const random = this.#random;
    for (const code of form.operands) {
      if (code.startsWith("J")) {
        const bytes = code === "Jb" ? 1 : this.#bits === 64 ? 4 : size === 16 ? 2 : 4;
        this.#putWord(LANDING - this.length - bytes, bytes);
      } else if (code === "Ap") {
        this.#putWord(CODE_PAGE - environment.codeBase + LANDING, size === 16 ? 2 : 4);
        this.#putWord(environment.selectors[random.below(8) === 0 ? 2 : 1] as number, 2);
      } else if (/^O[bv]$/.test(code)) {
        this.#putWord(this.#middle - 64 + random.below(64), this.#addressBits / 8);
      } else {
        const bytes = immediateBytes(code, size);
        if (bytes === 0) continue;
        random.advanceValue();
        const { low, high } = random;
        this.#putWord(low, Math.min(bytes, 4));
        if (bytes === 8) this.#putWord(high, 4);
      }
    }
  }
}

function immediateBytes(code: string, size: 16 | 32 | 64): number {
  if (code === "Ib" || code === "Ibs") return 1;
  if (code === "Iw") return 2;
  if (code === "Iz") return size === 16 ? 2 : 4;
  return code === "Iv" ? size / 8 : 0;
}
