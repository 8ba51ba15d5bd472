import type { Token, TokenKind } from "./formatter.ts";

/** Text that is made once and used often, and what it consists of. */
export interface Piece {
  readonly text: string;
  /** Joined, they are `text`. */
  readonly tokens: readonly Token[];
}

/** A piece's parts: pairs of kind and text. */
export type Part = readonly [TokenKind, string];

/** The parts of a piece, to begin another piece with. */
export const partsOf = (piece: Piece): Part[] => piece.tokens.map(({ kind, text }) => [kind, text]);

/** Joins parts; empty ones are left out. `letters` applies to all but numbers, symbols and punctuation. */
export function pieceOf(parts: readonly Part[], letters: "upper" | "lower"): Piece {
  const tokens = parts
    .filter(([, text]) => text !== "")
    .map(([kind, text]) => ({ kind, text: letters === "upper" && kind !== "number" ? text.toUpperCase() : text }));
  return { text: tokens.map((token) => token.text).join(""), tokens };
}

/**
 * The pieces of one instruction in the making. Putting two strings together takes 15 ns and everything else about a piece
 * 3 ns, so the formatters have pieces that are as long as can be.
 */
export class Line {
  readonly #texts: string[] = [];
  readonly #sources: (Piece | TokenKind)[] = [];
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  add(piece: Piece): void {
    this.#texts[this.#count] = piece.text;
    this.#sources[this.#count++] = piece;
  }

  put(kind: TokenKind, text: string): void {
    this.#texts[this.#count] = text;
    this.#sources[this.#count++] = kind;
  }

  text(): string {
    const texts = this.#texts;
    const count = this.#count;
    let text = texts[0]!;
    for (let i = 1; i < count; i++) text += texts[i]!;
    return text;
  }

  tokens(): Token[] {
    return this.#sources.slice(0, this.#count).flatMap((source, i) => {
      return typeof source === "string" ? [{ kind: source, text: this.#texts[i]! }] : source.tokens;
    });
  }
}
