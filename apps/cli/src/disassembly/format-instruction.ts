import { FORMS, PREFIX } from "@likex/x86-decoder";
import {
  hex,
  immediateText,
  type Located,
  memoryText,
  operandBits,
  registerName,
  SIZE_NAMES,
  segmentName,
  targetText,
} from "./operands.ts";

const FIXED_REGISTERS: ReadonlySet<string> = new Set(["AL", "CL", "DX", "CS", "DS", "ES", "FS", "GS", "SS"]);

/** The operand size, where it is not the one that the mode implies. */
function widthKeyword({ instruction: { operandSize }, bits }: Located): string {
  return operandSize === bits ? "" : (SIZE_NAMES[operandSize] ?? "");
}

/** The text of one operand, by its code (SDM Vol 2, appendix A.2). */
function operandText(located: Located, code: string): string {
  const { instruction, bits } = located;
  const { prefixes, operandSize, mod, reg, rm } = instruction;
  if (FIXED_REGISTERS.has(code)) return code.toLowerCase();
  if (code === "Ap")
    return `${widthKeyword(located)}${hex(instruction.immediate2)}:${immediateText(instruction, operandSize)}`;
  const kind = code.charAt(0);
  const type = code.slice(1);
  const size = operandBits(type, instruction, bits);
  switch (kind) {
    case "E":
      return mod === 3 ? registerName(rm, size, prefixes) : memoryText(located, size);
    case "M":
    case "O":
      return memoryText(located, size);
    case "G":
      return registerName(reg, type === "a" ? instruction.addressSize : size, prefixes);
    case "R":
    case "Z":
      return registerName(rm, type === "a" ? instruction.addressSize : size, prefixes);
    case "I":
      return immediateText(instruction, type === "bs" || type === "z" ? operandSize : size);
    case "J":
      return targetText(located);
    case "S":
      return segmentName(reg);
    case "C":
      return `cr${reg}`;
    case "D":
      return `dr${reg}`;
    case "r":
      return registerName(0, operandSize, prefixes);
    case "e":
      return registerName(0, Math.min(operandSize, 32), prefixes);
    default:
      return code.toLowerCase();
  }
}

const STRING_OPERAND = /^[XY][bwdq]$/;

/** REP as the instruction means it: REPE and REPNE where the zero flag counts. */
function repeatPrefix(mnemonic: string, prefixes: number): string {
  if ((prefixes & PREFIX.repne) !== 0) return "repne ";
  if ((prefixes & PREFIX.rep) === 0) return "";
  return /^(cmps|scas)/.test(mnemonic) ? "repe " : "rep ";
}

/** A string instruction: its operands are all in its name, but for a segment override. */
function stringText({ instruction: { segmentPrefix, prefixes }, bits }: Located, mnemonic: string): string {
  const isOverridden = segmentPrefix >= (bits === 64 ? 4 : 0);
  return `${isOverridden ? `${segmentName(segmentPrefix)} ` : ""}${repeatPrefix(mnemonic, prefixes)}${mnemonic}`;
}

/** The instruction in Intel syntax, as nasm writes it, in lower case; numbers are hexadecimal. */
export function formatInstruction(located: Located): string {
  const { form, prefixes } = located.instruction;
  const { mnemonic = "", operands = [] } = FORMS[form] ?? {};
  if (operands.some((code) => STRING_OPERAND.test(code))) return stringText(located, mnemonic);
  const lock = (prefixes & PREFIX.lock) !== 0 ? "lock " : "";
  const texts = operands.map((code) => operandText(located, code));
  if (mnemonic === "enter") texts[1] = hex(located.instruction.immediate2);
  // Only here the text would not say how many bytes are meant.
  if (mnemonic === "push" && operands[0]?.startsWith("I") === true) texts[0] = `${widthKeyword(located)}${texts[0]}`;
  if (operands[0] === "Mp") texts[0] = `${widthKeyword(located)}far ${texts[0]}`;
  return `${lock}${mnemonic}${texts.length === 0 ? "" : ` ${texts.join(", ")}`}`;
}
