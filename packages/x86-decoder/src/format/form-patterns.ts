import type { InstructionForm } from "../forms.ts";

/** Rules for forms that fit a pattern. */
export type PatternRules<T> = readonly (readonly [pattern: string, value: T])[];

interface Rule<T> {
  readonly place: number;
  readonly operands: string;
  readonly encoding: string | undefined;
  readonly value: T;
}

/**
 * Looks up what rules say about a form. A pattern is mnemonics ("*": all), then after a colon operand lists ("*": all;
 * "-": none), then after another colon the encoding column of the instruction table. Words are separated by blanks; one of
 * each must fit.
 */
export class PatternTable<T> {
  /** By mnemonic, or "*" and an operand list: looking a form up takes a microsecond, trying all patterns hundreds. */
  readonly #rules = new Map<string, Rule<T>[]>();

  constructor(rules: PatternRules<T>) {
    rules.forEach(([pattern, value], place) => {
      const [mnemonics = "", operands = "*", encoding] = pattern.split(":").map((part) => part.trim());
      for (const list of operands.split(" ")) {
        for (const mnemonic of mnemonics.split(" ")) {
          const key = mnemonic === "*" ? `* ${list}` : mnemonic;
          const known = this.#rules.get(key) ?? [];
          known.push({ place, operands: list, encoding, value });
          this.#rules.set(key, known);
        }
      }
    });
  }

  /** The values of the rules that the form fits, in the rules' order. */
  find(form: InstructionForm): T[] {
    const operands = form.operands.join(",") || "-";
    return [...(this.#rules.get(form.mnemonic) ?? []), ...(this.#rules.get(`* ${operands}`) ?? [])]
      .filter((rule) => rule.operands === "*" || rule.operands === operands)
      .filter((rule) => (rule.encoding ?? form.encoding) === form.encoding)
      .sort((a, b) => a.place - b.place)
      .map((rule) => rule.value);
  }
}

/** INS, OUTS, MOVS, LODS and STOS; the operand lists tell them from the vector instructions of the same names. */
const MOVING =
  "Yb,DX Yw,DX Yd,DX DX,Xb DX,Xw DX,Xd Yb,Xb Yw,Xw Yd,Xd Yq,Xq Yb,AL Yw,rAX Yd,rAX Yq,rAX AL,Xb rAX,Xw rAX,Xd rAX,Xq";

/** CMPS and SCAS. */
const COMPARING = "Xb,Yb Xw,Yw Xd,Yd Xq,Yq AL,Yb rAX,Yw rAX,Yd rAX,Yq";

export const MOVING_STRINGS: string = `* : ${MOVING}`;

export const COMPARING_STRINGS: string = `* : ${COMPARING}`;

/** All string instructions. */
export const STRING_INSTRUCTIONS: string = `* : ${MOVING} ${COMPARING}`;

/** Instructions of VIA's PadLock; they take REP. */
export const PADLOCK: string =
  "montmul xsha1 xsha256 xsha512 xsha512_alt xstore xstore_alt xcryptecb xcryptcbc xcryptctr xcryptcfb xcryptofb " +
  "ccs_hash ccs_encrypt undoc";
