import { FLAG } from "../../src/info/facts.ts";

const FLAG_LETTERS: Readonly<Record<string, number>> = {
  c: FLAG.carry,
  p: FLAG.parity,
  a: FLAG.auxiliary,
  z: FLAG.zero,
  s: FLAG.sign,
  i: FLAG.interrupt,
  d: FLAG.direction,
  o: FLAG.overflow,
  A: FLAG.alignmentCheck,
  U: FLAG.userInterrupt,
  "0": FLAG.c0,
  "1": FLAG.c1,
  "2": FLAG.c2,
  "3": FLAG.c3,
};

/** The flags column in the FLAG_USE numbers of src/info/layout.ts; throws for a word that means nothing. */
export function parseFlags(text: string): readonly number[] {
  const masks = new Map<string, number>();
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const match = /^((?:1:|32:)?[rw01u])=([a-zAU0-3]+)$/.exec(word);
    if (match === null) throw new Error(`flags "${word}"`);
    const [, kind = "", letters = ""] = match;
    let mask = 0;
    for (const letter of letters) {
      const bit = FLAG_LETTERS[letter];
      if (bit === undefined) throw new Error(`flag "${letter}" in "${word}"`);
      mask |= bit;
    }
    masks.set(kind, mask);
  }
  return ["r", "w", "0", "1", "u", "1:w", "1:0", "32:r", "32:w"].map((kind) => masks.get(kind) ?? 0);
}
