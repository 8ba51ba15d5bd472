import type { PatternRules } from "./form-patterns.ts";

/** A name for each operand or address size: 16, 32, 64. */
export type BySize<T = string> = readonly [T, T, T];

/** Under which circumstances a form is written in another way. */
export type Circumstance =
  /** Its first two register operands are the same. */
  | "same-register"
  /** Its ST(i) operand is ST(1). */
  | "st1"
  /** The operand size is not what the mode has without a prefix. */
  | "resized"
  /** The address size is not the mode's. */
  | "resized-address"
  /** The immediate is 10. */
  | "ten"
  /** The address size is not the mode's, or a segment override counts for one of its operands. */
  | "readdressed";

/** When a memory operand has its size in front; "resized": if a prefix changed it; "below512": for 128 and 256 bits. */
export type MemorySizeRule = "always" | "never" | "resized" | "below512";

/**
 * When the operand size is a word: always, for memory operands, in 64-bit mode, if it is 64, if it is not 64.
 */
export type SizeWordRule = "any" | "memory" | "mode64" | "64" | "not64";

/** How a syntax writes a form; what is absent is written as usual. */
export interface Style {
  /** Instead of the table's mnemonic. */
  readonly name?: string;
  readonly nameBySize?: BySize;
  readonly nameByAddress?: BySize;
  /** By operand size, if that is not what the mode has without a prefix. */
  readonly nameIfResized?: BySize;
  /** By address size, if that is not the mode's. */
  readonly nameIfReaddressed?: BySize;
  /** When a word before the mnemonic, as "data16" and "o16", says the operand size that a prefix chose. */
  readonly sizeWord?: SizeWordRule | undefined;
  /** Whether a word before the mnemonic says the address size that a prefix chose, as "addr32" and "a32". */
  readonly addressWord?: "any" | "mode64";
  /** Behind the mnemonic. */
  readonly keyword?: string | undefined;
  /** Behind the mnemonic by operand size, if that is not what the mode has without a prefix. */
  readonly keywordIfResized?: BySize | undefined;
  /** Which operands are written: their numbers in the form, operand codes of others, or a number behind a quote. */
  readonly operands?: string;
  readonly memorySize?: MemorySizeRule;
  /** Instead of the size's usual keyword, by operand size; in 16- and 32-bit code the third if no prefix chose the size. */
  readonly memoryKeyword?: BySize;
  /** Behind the operands if a prefix chose the address size: by address size. */
  readonly counter?: BySize;
  /** Whether a word before the mnemonic says the segment that a prefix chose, or an operand behind the others. */
  readonly segmentWord?: "before" | "behind" | undefined;
  /** Instead of the syntax's usual keyword before a broadcast. */
  readonly broadcastKeyword?: string;
  /** Number of the operand behind which a rounding mode stands, if it is not the syntax's usual one. */
  readonly roundingAfter?: number;
  /** Segment overrides are not written: the instruction only calculates an address. */
  readonly ignoresSegment?: boolean;
  /** 64-bit general registers are written as 32-bit ones: the rest of the register does not count. */
  readonly narrow?: boolean;
  readonly otherwise?: { readonly when: Circumstance; readonly style: Style } | undefined;
}

/** Styles by pattern; where several fit, a later one's choices replace an earlier one's. */
export type Styles = PatternRules<Style>;
