import { ROW_FLAGS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import type { FormatterOptions, SymbolMatch, SymbolResolver } from "./formatter.ts";
import { createNumberText, type NumberText } from "./numbers.ts";
import type { OperandPlan } from "./operand-plan.ts";
import type { PieceMaker } from "./piece-maker.ts";
import type { Line, Piece } from "./pieces.ts";
import { modeOf, operandSizeOf } from "./sizes-and-segments.ts";
import type { Syntax } from "./syntax.ts";

/** Numbers below this have pieces of their own, made when first needed. */
const SMALL = 4096;

const TWO_32 = 0x1_0000_0000;

/** A 64-bit number in halves, each from 0 to 2^32 - 1. */
export interface Halves {
  low: number;
  high: number;
}

/** Writes what is a number, or a symbol in its place: immediates, branch targets, far pointers. */
export class ValueWriter {
  readonly numbers: NumberText;
  readonly #syntax: Syntax;
  readonly #pieces: PieceMaker;
  readonly symbols: SymbolResolver | undefined;
  readonly #immediates: (Piece | undefined)[] = new Array<Piece | undefined>(SMALL).fill(undefined);
  readonly #comma: Piece;
  readonly #base: Halves = { low: 0, high: 0 };
  #baseKnown = 0n;

  constructor(syntax: Syntax, options: FormatterOptions, pieces: PieceMaker) {
    this.#syntax = syntax;
    this.#pieces = pieces;
    this.symbols = options.symbols;
    this.numbers = createNumberText({ base: 16, prefix: "", suffix: "h", digits: "upper" }, options.numbers);
    this.#comma = pieces.piece(["punctuation", ","]);
  }

  /** The address of the byte at offset 0. BigInt is slow, so it is taken apart only when it changes. */
  setBase(base: bigint): void {
    if (base === this.#baseKnown) return;
    this.#baseKnown = base;
    this.#base.low = Number(BigInt.asUintN(32, base));
    this.#base.high = Number(BigInt.asUintN(32, base >> 32n));
  }

  /** Address of the byte `distance` behind the end of row `i`, modulo 2^64. */
  behind(rows: InstructionRows, i: number, distance: number, out: Halves): void {
    // Below 2^34 in size, so exact.
    const sum = this.#base.low + rows.offset[i]! + rows.length[i]! + distance;
    out.low = sum >>> 0;
    out.high = (this.#base.high + Math.floor(sum / TWO_32)) >>> 0;
  }

  writeImmediate(operand: OperandPlan, rows: InstructionRows, i: number, line: Line): void {
    const size = operand.sizes[(rows.flags[i]! >>> operand.selectShift) & 3]!;
    const { part } = operand;
    let low = part === 1 ? rows.immediate2[i]! : part === 2 ? 1 : rows.immediate[i]!;
    let high = 0;
    // VPERMIL2PS: two bits count (APM Vol 6), all four are written, so that assembling the text gives the same byte.
    if (part === 3) low &= 15;
    if (size === 1) low &= 0xff;
    else if (size === 2) low &= 0xffff;
    else {
      low >>>= 0;
      if (size === 8) high = rows.immediate2[i]! >>> 0;
    }
    if (this.symbols !== undefined && size > 1) {
      const symbol = this.resolve(low, high, "immediate");
      if (symbol !== undefined) {
        if (operand.hasSeparator) line.add(this.#comma);
        if (this.#syntax.offsetOf !== "") line.put("keyword", this.#pieces.word(this.#syntax.offsetOf));
        this.writeSymbol(symbol, low, high, line);
        return;
      }
    }
    if (operand.hasSeparator) {
      if (high === 0 && low < SMALL) {
        line.add(this.#immediates[low] ?? this.#makeImmediate(low));
        return;
      }
      line.add(this.#comma);
    }
    line.put("number", this.numbers.unsigned(low, high));
  }

  #makeImmediate(value: number): Piece {
    const piece = this.#pieces.piece(["punctuation", ","], ["number", this.numbers.unsigned(value, 0)]);
    this.#immediates[value] = piece;
    return piece;
  }

  /** XBEGIN has a 32-bit target whatever the operand size (SDM Vol 2D, XBEGIN). */
  writeBranch(isXbegin: boolean, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    const sum = this.#base.low + rows.offset[i]! + rows.length[i]! + rows.immediate[i]!;
    let low = sum >>> 0;
    let high = 0;
    let digits = 8;
    if (modeOf(flags) === 2) {
      high = (this.#base.high + Math.floor(sum / TWO_32)) >>> 0;
      digits = 16;
    } else if ((flags & (3 << ROW_FLAGS.operandSizeShift)) === 0 && !isXbegin) {
      low &= 0xffff;
      digits = 4;
    }
    const symbol = this.symbols === undefined ? undefined : this.resolve(low, high, "branch");
    if (symbol !== undefined) this.writeSymbol(symbol, low, high, line);
    else line.put("number", this.numbers.padded(low, high, digits));
  }

  writeFarPointer(rows: InstructionRows, i: number, line: Line): void {
    const { selectorFirst, farSeparator } = this.#syntax;
    const selector = this.numbers.padded(rows.immediate2[i]! & 0xffff, 0, 4);
    const offset = this.numbers.padded(rows.immediate[i]! >>> 0, 0, operandSizeOf(rows.flags[i]!) === 0 ? 4 : 8);
    line.put("number", selectorFirst ? selector : offset);
    line.put("punctuation", farSeparator);
    line.put("number", selectorFirst ? offset : selector);
  }

  resolve(low: number, high: number, use: "branch" | "memory" | "immediate"): SymbolMatch | undefined {
    return this.symbols?.((BigInt(high) << 32n) | BigInt(low), use);
  }

  writeSymbol(symbol: SymbolMatch, low: number, high: number, line: Line): void {
    line.put("symbol", symbol.name);
    const distance = ((BigInt(high) << 32n) | BigInt(low)) - symbol.address;
    if (distance === 0n) return;
    const size = distance < 0n ? -distance : distance;
    line.put("punctuation", distance < 0n ? "-" : "+");
    line.put(
      "number",
      this.numbers.unsigned(Number(BigInt.asUintN(32, size)), Number(BigInt.asUintN(32, size >> 32n))),
    );
  }
}
