import { BracketFormatter } from "./bracket-formatter.ts";
import type { FormatterOptions, InstructionFormatter } from "./formatter.ts";
import { sizeRuleOfNasm } from "./memory-sizes.ts";
import { NASM_STYLES } from "./nasm-styles.ts";
import type { Syntax } from "./syntax.ts";

export type * from "./formatter.ts";

const NASM: Syntax = {
  styles: NASM_STYLES,
  sizes: { 1: "byte", 2: "word", 4: "dword", 8: "qword", 10: "tword", 16: "oword", 32: "yword", 64: "zword" },
  memorySize: sizeRuleOfNasm,
  stackRegister: (i) => `st${i}`,
  stackTop: "st0",
  operandSizeWord: "o",
  addressSizeWord: "a",
  notTaken: "cs",
  taken: "ds",
  segmentInside: true,
  showsDs: false,
  relative: ["rel ", "dword rel ", "rel "],
  offsetSizes: ["word ", "dword ", "qword "],
  broadcastWords: undefined,
  gatherMaskIsOperand: false,
  roundingPlace: "register",
  roundingSeparator: ",",
  roundings: ["{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"],
  selectorFirst: true,
  farSeparator: ":",
  offsetOf: "",
};

/**
 * A formatter for NASM: "mov eax,[rel 0FF6h]", "fadd to st1", "a32 movsd".
 *
 * Numbers are hexadecimal, "0FFh", and below 10 a digit; displacements have a sign, immediates have none. The symbol resolver
 * is asked about branch targets, addresses without registers, displacements beside registers whose size is at least 1000h,
 * and immediates wider than a byte. Bytes that are no instruction are "(bad)".
 */
export function createNasmFormatter(options: FormatterOptions = {}): InstructionFormatter {
  return new BracketFormatter(NASM, options);
}
