/**
 * Lazy arithmetic flags. An instruction leaves what its flags follow from instead of the flags: a kind, its operand
 * width, the result and one source, both sign-extended to 64 bits. Sign-extension makes ZF, SF and PF, and the unsigned
 * comparison behind CF, independent of the width. CONTEXT.flagOperation holds kind * 4 + log2(width / 8).
 */
export const FLAG_KIND = {
  /** All six flags are in CONTEXT.flagSource, at their RFLAGS positions. */
  explicit: 0,
  /** result = a + source. */
  add: 1,
  /** result = a - source. */
  sub: 2,
  /** CF = OF = 0; AF is undefined and reads as 0. */
  logic: 3,
  /** result = a + 1; source is the carry from before, which INC keeps. */
  inc: 4,
  /** result = a - 1; source as for inc. */
  dec: 5,
  /** source = a << (count - 1): its sign is CF. AF and, for counts above 1, OF are undefined. */
  shl: 6,
  /** SHR and SAR: source = a >> (count - 1): its bit 0 is CF. */
  shr: 7,
} as const;

export type FlagKind = keyof typeof FLAG_KIND;

/** x86 condition codes (SDM Vol 1, appendix B): the low four bits of Jcc, SETcc and CMOVcc opcodes. */
export const CONDITIONS = [
  "o",
  "no",
  "b",
  "ae",
  "e",
  "ne",
  "be",
  "a",
  "s",
  "ns",
  "p",
  "np",
  "l",
  "ge",
  "le",
  "g",
] as const;

export type Condition = (typeof CONDITIONS)[number];
