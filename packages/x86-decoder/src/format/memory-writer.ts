import { BASE_RIP, ROW_NO_REGISTER, SEGMENT } from "../constants.ts";
import { REGISTER_CLASS } from "../registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import type { Opening, OperandPlan } from "./operand-plan.ts";
import type { PieceMaker } from "./piece-maker.ts";
import { type Line, type Part, type Piece, partsOf } from "./pieces.ts";
import type { Head, Plan } from "./plan.ts";
import {
  addressSizeOf,
  isResized,
  modeOf,
  operandSizeOf,
  overridingSegment,
  SEGMENT_NAMES,
  sizesOf,
  usualSize,
  vainOverride,
} from "./sizes-and-segments.ts";
import type { Syntax } from "./syntax.ts";
import type { Halves, ValueWriter } from "./value-writer.ts";

const SMALL = 4096;
/** By address size; the fourth does not exist, but the field has two bits. */
const ADDRESS_CLASSES = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64, REGISTER_CLASS.gpr64];

/** Displacements from here on may be addresses, and are shown to the symbol resolver. */
const SYMBOL_DISTANCE = 0x1000;

const pieceTable = (): (Piece | undefined)[] => new Array<Piece | undefined>(SMALL).fill(undefined);

/** Writes memory operands: size, segment, and the address in brackets. */
export class MemoryWriter {
  readonly #syntax: Syntax;
  readonly #pieces: PieceMaker;
  readonly #values: ValueWriter;
  readonly #close: Piece;
  readonly #add: Piece;
  readonly #subtract: Piece;
  /** "+12h]" and "-12h]". */
  readonly #plus: (Piece | undefined)[] = pieceTable();
  readonly #minus: (Piece | undefined)[] = pieceTable();
  /** Index registers by class, scale and what stands before and behind. */
  readonly #indexes: (readonly Piece[] | undefined)[] = [];
  readonly #address: Halves = { low: 0, high: 0 };

  constructor(syntax: Syntax, pieces: PieceMaker, values: ValueWriter) {
    this.#syntax = syntax;
    this.#pieces = pieces;
    this.#values = values;
    this.#close = pieces.piece(["punctuation", "]"]);
    this.#add = pieces.piece(["punctuation", "+"]);
    this.#subtract = pieces.piece(["punctuation", "-"]);
  }

  /** Writes the memory operand of ModRM, or a direct offset; the head too if it is the first operand. */
  write(plan: Plan, head: Head, operand: OperandPlan, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    const registers = rows.registers[i]!;
    const base = (registers >>> ROW_REGISTERS.baseShift) & 63;
    const index = (registers >>> ROW_REGISTERS.indexShift) & 63;
    const displacement = rows.displacement[i]!;
    const segment =
      (flags & (7 << ROW_FLAGS.segmentPrefixShift)) === 0 || plan.style.ignoresSegment === true
        ? -1
        : overridingSegment(flags, base);
    if (base >= BASE_RIP && index === ROW_NO_REGISTER) {
      this.#writeAddress(plan, head, operand, segment, rows, i, line);
    } else {
      const opening = this.#opening(plan, head, operand, flags, segment);
      const hasBase = base !== ROW_NO_REGISTER;
      const isBare = index === ROW_NO_REGISTER && displacement === 0;
      if (!hasBase) line.add(opening.piece);
      else if (isBare) line.add(opening.closed[base] ?? this.#openWithBase(opening, opening.closed, base, flags));
      else line.add(opening.bases[base] ?? this.#openWithBase(opening, opening.bases, base, flags));
      if (index !== ROW_NO_REGISTER)
        this.#writeIndex(operand, flags, registers, index, hasBase, displacement === 0, line);
      if (displacement !== 0) this.#writeDisplacement(displacement, addressSizeOf(flags), line);
    }
    if ((flags & ROW_FLAGS.evexB) !== 0 && this.#syntax.broadcastWords === undefined) {
      const count = operand.sizes[(flags >>> operand.selectShift) & 3]! / plan.broadcastBytes;
      line.put("decorator", this.#pieces.word(`{1to${count}}`));
    }
  }

  /** Writes memory at a fixed register: of string instructions, XLAT, MASKMOVQ. */
  writeFixed(plan: Plan, head: Head, operand: OperandPlan, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    // A destination is in ES whatever the override says; that is written when there is one.
    let segment = plan.hasSource ? overridingSegment(flags, ROW_NO_REGISTER) : vainOverride(flags);
    if (operand.isDestination && segment >= 0) segment = SEGMENT.es;
    const opening = this.#opening(plan, head, operand, flags, segment);
    const base = operand.registerShift;
    line.add(opening.closed[base] ?? this.#openWithBase(opening, opening.closed, base, flags));
  }

  #opening(plan: Plan, head: Head, operand: OperandPlan, flags: number, segment: number): Opening {
    const key = (sizesOf(flags) << 2) | ((flags >>> operand.selectShift) & 3);
    const isBroadcast = (flags & ROW_FLAGS.evexB) !== 0;
    if (segment < 0 && !isBroadcast) {
      const known = operand.openings[key];
      if (known !== undefined) return known;
      const opening = this.#makeOpening(plan, head, operand, flags, segment);
      operand.openings[key] = opening;
      return opening;
    }
    const rareKey = (key << 4) | ((segment + 1) << 1) | (isBroadcast ? 1 : 0);
    let opening = operand.rareOpenings.get(rareKey);
    if (opening === undefined) {
      opening = this.#makeOpening(plan, head, operand, flags, segment);
      operand.rareOpenings.set(rareKey, opening);
    }
    return opening;
  }

  #makeOpening(plan: Plan, head: Head, operand: OperandPlan, flags: number, segment: number): Opening {
    const size = this.#size(plan, operand, flags);
    const override: Part[] =
      segment < 0
        ? []
        : [
            ["register", SEGMENT_NAMES[segment]!],
            ["punctuation", ":"],
          ];
    const bracket: Part = ["punctuation", "["];
    const before: Part[] = operand.hasSeparator ? [["punctuation", ","]] : partsOf(head.piece);
    const piece = this.#pieces.piece(
      ...before,
      ["keyword", size],
      ["punctuation", size === "" ? "" : " "],
      ...(this.#syntax.segmentInside ? [bracket, ...override] : [...override, bracket]),
    );
    return { piece, bases: [], closed: [] };
  }

  /** The keyword before memory; "" for none. */
  #size(plan: Plan, operand: OperandPlan, flags: number): string {
    const { sizes, broadcastWords } = this.#syntax;
    const { style, memorySize } = plan;
    if ((flags & ROW_FLAGS.evexB) !== 0) return style.broadcastKeyword ?? broadcastWords?.[plan.broadcastBytes] ?? "";
    const selection = (flags >>> operand.selectShift) & 3;
    const bytes = operand.sizes[selection]!;
    const shows =
      memorySize === "always" ||
      (memorySize === "below512" && selection < 2) ||
      (memorySize === "resized" && bytes !== operand.sizes[usualSize(plan, flags)]);
    if (!shows) return "";
    const keywordSize = modeOf(flags) === 2 || isResized(plan, flags) ? operandSizeOf(flags) : 2;
    return style.memoryKeyword?.[keywordSize] ?? sizes[bytes] ?? "";
  }

  /** Makes an opening's piece with a base register; closed: with the bracket behind it. */
  #openWithBase(opening: Opening, known: (Piece | undefined)[], base: number, flags: number): Piece {
    const register = this.#pieces.registers(ADDRESS_CLASSES[addressSizeOf(flags)]!, false)[base & 31]!;
    const closing: Part[] = known === opening.closed ? [["punctuation", "]"]] : [];
    const piece = this.#pieces.piece(...partsOf(opening.piece), ...partsOf(register), ...closing);
    known[base] = piece;
    return piece;
  }

  #writeIndex(
    operand: OperandPlan,
    flags: number,
    registers: number,
    index: number,
    hasBase: boolean,
    isLast: boolean,
    line: Line,
  ): void {
    const { vectorIndex } = operand;
    const registerClass =
      vectorIndex === undefined
        ? ADDRESS_CLASSES[addressSizeOf(flags)]!
        : vectorIndex[(flags >>> operand.selectShift) & 3]!;
    const scale = (registers >>> ROW_REGISTERS.scaleShift) & 3;
    const key = (registerClass << 4) | (scale << 2) | (hasBase ? 2 : 0) | (isLast ? 1 : 0);
    let pieces = this.#indexes[key];
    if (pieces === undefined) {
      // Without a base the scale 1 is written: [rax*1+10h] has another encoding than [rax+10h].
      const factor = scale > 0 || !hasBase ? `*${1 << scale}` : "";
      pieces = this.#pieces
        .registers(registerClass, false)
        .map((register) =>
          this.#pieces.piece(
            ["punctuation", hasBase ? "+" : ""],
            ...partsOf(register),
            ["punctuation", factor],
            ["punctuation", isLast ? "]" : ""],
          ),
        );
      this.#indexes[key] = pieces;
    }
    line.add(pieces[index & 31]!);
  }

  /** The displacement behind a register, and the bracket. */
  #writeDisplacement(displacement: number, addressSize: number, line: Line): void {
    const size = displacement < 0 ? -displacement : displacement;
    if (size < SMALL) {
      const known = displacement < 0 ? this.#minus : this.#plus;
      line.add(known[size] ?? this.#makeDisplacement(known, size));
      return;
    }
    if (this.#values.symbols !== undefined && size >= SYMBOL_DISTANCE) {
      const low = addressSize === 0 ? displacement & 0xffff : displacement >>> 0;
      const high = addressSize === 2 && displacement < 0 ? 0xffffffff : 0;
      const symbol = this.#values.resolve(low, high, "memory");
      if (symbol !== undefined) {
        line.add(this.#add);
        this.#values.writeSymbol(symbol, low, high, line);
        line.add(this.#close);
        return;
      }
    }
    line.add(displacement < 0 ? this.#subtract : this.#add);
    line.put("number", this.#values.numbers.unsigned(size, 0));
    line.add(this.#close);
  }

  #makeDisplacement(known: (Piece | undefined)[], size: number): Piece {
    const sign = known === this.#minus ? "-" : "+";
    const number = this.#values.numbers.unsigned(size, 0);
    const piece = this.#pieces.piece(["punctuation", sign], ["number", number], ["punctuation", "]"]);
    known[size] = piece;
    return piece;
  }

  /** An operand without registers: a displacement, an offset, or an address relative to the instruction pointer. */
  #writeAddress(
    plan: Plan,
    head: Head,
    operand: OperandPlan,
    override: number,
    rows: InstructionRows,
    i: number,
    line: Line,
  ): void {
    const { segmentInside, showsDs, relative, offsetSizes } = this.#syntax;
    const flags = rows.flags[i]!;
    const mode = modeOf(flags);
    const addressSize = addressSizeOf(flags);
    const displacement = rows.displacement[i]!;
    const address = this.#address;
    let keyword = "";
    if (((rows.registers[i]! >>> ROW_REGISTERS.baseShift) & 63) === BASE_RIP) {
      this.#values.behind(rows, i, displacement, address);
      if (addressSize !== 2) address.high = 0;
      keyword = relative[addressSize] ?? "";
    } else {
      address.low = addressSize === 0 ? displacement & 0xffff : displacement >>> 0;
      address.high = 0;
      if (addressSize === 2) address.high = operand.isOffset ? rows.immediate2[i]! >>> 0 : (displacement >> 31) >>> 0;
      if (operand.isOffset && (addressSize === 2 || (mode < 2 && addressSize !== mode)))
        keyword = offsetSizes[addressSize] ?? "";
    }
    const segment = showsDs && mode < 2 ? (flags >> ROW_FLAGS.segmentShift) & 7 : override;
    line.add(this.#opening(plan, head, operand, flags, segmentInside ? -1 : segment).piece);
    if (keyword !== "") line.put("keyword", this.#pieces.word(keyword));
    if (segmentInside && segment >= 0) {
      line.put("register", this.#pieces.word(SEGMENT_NAMES[segment]!));
      line.put("punctuation", ":");
    }
    const { low, high } = address;
    const symbol = this.#values.symbols === undefined ? undefined : this.#values.resolve(low, high, "memory");
    if (symbol !== undefined) this.#values.writeSymbol(symbol, low, high, line);
    else line.put("number", this.#values.numbers.unsigned(low, high));
    line.add(this.#close);
  }
}
