import type { DecodedInstruction } from "@likex/x86-decoder";
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
}

export type Ending = "next" | "jump" | "conditional" | "call" | "indirectJump" | "indirectCall" | "return";

const CONDITIONAL = /^(j(?!mp)|loop)/;

/** How control goes on behind an instruction, or undefined where regions leave it to the interpreter. */
export function endingOf({ shape, endsBlock, branches }: Selection): Ending | undefined {
  const entry = SEMANTICS[shape.mnemonic];
  if (entry === undefined || entry.extension === true || entry.isOutside === true || shape.repeat !== "none")
    return undefined;
  if (!endsBlock) return "next";
  if (shape.bits === 16) return undefined;
  if (CONDITIONAL.test(shape.mnemonic)) return "conditional";
  if (shape.mnemonic === "call") return branches ? "call" : "indirectCall";
  if (shape.mnemonic === "jmp") return branches ? "jump" : "indirectJump";
  return shape.mnemonic === "ret" ? "return" : undefined;
}

/** Undefined where an operand is none that regions have. */
export function describe(
  decoded: DecodedInstruction,
  selection: Selection,
  start: number,
): RegionInstruction | undefined {
  const registers: RegisterOperand[] = [];
  for (const source of selection.registers) {
    const register = registerNumber(source, decoded);
    if (register === undefined) return undefined;
    registers.push(register);
  }
  return { selection, decoded, start, end: start + decoded.length, registers };
}
