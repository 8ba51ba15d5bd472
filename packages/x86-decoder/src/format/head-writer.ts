import { PREFIX, ROW_NO_REGISTER, SEGMENT } from "../constants.ts";
import { ROW_FLAGS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import { FORM_PREFIX } from "./form-prefixes.ts";
import type { PieceMaker } from "./piece-maker.ts";
import type { Line, Part, Piece } from "./pieces.ts";
import type { Head, Plan } from "./plan.ts";
import {
  addressSizeOf,
  isResized,
  modeOf,
  operandSizeOf,
  overridingSegment,
  SEGMENT_NAMES,
  segmentPrefixOf,
  sizesOf,
} from "./sizes-and-segments.ts";
import type { SizeWordRule } from "./styles.ts";
import type { Syntax } from "./syntax.ts";

/** By operand or address size; the fourth does not exist. */
const BITS = ["16", "32", "64", ""];

/** Writes what stands before the operands: prefixes and the mnemonic. */
export class HeadWriter {
  readonly #syntax: Syntax;
  readonly #pieces: PieceMaker;

  constructor(syntax: Syntax, pieces: PieceMaker) {
    this.#syntax = syntax;
    this.#pieces = pieces;
  }

  /** The plan's head for a row's sizes. */
  head(plan: Plan, flags: number): Head {
    const { style } = plan;
    const operandSize = operandSizeOf(flags);
    const addressSize = addressSizeOf(flags);
    const resized = isResized(plan, flags);
    const name =
      (resized ? style.nameIfResized?.[operandSize] : undefined) ??
      (addressSize !== modeOf(flags) ? style.nameIfReaddressed?.[addressSize] : undefined) ??
      style.nameBySize?.[operandSize] ??
      style.nameByAddress?.[addressSize] ??
      plan.mnemonic;
    const keyword = (resized ? style.keywordIfResized?.[operandSize] : undefined) ?? style.keyword ?? "";
    const blank: Part[] = plan.operands.length > 0 ? [["punctuation", " "]] : [];
    const words: Part[] =
      keyword === ""
        ? []
        : [
            ["punctuation", " "],
            ["keyword", keyword],
          ];
    const head = { piece: this.#pieces.piece(["mnemonic", name], ...words, ...blank), registers: [] };
    plan.heads[sizesOf(flags)] = head;
    return head;
  }

  /** Writes words for the operand and address size that a prefix chose, if the plan wants them. */
  writeSizeWords(plan: Plan, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    const isRegister = (rows.registers[i]! & 3) === 3;
    const key = (sizesOf(flags) << 1) | (isRegister ? 1 : 0);
    let piece = plan.sizeWords[key];
    if (piece === undefined) {
      piece = this.#sizeWords(plan, flags, isRegister);
      plan.sizeWords[key] = piece;
    }
    if (piece !== "none") line.add(piece);
  }

  #sizeWords(plan: Plan, flags: number, isRegister: boolean): Piece | "none" {
    const { sizeWord, addressWord } = plan.style;
    const mode = modeOf(flags);
    const operandSize = operandSizeOf(flags);
    const fits = (rule: SizeWordRule | undefined): boolean =>
      rule === "any" ||
      (rule === "memory" && !isRegister) ||
      (rule === "mode64" && mode === 2) ||
      (rule === "64" && operandSize === 2) ||
      (rule === "not64" && operandSize !== 2);
    const parts: Part[] = [];
    if (fits(sizeWord) && isResized(plan, flags)) {
      parts.push(["prefix", this.#syntax.operandSizeWord + BITS[operandSize]!], ["punctuation", " "]);
    }
    if (fits(addressWord) && addressSizeOf(flags) !== mode) {
      parts.push(["prefix", this.#syntax.addressSizeWord + BITS[addressSizeOf(flags)]!], ["punctuation", " "]);
    }
    return parts.length === 0 ? "none" : this.#pieces.piece(...parts);
  }

  /** Writes the prefixes that mean something for the form; called if there is one at all. */
  writePrefixes(plan: Plan, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    const { prefixes } = plan;
    const isMemory = (rows.registers[i]! & 3) !== 3;
    const isRep = (flags & PREFIX.rep) !== 0;
    const isRepne = (flags & PREFIX.repne) !== 0;
    const isLocked = (flags & PREFIX.lock) !== 0;
    const segment = overridingSegment(flags, ROW_NO_REGISTER);
    const prefix = segmentPrefixOf(flags);
    // In 64-bit mode FS and GS win over CS and DS, wherever they stand.
    const isHint = (prefix === SEGMENT.cs || prefix === SEGMENT.ds) && segment < SEGMENT.fs;
    if (isHint && (prefixes & FORM_PREFIX.hints) !== 0) {
      this.#word(prefix === SEGMENT.cs ? this.#syntax.notTaken : this.#syntax.taken, line);
    } else if (segment >= 0 && plan.style.segmentWord === "before") this.#word(SEGMENT_NAMES[segment]!, line);
    const isElided =
      isMemory && ((prefixes & FORM_PREFIX.hleWithoutLock) !== 0 || (isLocked && (prefixes & FORM_PREFIX.hle) !== 0));
    if (isElided && isRepne) this.#word("xacquire", line);
    if (isRep && (isElided || (isMemory && (prefixes & FORM_PREFIX.xrelease) !== 0))) this.#word("xrelease", line);
    if (isLocked) this.#word("lock", line);
    if (isHint && prefix === SEGMENT.ds && (prefixes & FORM_PREFIX.notrack) !== 0) this.#word("notrack", line);
    if (isRep) {
      if ((prefixes & FORM_PREFIX.repe) !== 0) this.#word("repe", line);
      else if ((prefixes & FORM_PREFIX.rep) !== 0) this.#word("rep", line);
    } else if (isRepne) {
      if ((prefixes & FORM_PREFIX.bnd) !== 0) this.#word("bnd", line);
      else if ((prefixes & (FORM_PREFIX.rep | FORM_PREFIX.repe)) !== 0) this.#word("repne", line);
    }
  }

  #word(text: string, line: Line): void {
    line.put("prefix", this.#pieces.word(text));
    line.put("punctuation", " ");
  }
}

/** Flags of rows for which `writePrefixes` has something to do. */
export const PREFIXES_TO_WRITE: number = PREFIX.lock | PREFIX.rep | PREFIX.repne | (7 << ROW_FLAGS.segmentPrefixShift);
