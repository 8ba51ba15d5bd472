import type { Token, TokenKind } from "./formatter.ts";

/** Text that is made once and used often, and what it consists of. */
export interface Piece {
  readonly text: string;
  /** Joined, they are `text`. */
  readonly tokens: readonly Token[];
}

/** A piece's parts: pairs of kind and text. */
export type Part = readonly [TokenKind, string];

/** Joins parts; empty ones are left out. `letters` applies to all but numbers, symbols and punctuation. */
export function pieceOf(parts: readonly Part[], letters: "upper" | "lower"): Piece {
  const tokens = parts
    .filter(([, text]) => text !== "")
    .map(([kind, text]) => ({ kind, text: letters === "upper" && kind !== "number" ? text.toUpperCase() : text }));
  return { text: tokens.map((token) => token.text).join(""), tokens };
}

/** Where a formatter writes: a string, or tokens. */
export interface Output {
  add(piece: Piece): void;
  put(kind: TokenKind, text: string): void;
}

/** Collects a string. */
export class TextOutput implements Output {
  text = "";

  add(piece: Piece): void {
    this.text += piece.text;
  }

  put(_kind: TokenKind, text: string): void {
    this.text += text;
  }
}

/** Collects tokens. */
export class TokenOutput implements Output {
  readonly tokens: Token[] = [];

  add(piece: Piece): void {
    this.tokens.push(...piece.tokens);
  }

  put(kind: TokenKind, text: string): void {
    this.tokens.push({ kind, text });
  }
}
