import type { InstructionRows } from "../rows.ts";

/** A name for an address. */
export interface SymbolMatch {
  readonly name: string;
  /** Where the symbol begins; the text shows the distance from it. */
  readonly address: bigint;
}

/** Finds the symbol that an address belongs to; undefined: the number is shown. */
export type SymbolResolver = (address: bigint, use: "branch" | "memory" | "immediate") => SymbolMatch | undefined;

/** How numbers are written; each syntax has its own defaults. */
export interface NumberOptions {
  readonly base?: 10 | 16;
  /** Before a hexadecimal number, as "0x". */
  readonly prefix?: string;
  /** Behind a hexadecimal number, as "h". */
  readonly suffix?: string;
  /** Digits A to F, or a to f. */
  readonly digits?: "upper" | "lower";
}

export interface FormatterOptions {
  readonly symbols?: SymbolResolver;
  readonly numbers?: NumberOptions;
  /** Mnemonics, registers and keywords. */
  readonly letters?: "upper" | "lower";
}

/** What a piece of text is, for colours. */
export type TokenKind =
  | "prefix"
  | "mnemonic"
  | "register"
  | "number"
  | "keyword"
  | "symbol"
  | "decorator"
  | "punctuation";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** Text of decoded instructions in one syntax. */
export interface InstructionFormatter {
  /** The text of row `i`. `base` is the address of the byte at offset 0 of the rows' offsets. */
  format(rows: InstructionRows, i: number, base: bigint): string;
  /** The same in pieces; joined, they are what `format` returns. */
  tokens(rows: InstructionRows, i: number, base: bigint): Token[];
}
