import { BracketFormatter } from "./bracket-formatter.ts";
import type { FormatterOptions, InstructionFormatter } from "./formatter.ts";
import { MASM_STYLES } from "./masm-styles.ts";
import { pointerSizes, sizeRuleOfMasm } from "./memory-sizes.ts";
import type { Syntax } from "./syntax.ts";

export type * from "./formatter.ts";

const MASM: Syntax = {
  styles: MASM_STYLES,
  sizes: pointerSizes({ 14: "fpuenv14 ptr", 28: "fpuenv28 ptr", 94: "fpustate94 ptr", 108: "fpustate108 ptr" }),
  memorySize: sizeRuleOfMasm,
  stackRegister: (i) => `st(${i})`,
  stackTop: "st",
  operandSizeWord: "",
  addressSizeWord: "",
  notTaken: "hnt",
  taken: "ht",
  segmentInside: false,
  showsDs: true,
  relative: ["", "", ""],
  offsetSizes: ["", "", ""],
  broadcastWords: { 2: "word bcst", 4: "dword bcst", 8: "qword bcst" },
  gatherMaskIsOperand: false,
  roundingPlace: "last",
  roundingSeparator: "",
  roundings: ["{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"],
  selectorFirst: true,
  farSeparator: ":",
  offsetOf: "offset ",
};

/**
 * A formatter for Microsoft's assembler: "mov eax,ds:[1234h]", "jmp near ptr 0000000000001000h".
 *
 * Numbers are hexadecimal, "0FFh", and below 10 a digit; displacements have a sign, immediates have none. The symbol resolver
 * is asked about branch targets, addresses without registers, displacements beside registers whose size is at least 1000h,
 * and immediates wider than a byte. Bytes that are no instruction are "(bad)".
 */
export function createMasmFormatter(options: FormatterOptions = {}): InstructionFormatter {
  return new BracketFormatter(MASM, options);
}
