/** A mistake in the text of a routine: where it is and what was expected. */
export class RoutineError extends Error {
  override readonly name: string = "RoutineError";
}

export interface Token {
  readonly kind: "name" | "number" | "symbol" | "end";
  readonly text: string;
  readonly line: number;
}

/** Longest first, so that >>> is not read as >> and >. A `u` after a comparison, division or remainder makes it unsigned. */
const SYMBOLS: readonly string[] = [
  ...[">>>=", "<<=", ">>=", ">>>", "<=u", ">=u", "->", "<<", ">>", "==", "!=", "<=", ">=", "<u", ">u", "/u", "%u"],
  ...["&&", "||", "+=", "-=", "*=", "&=", "|=", "^="],
  ...["(", ")", "{", "}", ",", ";", ":", "?", "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "="],
];

const SPACE = /(?:\s|\/\/[^\n]*)*/y;
const NUMBER = /(?:0x[0-9a-fA-F_]+|[0-9][0-9_]*)n?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

/** Splits a routine's text into tokens; the last one has the kind "end". */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined || found === "") return undefined;
    at += found.length;
    return found;
  };
  for (;;) {
    const space = take(SPACE);
    if (space !== undefined) line += space.split("\n").length - 1;
    if (at === text.length) return [...tokens, { kind: "end", text: "", line }];
    const number = take(NUMBER);
    const name = number === undefined ? take(NAME) : undefined;
    if (number !== undefined) tokens.push({ kind: "number", text: number.replaceAll("_", ""), line });
    else if (name !== undefined) tokens.push({ kind: "name", text: name, line });
    else {
      // `a <u b` is a comparison; `a <unit` is not, so a name must not follow at once.
      const symbol = SYMBOLS.find(
        (s) => text.startsWith(s, at) && !(s.endsWith("u") && /[A-Za-z0-9_]/.test(text[at + s.length] ?? "")),
      );
      if (symbol === undefined) throw new RoutineError(`line ${line}: cannot read ${JSON.stringify(text[at])}`);
      at += symbol.length;
      tokens.push({ kind: "symbol", text: symbol, line });
    }
  }
}
