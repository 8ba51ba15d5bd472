import { BASE_RIP, type DecodedInstruction, NO_REGISTER } from "@likex/x86-decoder";

export type Bits = 16 | 32 | 64;

/** One instruction with what its text depends on beside its own fields. */
export interface Located {
  readonly instruction: DecodedInstruction;
  readonly bits: Bits;
  /** Address of the first byte. */
  readonly address: bigint;
}

const LOW_BYTES = ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"];
const REX_BYTES = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];
const WORDS = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];
export const SIZE_NAMES: Readonly<Record<number, string>> = { 8: "byte ", 16: "word ", 32: "dword ", 64: "qword " };
const EXTENDED_SUFFIX: Readonly<Record<number, string>> = { 8: "b", 16: "w", 32: "d", 64: "" };
/** PREFIX.rex of the decoder. */
const REX = 32;

export const hex = (value: bigint | number): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

export function registerName(number: number, bits: number, prefixes: number): string {
  if (number >= 8) return `r${number}${EXTENDED_SUFFIX[bits] ?? ""}`;
  if (bits === 8) return ((prefixes & REX) !== 0 ? REX_BYTES : LOW_BYTES)[number] ?? "";
  return (bits === 16 ? "" : bits === 32 ? "e" : "r") + (WORDS[number] ?? "");
}

export const segmentName = (number: number): string => SEGMENTS[number] ?? "";

/** Bits of an operand by the second part of its code (SDM Vol 2, appendix A.2.2); 0 where no size is named. */
export function operandBits(type: string, { operandSize }: DecodedInstruction, bits: Bits): number {
  switch (type.charAt(0)) {
    case "b":
      return 8;
    case "w":
      return 16;
    case "d":
      return type === "dq" ? 0 : 32;
    case "q":
      return 64;
    case "v":
      return operandSize;
    case "z":
      return Math.min(operandSize, 32);
    case "y":
      return bits === 64 && operandSize === 64 ? 64 : 32;
    default:
      return 0;
  }
}

function displacementOf({ displacement, displacementHigh }: DecodedInstruction): bigint {
  return (BigInt(displacementHigh) << 32n) | BigInt(displacement >>> 0);
}

/** `[base+index*scale+displacement]`, with the segment where a prefix names it. */
export function memoryText({ instruction, bits, address }: Located, size: number): string {
  const { base, index, scaleShift, addressSize, segmentPrefix, length } = instruction;
  const overridden = segmentPrefix >= 4 || (segmentPrefix >= 0 && bits !== 64);
  const segment = overridden ? `${segmentName(segmentPrefix)}:` : "";
  const keyword = SIZE_NAMES[size] ?? "";
  const displacement = displacementOf(instruction);
  if (base === BASE_RIP) {
    const target = BigInt.asUintN(addressSize, address + BigInt(length) + displacement);
    return `${keyword}[${segment}rel ${hex(target)}]`;
  }
  const parts: string[] = [];
  if (base !== NO_REGISTER) parts.push(registerName(base, addressSize, 0));
  if (index !== NO_REGISTER)
    parts.push(registerName(index, addressSize, 0) + (scaleShift === 0 ? "" : `*${1 << scaleShift}`));
  if (parts.length === 0) {
    // Without a register nothing else says how wide an address of another width than the mode's is.
    const isUsual = addressSize === bits && displacement === BigInt.asIntN(32, displacement);
    const width = isUsual || (addressSize < 64 && addressSize === bits) ? "" : (SIZE_NAMES[addressSize] ?? "");
    return `${keyword}[${width}${segment}${hex(BigInt.asUintN(addressSize, displacement))}]`;
  }
  const signed = BigInt.asIntN(addressSize, displacement);
  const tail = signed === 0n ? "" : signed < 0n ? `-${hex(-signed)}` : `+${hex(signed)}`;
  return `${keyword}[${segment}${parts.join("+")}${tail}]`;
}

/** The immediate as an unsigned number of `size` bits. */
export function immediateText({ immediate, immediateHigh }: DecodedInstruction, size: number): string {
  return hex(BigInt.asUintN(size, (BigInt(immediateHigh) << 32n) | BigInt(immediate >>> 0)));
}

/** Where a relative branch goes. */
export function targetText({ instruction, address, bits }: Located): string {
  const width = bits === 64 ? 64 : instruction.operandSize;
  return hex(BigInt.asUintN(width, address + BigInt(instruction.length) + BigInt(instruction.immediate)));
}
