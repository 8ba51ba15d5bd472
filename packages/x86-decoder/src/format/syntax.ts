import type { InstructionForm } from "../forms.ts";
import type { MemorySizeRule, Styles } from "./styles.ts";

/** What a syntax with operands in Intel order does in its own way. */
export interface Syntax {
  readonly styles: Styles;
  /** Size keyword by bytes; with the blank behind it. */
  readonly sizes: Readonly<Record<number, string>>;
  /** Whether a memory operand of `form` has its size in front; decided once for each form. */
  readonly memorySize: (form: InstructionForm) => MemorySizeRule;
  /** ST(i). */
  readonly stackRegister: (i: number) => string;
  /** ST(0) where it is a fixed operand. */
  readonly stackTop: string;
  /** Words for operand and address size before the mnemonic, with the number of bits behind. */
  readonly operandSizeWord: string;
  readonly addressSizeWord: string;
  /** Branch hints 2E and 3E. */
  readonly notTaken: string;
  readonly taken: string;
  /** A segment is written inside the brackets. */
  readonly segmentInside: boolean;
  /** Memory at a displacement alone has DS written out in 16- and 32-bit code. */
  readonly showsDs: boolean;
  /** Before an address relative to the instruction pointer, by address size. */
  readonly relative: readonly [string, string, string];
  /** Before a direct offset (MOV AL,[...]) whose size is not the mode's; the second for 64 bits always. */
  readonly offsetSizes: readonly [string, string, string];
  /** Broadcast: the element's size as a word before the memory, instead of {1to4} behind it. */
  readonly broadcastWords: Readonly<Record<number, string>> | undefined;
  /** The mask of gathers and scatters is an operand, not {k1}. */
  readonly gatherMaskIsOperand: boolean;
  /** Rounding stands behind the first operand, the last register, or the last operand. */
  readonly roundingPlace: "first" | "register" | "last";
  /** Between the operand and the rounding. */
  readonly roundingSeparator: string;
  readonly roundings: readonly [string, string, string, string];
  /** Far pointers: selector first, and what is between the numbers. */
  readonly selectorFirst: boolean;
  readonly farSeparator: string;
  /** Before a symbol that is an immediate. */
  readonly offsetOf: string;
}
