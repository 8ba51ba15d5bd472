import type { InstructionForm } from "../forms.ts";
import { FORM_RULES } from "../generated/decode-tables.ts";
import { RULES } from "../layout.ts";
import { PatternTable } from "./form-patterns.ts";
import { formPrefixes } from "./form-prefixes.ts";
import { type OperandPlan, planOperand, WRITE } from "./operand-plan.ts";
import type { PieceMaker } from "./piece-maker.ts";
import type { Piece } from "./pieces.ts";
import { pseudoOperations } from "./pseudo-operations.ts";
import type { Circumstance, MemorySizeRule, Style } from "./styles.ts";
import type { Syntax } from "./syntax.ts";

/** The beginning of an instruction: mnemonic and keyword with the blank behind them, alone and with a first register. */
export interface Head {
  readonly piece: Piece;
  /** By register number, from 32 on AH to BH and their like; made when first needed. */
  readonly registers: (Piece | undefined)[];
}

/** Everything about a form that does not depend on the instruction. */
export interface Plan {
  readonly style: Style;
  readonly operands: readonly OperandPlan[];
  readonly mnemonic: string;
  /** FORM_PREFIX bits. */
  readonly prefixes: number;
  /** By `sizesOf`; made when first needed. */
  readonly heads: (Head | undefined)[];
  /** Words for sizes by `sizesOf` and register or memory; undefined: none, or not made yet. */
  readonly sizeWords: (Piece | "none" | undefined)[];
  readonly hasSizeWords: boolean;
  /** Whether the usual operand size in 64-bit mode is 64, not 32. */
  readonly usually64: boolean;
  /** Heads by immediate. */
  readonly pseudo: ReadonlyMap<number, Head> | undefined;
  /** Number of the operand behind which a rounding mode stands; the last one at most. */
  readonly roundingAfter: number;
  /** What EVEX.b means with registers: a rounding mode, the suppression of exceptions, nothing. */
  readonly exceptions: "er" | "sae" | undefined;
  /** Whether memory is addressed by a vector of indexes. */
  readonly isGather: boolean;
  readonly broadcastBytes: number;
  readonly memorySize: MemorySizeRule;
  /** Whether it has memory that a segment override applies to: all but STOS, SCAS, INS. */
  readonly hasSource: boolean;
  /** Whether something may stand behind the operands. */
  readonly hasTail: boolean;
  readonly circumstance: Circumstance | undefined;
  /** How the form is written under the circumstance. */
  readonly otherwise: Plan | undefined;
}

/** Makes plans of forms in one syntax. */
export class Planner {
  readonly #syntax: Syntax;
  readonly #pieces: PieceMaker;
  readonly #styles: PatternTable<Style>;

  constructor(syntax: Syntax, pieces: PieceMaker) {
    this.#syntax = syntax;
    this.#pieces = pieces;
    this.#styles = new PatternTable(syntax.styles);
  }

  plan(form: InstructionForm): Plan {
    const style = Object.assign({}, ...this.#styles.find(form)) as Style;
    return planStyle(form, style, this.#syntax, this.#pieces);
  }
}

function planStyle(form: InstructionForm, style: Style, syntax: Syntax, pieces: PieceMaker): Plan {
  const codes = style.operands?.split(" ").filter((code) => code !== "") ?? form.operands.map((_, i) => String(i));
  const operands = codes.map((code, i) => {
    const isSecondImmediate = form.operands.slice(0, Number(code) || 0).some((other) => other.startsWith("I"));
    const place = { isSecondImmediate, hasSeparator: i > 0 };
    return planOperand(form.operands[Number(code)] ?? code, place, { form, style, pieces });
  });
  const names = pseudoOperations(form.mnemonic, form.operands);
  const head = (name: string): Head => ({
    piece: pieces.piece(["mnemonic", name], ["punctuation", " "]),
    registers: [],
  });
  const has = (letter: string): boolean => form.operands.some((code) => code.startsWith(letter));
  const { otherwise } = style;
  return {
    style,
    operands,
    mnemonic: style.name ?? form.mnemonic,
    prefixes: formPrefixes(form),
    heads: [],
    sizeWords: [],
    hasSizeWords: style.sizeWord !== undefined || style.addressWord !== undefined,
    usually64: /\b[df]64\b/.test(form.encoding),
    pseudo: names === undefined ? undefined : new Map([...names].map(([value, name]) => [value, head(name)])),
    roundingAfter: style.roundingAfter ?? roundingAfter(operands, syntax),
    exceptions: form.attributes.includes("er") ? "er" : form.attributes.includes("sae") ? "sae" : undefined,
    isGather: form.operands.some((code) => code.includes("/vm")),
    broadcastBytes: 1 << (((FORM_RULES[form.id] ?? 0) >> RULES.broadcastShift) & RULES.broadcastMask),
    memorySize: style.memorySize ?? syntax.memorySize(form),
    hasSource: !has("Y") || has("X"),
    hasTail: style.counter !== undefined || style.segmentWord === "behind",
    circumstance: otherwise?.when,
    otherwise: otherwise && planStyle(form, { ...style, otherwise: undefined, ...otherwise.style }, syntax, pieces),
  };
}

function roundingAfter(operands: readonly OperandPlan[], { roundingPlace }: Syntax): number {
  if (roundingPlace === "first") return 0;
  if (roundingPlace === "last") return operands.length - 1;
  return operands.findLastIndex((operand) => operand.write !== WRITE.immediate);
}
