import { CONDITIONS } from "../flags.ts";
import type { RegionInstruction } from "./instruction.ts";
import type { RegionBlock } from "./region.ts";

const KEEPS_CARRY: ReadonlySet<string> = new Set(["inc", "dec"]);
/** Behind these CF follows from two values that are at hand. */
const KNOWN: ReadonlySet<string> = new Set(["add", "sub", "cmp", "neg", "and", "or", "xor", "test", "xadd", "cmpxchg"]);
/** Of the former, those that read no flags and leave nothing of them. */
const REPLACES: ReadonlySet<string> = new Set(["add", "sub", "cmp", "neg", "and", "or", "xor", "test"]);
/** Neither reads nor changes flags. */
const STACK: ReadonlySet<string> = new Set(["push", "pop"]);
const WITHOUT_FLAGS: ReadonlySet<string> = new Set([
  ...["mov", "lea", "movzx", "movsx", "movsxd", "not", "nop", "xchg", "bswap", ...STACK],
]);
/** Reads flags. */
const READS: ReadonlySet<string> = new Set(CONDITIONS.flatMap((condition) => [`set${condition}`, `cmov${condition}`]));

const mnemonicOf = ({ selection }: RegionInstruction): string => selection.shape.mnemonic;
export const keepsCarry = (instruction: RegionInstruction): boolean => KEEPS_CARRY.has(mnemonicOf(instruction));

/** Whether an instruction cannot leave the region. */
const staysInside = ({ selection: { shape }, start, end }: RegionInstruction): boolean =>
  start >> 12 === (end - 1) >> 12 &&
  !STACK.has(shape.mnemonic) &&
  (shape.mnemonic === "lea" || shape.operands.every(({ kind }) => kind !== "memory"));

/** Whether nobody sees the carry that an instruction of a block keeps: all flags are replaced before they are read and before anything can leave. */
export function isCarryDead({ instructions }: RegionBlock, index: number): boolean {
  for (let i = index + 1; i < instructions.length; i++) {
    const next = instructions[i] as RegionInstruction;
    const mnemonic = mnemonicOf(next);
    if (!staysInside(next)) return false;
    if (REPLACES.has(mnemonic)) return true;
    if (!WITHOUT_FLAGS.has(mnemonic)) return false;
  }
  return false;
}

/** Whether a block has INC or DEC behind flags that are not known there, and somebody sees the carry that it keeps. */
export function keepsUnknownCarry(block: RegionBlock): boolean {
  let isKnown = false;
  return block.instructions.some((instruction, i) => {
    const mnemonic = mnemonicOf(instruction);
    if (KEEPS_CARRY.has(mnemonic)) return !isKnown && !isCarryDead(block, i);
    if (KNOWN.has(mnemonic)) isKnown = true;
    else if (!WITHOUT_FLAGS.has(mnemonic) && !READS.has(mnemonic)) isKnown = false;
    return false;
  });
}
