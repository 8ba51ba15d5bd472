import type { InstructionForm } from "@likex/x86-decoder";

/** A form's encoding, taken apart. */
export interface Parts {
  readonly prefix: number | undefined;
  readonly opcode: readonly number[];
  readonly modrm: "none" | "register" | number;
  /** ModRM byte whose low three bits are a register. */
  readonly modrmRegister: number | undefined;
  readonly opcodeRegister: boolean;
  readonly vex: Vex | undefined;
  /** Invalid in 64-bit mode; only there. */
  readonly only: "64" | "32" | undefined;
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

export function encodingParts(form: InstructionForm): Parts {
  let prefix: number | undefined;
  const opcode: number[] = [];
  let modrm: Parts["modrm"] = "none";
  let modrmRegister: number | undefined;
  let opcodeRegister = false;
  let vex: Vex | undefined;
  let only: Parts["only"];
  for (const token of form.encoding.split(" ")) {
    const plain = /^([0-9A-F]{2})(\+r)?$/.exec(token);
    if (token.startsWith("VEX.")) vex = vexOf(token);
    else if (plain !== null) {
      const value = Number.parseInt(plain[1] as string, 16);
      if (vex === undefined && opcode.length === 0 && (value === 0x66 || value === 0xf2 || value === 0xf3))
        prefix = value;
      else opcode.push(value);
      if (plain[2] !== undefined) opcodeRegister = true;
    } else if (token === "/r") modrm = "register";
    else if (/^\/[0-7]$/.test(token)) modrm = Number(token[1]);
    else if (/^\([0-9A-F]{2}\)$/.test(token)) opcode.push(Number.parseInt(token.slice(1, 3), 16));
    else if (/^\([0-9A-F]{2}\+i\)$/.test(token)) modrmRegister = Number.parseInt(token.slice(1, 3), 16);
    else if (token === "i64") only = "32";
    else if (token === "o64") only = "64";
  }
  return { prefix, opcode, modrm, modrmRegister, opcodeRegister, vex, only };
}
