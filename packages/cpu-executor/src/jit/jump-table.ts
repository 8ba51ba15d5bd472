import { BASE_RIP } from "@likex/x86-decoder";
import { SEGMENT } from "../context.ts";
import type { RegionInstruction, RegisterOperand } from "./instruction.ts";
import type { ExecutedCode } from "./region.ts";

/** Entries of a table that are looked at, and targets of one branch. */
const MOST_ENTRIES = 256;
const MOST_TARGETS = 64;
/** A value this far away is none of the table's. */
const FARTHEST = 1 << 22;

/** The last instruction before a branch to a register, by address, that loads this from a table. */
export function tableLoad(
  { registers, selection, start }: RegionInstruction,
  instructions: Iterable<RegionInstruction>,
): RegionInstruction | undefined {
  if (selection.shape.operands[0]?.kind !== "register") return undefined;
  let last: RegionInstruction | undefined;
  for (const one of instructions) {
    const { mnemonic, operands, bits } = one.selection.shape;
    const isLoad = mnemonic === "mov" && operands[0]?.kind === "register" && operands[1]?.kind === "memory";
    if (!isLoad || bits !== selection.shape.bits || one.registers[0]?.number !== registers[0]?.number) continue;
    if (one.decoded.index >= 0 && one.start < start && one.start > (last?.start ?? Number.NEGATIVE_INFINITY))
      last = one;
  }
  return last;
}

/**
 * Where a branch through a table of addresses, or by what is loaded from one, leads, as far as it has been executed: the table is at a fixed address, and
 * a register selects the entry. It is a guess, because the table may change and end anywhere.
 */
export function tableTargets(code: ExecutedCode, { decoded, selection }: RegionInstruction): readonly number[] {
  const { base, index, scaleShift, segment, displacement, addressSize } = decoded;
  const bytes = selection.shape.bits / 8;
  const { rip, bits } = code.page;
  const isTable = base < 0 && index >= 0 && 1 << scaleShift === bytes && addressSize === bits;
  if (!isTable || segment === SEGMENT.cs || segment >= SEGMENT.fs) return [];
  const found = new Set<number>();
  for (let i = 0; i < MOST_ENTRIES && found.size < MOST_TARGETS; i++) {
    const value = code.pointerAt(BigInt.asUintN(bits, BigInt(displacement + i * bytes)));
    const position = value === undefined ? FARTHEST : Number(value - BigInt.asUintN(bits, rip));
    if (Math.abs(position) >= FARTHEST) break;
    const page = code.pageOf(position);
    if (page !== undefined && code.isLukewarm(page, position)) found.add(position);
  }
  return [...found];
}

/** Where an indirect branch leads with the registers and the memory that there are now, if that is known. */
export function branchTargetNow(
  code: ExecutedCode,
  { decoded, selection, registers, end }: RegionInstruction,
): bigint | undefined {
  const { bits, rip } = code.page;
  if (selection.shape.operands[0]?.kind === "register")
    return code.registerNow((registers[0] as RegisterOperand).number);
  const { base, index, scaleShift, segment, displacement, addressSize } = decoded;
  if (addressSize !== bits || segment === SEGMENT.cs || segment >= SEGMENT.fs) return undefined;
  let address = BigInt(displacement);
  if (base === BASE_RIP) address += rip + BigInt(end);
  else if (base >= 0) address += code.registerNow(base);
  if (index >= 0) address += code.registerNow(index) << BigInt(scaleShift);
  return code.pointerAt(BigInt.asUintN(bits, address));
}
