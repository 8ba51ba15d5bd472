import { FORMS, type InstructionRows, ROW_FLAGS, ROW_REGISTERS, SEGMENT } from "@likex/x86-decoder";

const BASE_EBX = 3;
const BASE_RIP = 32;
const NONE = 63;

/** 1 for forms with a relative branch target: J operands. */
const IS_BRANCH: Uint8Array = Uint8Array.from(FORMS, ({ operands }) =>
  operands.some((code) => code.startsWith("J")) ? 1 : 0,
);

/** 1 for forms with a direct offset, whose high half is an immediate: O operands. */
const HAS_OFFSET: Uint8Array = Uint8Array.from(FORMS, ({ operands }) =>
  operands.some((code) => code.startsWith("O")) ? 1 : 0,
);

/** Where a relative branch goes; undefined for other instructions. `base` is the address of offset 0. */
export function branchTarget(rows: InstructionRows, i: number, base: bigint): bigint | undefined {
  if (IS_BRANCH[rows.form[i]!] === 0) return undefined;
  const flags = rows.flags[i]!;
  const is64 = ((flags >> ROW_FLAGS.modeShift) & 3) === 2;
  const bits = is64 ? 64 : 16 << ((flags >> ROW_FLAGS.operandSizeShift) & 3);
  return BigInt.asUintN(bits, base + BigInt(rows.offset[i]! + rows.length[i]! + rows.immediate[i]!));
}

/**
 * The address of a memory operand without a register but RIP; with `ebx` also of one relative to EBX, by its value.
 * Undefined for other instructions.
 */
export function memoryAddress(rows: InstructionRows, i: number, base: bigint, ebx?: bigint): bigint | undefined {
  const registers = rows.registers[i]!;
  if ((registers & 3) === 3 || ((registers >> ROW_REGISTERS.indexShift) & 63) !== NONE) return undefined;
  const register = (registers >> ROW_REGISTERS.baseShift) & 63;
  const bits = 16 << ((rows.flags[i]! >> ROW_FLAGS.addressSizeShift) & 3);
  const displacement = BigInt(rows.displacement[i]!);
  if (register === BASE_RIP) {
    return BigInt.asUintN(bits, base + BigInt(rows.offset[i]! + rows.length[i]!) + displacement);
  }
  if (register === NONE) {
    const high = HAS_OFFSET[rows.form[i]!] === 1 ? BigInt(rows.immediate2[i]!) << 32n : 0n;
    return BigInt.asUintN(bits, high === 0n ? displacement : high | BigInt.asUintN(32, displacement));
  }
  return register === BASE_EBX && ebx !== undefined ? BigInt.asUintN(bits, ebx + displacement) : undefined;
}

/** Whether the memory operand is relative to RIP, so that its text does not show its address. */
export const isRipRelative = (rows: InstructionRows, i: number): boolean =>
  (rows.registers[i]! & 3) !== 3 && ((rows.registers[i]! >> ROW_REGISTERS.baseShift) & 63) === BASE_RIP;

/** Whether the memory operand's segment has base 0 in programs of today: not FS or GS, which threads have of their own. */
export const hasFlatSegment = (rows: InstructionRows, i: number): boolean =>
  ((rows.flags[i]! >> ROW_FLAGS.segmentShift) & 7) < SEGMENT.fs;

/** What the linker will put into the bytes of an instruction, of the region's `relocations`. `base` is the address of offset 0. */
export function relocationsOf(
  relocations: ReadonlyMap<bigint, string>,
  base: bigint,
  rows: InstructionRows,
  i: number,
): string[] {
  if (relocations.size === 0) return [];
  const first = base + BigInt(rows.offset[i]!);
  return Array.from({ length: rows.length[i]! }, (_, n) => relocations.get(first + BigInt(n)) ?? []).flat();
}
