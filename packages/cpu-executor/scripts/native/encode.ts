import { createDecodedInstruction, DECODE_STATUS, decodeInto, type InstructionForm } from "@likex/x86-decoder";
import type { Random } from "../../test/support/random.ts";

/** Number of the register that addresses memory operands, and of the one that may index them with small values. */
export const BASE_REGISTER = 3;
export const INDEX_REGISTER = 9;

const scratch = createDecodedInstruction();

/** A register operand: not the stack pointer nor the ones that hold addresses, which must stay valid. */
const registerNumber = (random: Random): number => random.pick([0, 1, 2, 5, 8, 10, 11, 12, 13, 14, 15]);

interface Parts {
  readonly prefix: number | undefined;
  readonly opcode: readonly number[];
  readonly modrm: "none" | "register" | number;
  /** ModRM byte whose low three bits are a register. */
  readonly modrmRegister: number | undefined;
  readonly opcodeRegister: boolean;
  readonly vex: Vex | undefined;
}

/** Fields of a three-byte VEX prefix. */
interface Vex {
  readonly map: number;
  readonly prefix: number;
  readonly length: number;
}

const VEX_PREFIX: Readonly<Record<string, number>> = { NP: 0, "66": 1, F3: 2, F2: 3 };
const VEX_MAP: Readonly<Record<string, number>> = { "0F": 1, "0F38": 2, "0F3A": 3 };

function vexOf(token: string): Vex | undefined {
  const [kind, length, prefix = "", map = ""] = token.split(".");
  if (kind !== "VEX") return undefined;
  return { map: VEX_MAP[map] ?? 0, prefix: VEX_PREFIX[prefix] ?? 0, length: length === "256" ? 4 : 0 };
}

function parts(form: InstructionForm): Parts | undefined {
  let prefix: number | undefined;
  const opcode: number[] = [];
  let modrm: Parts["modrm"] = "none";
  let modrmRegister: number | undefined;
  let opcodeRegister = false;
  let vex: Vex | undefined;
  for (const token of form.encoding.split(" ")) {
    const plain = /^([0-9A-F]{2})(\+r)?$/.exec(token);
    if (token.startsWith("VEX.")) vex = vexOf(token);
    else if (plain !== null) {
      const value = Number.parseInt(plain[1] as string, 16);
      if (opcode.length === 0 && (value === 0x66 || value === 0xf2 || value === 0xf3)) prefix = value;
      else opcode.push(value);
      if (plain[2] !== undefined) opcodeRegister = true;
    } else if (token === "/r") modrm = "register";
    else if (/^\/[0-7]$/.test(token)) modrm = Number(token[1]);
    else if (/^\([0-9A-F]{2}\)$/.test(token)) opcode.push(Number.parseInt(token.slice(1, 3), 16));
    else if (/^\([0-9A-F]{2}\+i\)$/.test(token)) modrmRegister = Number.parseInt(token.slice(1, 3), 16);
    else if (token === "i64") return undefined;
  }
  return { prefix, opcode, modrm, modrmRegister, opcodeRegister, vex };
}

const immediateBytes = (code: string, size: 16 | 32 | 64): number => {
  if (code === "Ib" || code === "Ibs") return 1;
  if (code === "Iw") return 2;
  if (code === "Iz") return size === 16 ? 2 : 4;
  if (code === "Iv") return size / 8;
  return /^O[bv]$/.test(code) ? 8 : 0;
};

/**
 * Bytes of one instruction of a form in 64-bit mode, with random operands; undefined when the form does not exist there
 * with this operand size and kind.
 */
export function encode(
  form: InstructionForm,
  size: 16 | 32 | 64,
  operands: "register" | "memory",
  random: Random,
  moffs: bigint,
): Uint8Array | undefined {
  const p = parts(form);
  if (p === undefined) return undefined;
  const bytes: number[] = [];
  if (size === 16 && p.prefix !== 0x66) bytes.push(0x66);
  if (p.prefix !== undefined) bytes.push(p.prefix);
  else if (/^(movs|stos|lods|cmps|scas)[bwdq]$/.test(form.mnemonic)) {
    const repeat = random.pick([0, 0xf3, 0xf2]);
    if (repeat !== 0) bytes.push(repeat);
  }
  // A register offset of a bit test reaches far away: only the small index register keeps it inside the page.
  const reg =
    typeof p.modrm === "number"
      ? p.modrm
      : /^bt[src]?$/.test(form.mnemonic) && operands === "memory"
        ? INDEX_REGISTER
        : registerNumber(random);
  const rm = operands === "register" || p.opcodeRegister ? registerNumber(random) : BASE_REGISTER;
  if (p.vex !== undefined) return checked(vexEncoding(form, p, p.vex, size, operands, random), form);
  const indexed = operands === "memory" && random.below(3) === 0;
  let rex = size === 64 ? 8 : 0;
  if (reg > 7 && p.modrm !== "none") rex |= 4;
  if (rm > 7) rex |= 1;
  if (indexed && p.modrm !== "none") rex |= 2;
  if (rex !== 0 || random.below(4) === 0) bytes.push(0x40 | rex);
  const last = p.opcode.length - 1;
  bytes.push(...p.opcode.map((value, i) => (p.opcodeRegister && i === last ? value + (rm & 7) : value)));
  if (p.modrmRegister !== undefined) bytes.push(p.modrmRegister + random.below(8));
  if (p.modrm !== "none") {
    const regBits = (reg & 7) << 3;
    if (operands === "register") bytes.push(0xc0 | regBits | (rm & 7));
    else if (indexed)
      bytes.push(
        0x44 | regBits,
        (random.below(4) << 6) | ((INDEX_REGISTER & 7) << 3) | BASE_REGISTER,
        displacement(random),
      );
    else bytes.push(0x40 | regBits | BASE_REGISTER, displacement(random));
  }
  for (const code of form.operands) {
    const count = immediateBytes(code, size);
    const value = code.startsWith("O") ? moffs : random.value();
    for (let i = 0; i < count; i++) bytes.push(Number((value >> BigInt(8 * i)) & 0xffn));
  }
  return checked(bytes, form);
}

/** The bytes, if they are this form. */
function checked(bytes: readonly number[], form: InstructionForm): Uint8Array | undefined {
  const encoded = Uint8Array.from(bytes);
  const ok =
    encoded.length <= 15 &&
    decodeInto(encoded, 0, encoded.length, 64, scratch) === DECODE_STATUS.ok &&
    scratch.form === form.id &&
    scratch.length === encoded.length;
  return ok ? encoded : undefined;
}

/** An instruction on general registers with a three-byte VEX prefix (SDM Vol 2, 2.3.5). */
function vexEncoding(
  form: InstructionForm,
  p: Parts,
  vex: Vex,
  size: 16 | 32 | 64,
  operands: "register" | "memory",
  random: Random,
): number[] {
  const usesVvvv = form.operands.some((code) => code.startsWith("B"));
  const reg = typeof p.modrm === "number" ? p.modrm : registerNumber(random);
  const rm = operands === "register" ? registerNumber(random) : BASE_REGISTER;
  const vvvv = usesVvvv ? registerNumber(random) : 0;
  const bytes = [0xc4, (reg > 7 ? 0 : 0x80) | 0x40 | (rm > 7 ? 0 : 0x20) | vex.map];
  bytes.push((size === 64 ? 0x80 : 0) | ((~vvvv & 15) << 3) | vex.length | vex.prefix, ...p.opcode);
  const modrm = ((reg & 7) << 3) | (rm & 7);
  if (operands === "register") bytes.push(0xc0 | modrm);
  else bytes.push(0x40 | modrm, displacement(random));
  if (form.operands.includes("Ib")) bytes.push(Number(random.next() & 0xffn));
  return bytes;
}

/** Keeps an operand of up to 16 bytes inside the window around the base register, which is aligned; often aligned too. */
const displacement = (random: Random): number => (random.below(96) - 64) & (random.below(4) === 0 ? -1 : -16) & 0xff;
