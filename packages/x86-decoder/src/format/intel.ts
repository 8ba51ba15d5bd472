import { BracketFormatter } from "./bracket-formatter.ts";
import type { FormatterOptions, InstructionFormatter } from "./formatter.ts";
import { INTEL_STYLES } from "./intel-styles.ts";
import { pointerSizes, sizeRuleOfIntel } from "./memory-sizes.ts";
import type { Syntax } from "./syntax.ts";

export type * from "./formatter.ts";

const INTEL: Syntax = {
  styles: INTEL_STYLES,
  sizes: pointerSizes({ 14: "fpuenv14 ptr", 28: "fpuenv28 ptr", 94: "fpustate94 ptr", 108: "fpustate108 ptr" }),
  memorySize: sizeRuleOfIntel,
  stackRegister: (i) => `st(${i})`,
  stackTop: "st",
  operandSizeWord: "data",
  addressSizeWord: "addr",
  notTaken: "hint-not-taken",
  taken: "hint-taken",
  segmentInside: false,
  showsDs: false,
  relative: ["", "", ""],
  offsetSizes: ["", "", ""],
  broadcastWords: undefined,
  gatherMaskIsOperand: true,
  roundingPlace: "first",
  roundingSeparator: "",
  roundings: ["{rne-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"],
  selectorFirst: false,
  farSeparator: ",",
  offsetOf: "",
};

/**
 * A formatter for the notation of the Intel manual: "mov eax,[rbx+rcx*4+10h]", "jmp short 0000000000001000h".
 *
 * Numbers are hexadecimal, "0FFh", and below 10 a digit; displacements have a sign, immediates have none. The symbol resolver
 * is asked about branch targets, addresses without registers, displacements beside registers whose size is at least 1000h,
 * and immediates wider than a byte. Bytes that are no instruction are "(bad)".
 */
export function createIntelFormatter(options: FormatterOptions = {}): InstructionFormatter {
  return new BracketFormatter(INTEL, options);
}
