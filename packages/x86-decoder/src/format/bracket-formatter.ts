import { PREFIX, ROW_NO_REGISTER } from "../constants.ts";
import { FORMS } from "../forms.ts";
import { ENCODING } from "../layout.ts";
import { REGISTER_CLASS } from "../registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import type { FormatterOptions, InstructionFormatter, Token } from "./formatter.ts";
import { HeadWriter, PREFIXES_TO_WRITE } from "./head-writer.ts";
import { MemoryWriter } from "./memory-writer.ts";
import { IMMEDIATE_REGISTER, type OperandPlan, WRITE } from "./operand-plan.ts";
import { PieceMaker } from "./piece-maker.ts";
import { Line, type Part, type Piece, partsOf } from "./pieces.ts";
import { type Head, type Plan, Planner } from "./plan.ts";
import { addressSizeOf, isResized, modeOf, overridingSegment, sizesOf, vainOverride } from "./sizes-and-segments.ts";
import type { Circumstance } from "./styles.ts";
import type { Syntax } from "./syntax.ts";
import { ValueWriter } from "./value-writer.ts";

const DECORATED = ROW_FLAGS.evexB | ROW_FLAGS.zeroing | (7 << ROW_FLAGS.maskShift);
const EVEX = ENCODING.EVEX << ROW_FLAGS.encodingShift;
const ENCODING_MASK = 7 << ROW_FLAGS.encodingShift;

/** The formatter of the syntaxes that write operands in Intel order and addresses in brackets. */
export class BracketFormatter implements InstructionFormatter {
  readonly #syntax: Syntax;
  readonly #pieces: PieceMaker;
  readonly #planner: Planner;
  readonly #heads: HeadWriter;
  readonly #values: ValueWriter;
  readonly #memory: MemoryWriter;
  /** By form number; made when first needed. */
  readonly #plans: (Plan | undefined)[] = new Array<Plan | undefined>(FORMS.length).fill(undefined);
  /** For the next instruction; undefined while one is written, as a symbol resolver may format another one, or throw. */
  #line: Line | undefined;
  readonly #masks: readonly Piece[];
  readonly #roundings: readonly Piece[];
  readonly #comma: Piece;
  readonly #zeroing: Piece;
  readonly #sae: Piece;
  readonly #bad: Piece;

  constructor(syntax: Syntax, options: FormatterOptions = {}) {
    const pieces = new PieceMaker(syntax, options.letters ?? "lower");
    this.#syntax = syntax;
    this.#pieces = pieces;
    this.#planner = new Planner(syntax, pieces);
    this.#heads = new HeadWriter(syntax, pieces);
    this.#values = new ValueWriter(syntax, options, pieces);
    this.#memory = new MemoryWriter(syntax, pieces, this.#values);
    this.#masks = pieces
      .registers(REGISTER_CLASS.opmask, false)
      .map(({ text }) => pieces.piece(["decorator", `{${text}}`]));
    const separator: Part = ["punctuation", syntax.roundingSeparator];
    this.#roundings = syntax.roundings.map((name) => pieces.piece(separator, ["decorator", name]));
    this.#sae = pieces.piece(separator, ["decorator", "{sae}"]);
    this.#zeroing = pieces.piece(["decorator", "{z}"]);
    this.#comma = pieces.piece(["punctuation", ","]);
    this.#bad = pieces.piece(["mnemonic", "(bad)"]);
  }

  format(rows: InstructionRows, i: number, base: bigint): string {
    const line = this.#line ?? new Line();
    this.#line = undefined;
    line.clear();
    this.#write(rows, i, base, line);
    this.#line = line;
    return line.text();
  }

  tokens(rows: InstructionRows, i: number, base: bigint): Token[] {
    const line = new Line();
    this.#write(rows, i, base, line);
    return line.tokens();
  }

  #write(rows: InstructionRows, i: number, base: bigint, line: Line): void {
    const form = rows.form[i]!;
    if (form === 0) {
      line.add(this.#bad);
      return;
    }
    this.#values.setBase(base);
    const flags = rows.flags[i]!;
    let plan = this.#plans[form] ?? this.#makePlan(form);
    if (plan.otherwise !== undefined && applies(plan, rows, i)) plan = plan.otherwise;
    if (plan.hasSizeWords) this.#heads.writeSizeWords(plan, rows, i, line);
    if ((flags & PREFIXES_TO_WRITE) !== 0) this.#heads.writePrefixes(plan, rows, i, line);
    let count = plan.operands.length;
    let head = plan.heads[sizesOf(flags)] ?? this.#heads.head(plan, flags);
    if (plan.pseudo !== undefined) {
      const pseudo = plan.pseudo.get(rows.immediate[i]!);
      if (pseudo !== undefined) {
        head = pseudo;
        count--;
      }
    }
    const isDecorated = (flags & ENCODING_MASK) === EVEX && (flags & DECORATED) !== 0;
    for (let n = 0; n < count; n++) {
      const operand = plan.operands[n]!;
      const { write } = operand;
      if (write === WRITE.register || (write === WRITE.registerOrMemory && (rows.registers[i]! & 3) === 3)) {
        this.#writeRegister(n === 0 ? head : undefined, operand, rows, i, line);
      } else if (write <= WRITE.memory) this.#memory.write(plan, head, operand, rows, i, line);
      else if (write === WRITE.fixedMemory) this.#memory.writeFixed(plan, head, operand, rows, i, line);
      else {
        if (n === 0) line.add(head.piece);
        if (write === WRITE.immediate) this.#values.writeImmediate(operand, rows, i, line);
        else if (write === WRITE.fixed) line.add(operand.fixed[(flags >>> operand.selectShift) & 3]!);
        else if (write === WRITE.branch) this.#values.writeBranch(plan.mnemonic === "xbegin", rows, i, line);
        else this.#values.writeFarPointer(rows, i, line);
      }
      if (isDecorated) this.#writeDecorators(plan, n, count, rows, i, line);
    }
    if (count === 0) line.add(head.piece);
    if (plan.hasTail) this.#writeTail(plan, flags, line);
  }

  #makePlan(form: number): Plan {
    const plan = this.#planner.plan(FORMS[form]!);
    this.#plans[form] = plan;
    return plan;
  }

  /** Writes a register, with the head before it or a comma. */
  #writeRegister(head: Head | undefined, operand: OperandPlan, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    const { registerShift } = operand;
    const selection = (flags >>> operand.selectShift) & 3;
    const number =
      registerShift === IMMEDIATE_REGISTER
        ? (rows.immediate[i]! >> 4) & 15
        : (rows.registers[i]! >>> registerShift) & operand.registerMask;
    const isHigh = operand.isByte && number < 8 && number > 3 && (flags & PREFIX.rex) === 0;
    if (head !== undefined) {
      const key = (selection << 6) | (isHigh ? 32 : 0) | number;
      line.add(head.registers[key] ?? this.#makeHead(head, key, operand));
    } else if (isHigh) line.add(this.#pieces.registers(REGISTER_CLASS.gpr8High, true)[number]!);
    else line.add(operand.registers[selection]![number]!);
  }

  /** A head with a first register; `key` is the selection, whether it is AH to BH, and the number. */
  #makeHead(head: Head, key: number, operand: OperandPlan): Piece {
    const registerClass = (key & 32) !== 0 ? REGISTER_CLASS.gpr8High : operand.classes[key >> 6]!;
    const register = this.#pieces.registers(registerClass, false)[key & 31]!;
    const piece = this.#pieces.piece(...partsOf(head.piece), ...partsOf(register));
    head.registers[key] = piece;
    return piece;
  }

  /** Mask, zeroing, rounding behind operand `n` of `count`. */
  #writeDecorators(plan: Plan, n: number, count: number, rows: InstructionRows, i: number, line: Line): void {
    const flags = rows.flags[i]!;
    if (n === 0) {
      const mask = (flags >> ROW_FLAGS.maskShift) & 7;
      if (mask !== 0) {
        const isOperand = plan.isGather && this.#syntax.gatherMaskIsOperand;
        line.add(isOperand ? this.#pieces.registers(REGISTER_CLASS.opmask, true)[mask]! : this.#masks[mask]!);
      }
      if ((flags & ROW_FLAGS.zeroing) !== 0) line.add(this.#zeroing);
    }
    const isRegister = (rows.registers[i]! & 3) === 3;
    if (n === Math.min(plan.roundingAfter, count - 1) && (flags & ROW_FLAGS.evexB) !== 0 && isRegister) {
      if (plan.exceptions === "er") line.add(this.#roundings[(flags >> ROW_FLAGS.roundingShift) & 3]!);
      else if (plan.exceptions === "sae") line.add(this.#sae);
    }
  }

  /** What a few forms have behind their operands. */
  #writeTail(plan: Plan, flags: number, line: Line): void {
    const { counter, segmentWord } = plan.style;
    if (counter !== undefined && addressSizeOf(flags) !== modeOf(flags)) {
      line.add(this.#comma);
      line.put("register", this.#pieces.word(counter[addressSizeOf(flags)] ?? ""));
    }
    const segment = segmentWord === "behind" ? overridingSegment(flags, ROW_NO_REGISTER) : -1;
    if (segment >= 0) line.add(this.#pieces.registers(REGISTER_CLASS.segment, true)[segment]!);
  }
}

/** Whether the circumstance holds under which a form is written otherwise. */
function applies(plan: Plan, rows: InstructionRows, i: number): boolean {
  const flags = rows.flags[i]!;
  const registers = rows.registers[i]!;
  const reg = (registers >> ROW_REGISTERS.regShift) & 31;
  const rm = (registers >> ROW_REGISTERS.rmShift) & 31;
  const isReaddressed = addressSizeOf(flags) !== modeOf(flags);
  const circumstance: Circumstance | undefined = plan.circumstance;
  switch (circumstance) {
    case "same-register":
      return (registers & 3) === 3 && reg === rm;
    case "st1":
      return (rm & 7) === 1;
    case "resized":
      return isResized(plan, flags);
    case "resized-address":
      return isReaddressed;
    case "ten":
      return rows.immediate[i] === 10;
    default:
      return isReaddressed || (plan.hasSource ? overridingSegment(flags, ROW_NO_REGISTER) : vainOverride(flags)) >= 0;
  }
}
