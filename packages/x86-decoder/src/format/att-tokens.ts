import type { Token, TokenKind } from "./formatter.ts";

/** Stands for a number or symbol in a text that is to be cut into tokens. */
export const PLACEHOLDER = "\u0001";

const PIECE = /%st\(\d\)|%\w+|\{[^}]*\}|\d+|[a-z]\w*|\s+|./gis;

function kindOf(text: string): TokenKind {
  if (text.startsWith("%")) return "register";
  if (text.startsWith("{")) return "decorator";
  if (/^\d/.test(text)) return "number";
  return /^[a-z]/i.test(text) ? "keyword" : "punctuation";
}

/**
 * Cuts an instruction's text: `head` is its prefixes, `mnemonic` what follows them, `operands` the rest, where PLACEHOLDER
 * stands for each of `pieces` in turn.
 */
export function cutTokens(head: string, mnemonic: string, operands: string, pieces: readonly Token[]): Token[] {
  const tokens: Token[] = [];
  for (const prefix of head.split(" ").slice(0, -1)) {
    tokens.push({ kind: "prefix", text: prefix }, { kind: "punctuation", text: " " });
  }
  const word = mnemonic.trimEnd();
  tokens.push({ kind: "mnemonic", text: word });
  if (word !== mnemonic) tokens.push({ kind: "punctuation", text: " " });
  let next = 0;
  for (const [text] of operands.matchAll(PIECE)) {
    const piece = text === PLACEHOLDER ? pieces[next++] : undefined;
    tokens.push(piece ?? { kind: kindOf(text), text });
  }
  return tokens;
}
