import { REGISTER_CLASS, REGISTER_NAMES } from "../registers.ts";
import { type Part, type Piece, pieceOf } from "./pieces.ts";
import type { Syntax } from "./syntax.ts";

/** Makes pieces in one syntax and one choice of letters. */
export class PieceMaker {
  readonly #syntax: Syntax;
  readonly #letters: "upper" | "lower";
  /** By class, and whether a comma stands before the register. */
  readonly #registers: (readonly Piece[])[] = [];

  constructor(syntax: Syntax, letters: "upper" | "lower") {
    this.#syntax = syntax;
    this.#letters = letters;
  }

  piece(...parts: readonly Part[]): Piece {
    return pieceOf(parts, this.#letters);
  }

  /** A word in the letters chosen. */
  word(text: string): string {
    return this.#letters === "upper" ? text.toUpperCase() : text;
  }

  /** Pieces of a class's 32 registers. */
  registers(registerClass: number, hasSeparator: boolean): readonly Piece[] {
    const key = registerClass * 2 + (hasSeparator ? 1 : 0);
    const known = this.#registers[key];
    if (known !== undefined) return known;
    const pieces = Array.from({ length: 32 }, (_, i) => {
      const name =
        registerClass === REGISTER_CLASS.x87 ? this.#syntax.stackRegister(i) : REGISTER_NAMES[registerClass * 32 + i];
      return this.piece(["punctuation", hasSeparator ? "," : ""], ["register", name ?? ""]);
    });
    this.#registers[key] = pieces;
    return pieces;
  }

  /** ST(0) where the form names it. */
  stackTop(hasSeparator: boolean): Piece {
    return this.piece(["punctuation", hasSeparator ? "," : ""], ["register", this.#syntax.stackTop]);
  }
}
