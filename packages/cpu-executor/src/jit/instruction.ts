import type { DecodedInstruction } from "@likex/x86-decoder";
import type { PatchedField } from "../patched-fields.ts";
import { registerNumber, type Selection } from "../predecode.ts";
import { SEMANTICS } from "../semantics/index.ts";

/** A general register operand: its number, and 1 where it is the second byte (AH, CH, DH, BH). */
export interface RegisterOperand {
  readonly number: number;
  readonly high: 0 | 1;
}

/** One instruction of a region, with all that its code is made from. */
export interface RegionInstruction {
  readonly selection: Selection;
  readonly decoded: DecodedInstruction;
  /** Positions of its first byte, and behind it. */
  readonly start: number;
  readonly end: number;
  /** By register field of a record. */
  readonly registers: readonly RegisterOperand[];
  /** A field that the guest patches. */
  readonly patched?: PatchedField | undefined;
}

export type Ending = "next" | "jump" | "conditional" | "call" | "indirectJump" | "indirectCall" | "return";

const CONDITIONAL = /^(j(?!mp)|loop)/;

/** Instructions of the second module that are left to the interpreter, with the reason. */
const NOT_COMPILED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["fxsave", "fxsave64", "fxrstor", "fxrstor64", "xgetbv"].map((name) => [name, "saves or restores registers"]),
  ),
  ...Object.fromEntries(
    ["xsave", "xsave64", "xsaveopt", "xsaveopt64", "xrstor", "xrstor64"].map((name) => [
      name,
      "saves or restores registers",
    ]),
  ),
  emms: "switches from MMX to x87",
  crc32: "is as much code as a hundred others",
  ...Object.fromEntries(
    ["sha256rnds2", "pcmpestrm", "pcmpestrm64", "pcmpistrm"].map((name) => [name, "uses XMM0 unnamed"]),
  ),
};

/** x87 instructions that regions have: those with a quick way, and those of the control and status words. */
const X87: ReadonlySet<string> = new Set([
  ...["add", "sub", "subr", "mul", "div", "divr"].flatMap((name) => [`f${name}`, `f${name}p`, `fi${name}`]),
  ...["fcom", "fcomp", "fcompp", "fucom", "fucomp", "fucompp", "fcomi", "fcomip", "fucomi", "fucomip", "ftst"],
  ...["fld", "fild", "fst", "fstp", "fist", "fistp", "fisttp", "fxch", "fchs", "fabs", "fnop"],
  ...["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz"],
  ...["b", "e", "be", "u"].flatMap((condition) => [`fcmov${condition}`, `fcmovn${condition}`]),
  ...["fldcw", "fnstcw", "fnstsw", "fwait"],
]);

/** Repeated string instructions that regions have. */
const MOVES = /^(movs|stos)[bwdq]$/;

/** Why regions leave an instruction to the interpreter, or undefined. */
export function refusalOf({ shape, endsBlock, branches, isX87 }: Selection): string | undefined {
  const entry = SEMANTICS[shape.mnemonic];
  if (entry === undefined) return "unknown";
  if (entry.isOutside === true) return "carried out outside emitted code";
  if (shape.repeat !== "none") return MOVES.test(shape.mnemonic) ? undefined : "repeats";
  if (isX87 && !X87.has(shape.mnemonic)) return "rare x87 operation";
  const reason = NOT_COMPILED[shape.mnemonic];
  if (reason !== undefined || !endsBlock) return reason;
  if (shape.bits === 16) return "drops the upper half of the instruction pointer";
  if (CONDITIONAL.test(shape.mnemonic) || branches || BRANCHES.has(shape.mnemonic)) return undefined;
  return "may change the processor's mode";
}

const BRANCHES: ReadonlySet<string> = new Set(["call", "jmp", "ret"]);

/** How control goes on behind an instruction, or undefined where regions leave it to the interpreter. */
export function endingOf(selection: Selection): Ending | undefined {
  const { shape, endsBlock, branches } = selection;
  if (refusalOf(selection) !== undefined) return undefined;
  // A repetition is all done, or left to the interpreter.
  if (!endsBlock || shape.repeat !== "none") return "next";
  if (CONDITIONAL.test(shape.mnemonic)) return "conditional";
  if (shape.mnemonic === "call") return branches ? "call" : "indirectCall";
  if (shape.mnemonic === "jmp") return branches ? "jump" : "indirectJump";
  return "return";
}

/** Undefined where an operand is none that regions have. */
export function describe(
  decoded: DecodedInstruction,
  selection: Selection,
  start: number,
  patched?: PatchedField,
): RegionInstruction | undefined {
  const registers: RegisterOperand[] = [];
  for (const source of selection.registers) {
    const register = registerNumber(source, decoded);
    if (register === undefined) return undefined;
    registers.push(register);
  }
  return { selection, decoded, start, end: start + decoded.length, registers, patched };
}
