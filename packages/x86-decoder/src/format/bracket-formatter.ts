import { PREFIX, SEGMENT } from "../decoded.ts";
import { FORMS } from "../forms.ts";
import { ENCODING } from "../layout.ts";
import { REGISTER_CLASS } from "../registers.ts";
import { type InstructionRows, ROW_FLAGS, ROW_REGISTERS } from "../rows.ts";
import { FORM_PREFIX } from "./form-prefixes.ts";
import type { FormatterOptions, InstructionFormatter, SymbolMatch, SymbolResolver, Token } from "./formatter.ts";
import { createNumberText, type NumberText } from "./numbers.ts";
import { type Output, type Part, type Piece, TextOutput, TokenOutput } from "./pieces.ts";
import { IMMEDIATE_REGISTER, type OperandPlan, type Plan, Planner, WRITE } from "./plan.ts";
import type { Circumstance, SizeWordRule } from "./styles.ts";
import type { Syntax } from "./syntax.ts";

const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];
const BITS = ["16", "32", "64"];
const SMALL = 256;
const PREFIXES_TO_WRITE = PREFIX.lock | PREFIX.rep | PREFIX.repne | (7 << ROW_FLAGS.segmentPrefixShift);
const DECORATED = ROW_FLAGS.evexB | ROW_FLAGS.zeroing | (7 << ROW_FLAGS.maskShift);
const EVEX = ENCODING.EVEX << ROW_FLAGS.encodingShift;
const ENCODING_MASK = 7 << ROW_FLAGS.encodingShift;
const NO_BASE = 63;
const BASE_RIP = 32;
const ADDRESS_CLASSES = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64];

/** Mode, operand size and address size as one number below 64. */
const sizesOf = (flags: number): number =>
  (((flags >>> ROW_FLAGS.modeShift) & 3) << 4) | ((flags >> ROW_FLAGS.operandSizeShift) & 15);

const modeOf = (flags: number): number => (flags >>> ROW_FLAGS.modeShift) & 3;
const operandSizeOf = (flags: number): number => (flags >> ROW_FLAGS.operandSizeShift) & 3;
const addressSizeOf = (flags: number): number => (flags >> ROW_FLAGS.addressSizeShift) & 3;

/** Base registers whose memory is in the stack segment: rSP and rBP. */
const isStackBase = (base: number): boolean => base === 4 || base === 5;

/**
 * The segment of a memory operand if an override made it another than that of its base register; -1 otherwise. In 64-bit
 * mode only FS and GS have an effect (SDM Vol 1, 3.4.2.1).
 */
function overridingSegment(flags: number, base = NO_BASE): number {
  if (((flags >> ROW_FLAGS.segmentPrefixShift) & 7) === 0) return -1;
  const segment = (flags >> ROW_FLAGS.segmentShift) & 7;
  if (modeOf(flags) === 2) return segment >= SEGMENT.fs ? segment : -1;
  return segment === (isStackBase(base) ? SEGMENT.ss : SEGMENT.ds) ? -1 : segment;
}

/** The segment of an override prefix that has no effect on the only memory operand, at ES:rDI; -1: none. */
function vainOverride(flags: number): number {
  const prefix = ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) - 1;
  return modeOf(flags) === 2 && prefix < SEGMENT.fs ? -1 : prefix === SEGMENT.ds ? -1 : prefix;
}

/** The operand size without prefixes, as 16 << n. */
const usualSize = (plan: Plan, flags: number): number => {
  const mode = modeOf(flags);
  return mode < 2 ? mode : plan.usually64 ? 2 : 1;
};

const isResized = (plan: Plan, flags: number): boolean => operandSizeOf(flags) !== usualSize(plan, flags);

/** The formatter of the syntaxes that write operands in Intel order and addresses in brackets. */
export class BracketFormatter implements InstructionFormatter {
  readonly #syntax: Syntax;
  readonly #planner: Planner;
  readonly #numbers: NumberText;
  readonly #symbols: SymbolResolver | undefined;
  readonly #plans: (Plan | undefined)[] = [];
  readonly #text = new TextOutput();
  readonly #immediates: readonly Piece[];
  readonly #plus: readonly Piece[];
  readonly #minus: readonly Piece[];
  /** Base registers by address size. */
  readonly #bases: readonly (readonly Piece[])[];
  /** Index registers behind a base, by class * 4 + scale; made when first needed. */
  readonly #indexes: (readonly Piece[])[] = [];
  readonly #masks: readonly Piece[];
  readonly #roundings: readonly Piece[];
  readonly #close: Piece;
  readonly #comma: Piece;
  readonly #nothing: Piece;
  readonly #add: Piece;
  readonly #subtract: Piece;
  readonly #zeroing: Piece;
  readonly #sae: Piece;
  readonly #bad: Piece;
  #base = 0n;
  #baseLow = 0;
  #baseHigh = 0;

  constructor(syntax: Syntax, options: FormatterOptions = {}) {
    this.#syntax = syntax;
    this.#symbols = options.symbols;
    this.#numbers = createNumberText({ base: 16, prefix: "", suffix: "h", digits: "upper" }, options.numbers);
    const planner = new Planner(syntax, options.letters ?? "lower");
    this.#planner = planner;
    const small = (before: string): Piece[] =>
      Array.from({ length: SMALL }, (_, i) =>
        planner.piece(["punctuation", before], ["number", this.#numbers.unsigned(i, 0)]),
      );
    this.#immediates = small(",");
    this.#plus = small("+");
    this.#minus = small("-");
    this.#bases = ADDRESS_CLASSES.map((registerClass) => planner.registers(registerClass, false));
    this.#masks = planner
      .registers(REGISTER_CLASS.opmask, false)
      .map(({ text }) => planner.piece(["decorator", `{${text}}`]));
    const separator: Part = ["punctuation", syntax.roundingSeparator];
    this.#roundings = syntax.roundings.map((name) => planner.piece(separator, ["decorator", name]));
    this.#sae = planner.piece(separator, ["decorator", "{sae}"]);
    this.#zeroing = planner.piece(["decorator", "{z}"]);
    const punctuation = (text: string): Piece => planner.piece(["punctuation", text]);
    this.#close = punctuation("]");
    this.#comma = punctuation(",");
    this.#add = punctuation("+");
    this.#subtract = punctuation("-");
    this.#nothing = punctuation("");
    this.#bad = planner.piece(["mnemonic", "(bad)"]);
  }

  format(rows: InstructionRows, i: number, base: bigint): string {
    const out = this.#text;
    out.text = "";
    this.#write(rows, i, base, out);
    return out.text;
  }

  tokens(rows: InstructionRows, i: number, base: bigint): Token[] {
    const out = new TokenOutput();
    this.#write(rows, i, base, out);
    return out.tokens;
  }

  #write(rows: InstructionRows, i: number, base: bigint, out: Output): void {
    const form = rows.form[i]!;
    if (form === 0) {
      out.add(this.#bad);
      return;
    }
    if (base !== this.#base) this.#setBase(base);
    const flags = rows.flags[i]!;
    const registers = rows.registers[i]!;
    let plan = this.#plans[form] ?? this.#makePlan(form);
    if (plan.circumstance !== undefined && applies(plan.circumstance, plan, rows, i)) plan = plan.otherwise!;
    const sizes = sizesOf(flags);
    if (plan.hasSizeWords) this.#writeSizeWords(plan, flags, registers, out);
    if ((flags & PREFIXES_TO_WRITE) !== 0) this.#writePrefixes(plan, flags, registers, out);
    let count = plan.operands.length;
    let head = plan.heads[sizes];
    if (plan.pseudo !== undefined) {
      const pseudo = plan.pseudo.get(rows.immediate[i]!);
      if (pseudo !== undefined) {
        head = pseudo;
        count--;
      }
    }
    out.add(head ?? this.#makeHead(plan, flags));
    const isDecorated = (flags & ENCODING_MASK) === EVEX && (flags & DECORATED) !== 0;
    for (let n = 0; n < count; n++) {
      const operand = plan.operands[n]!;
      switch (operand.write) {
        case WRITE.registerOrMemory:
          if ((registers & 3) === 3) this.#writeRegister(operand, rows, i, out);
          else this.#writeMemory(plan, operand, rows, i, out);
          break;
        case WRITE.register:
          this.#writeRegister(operand, rows, i, out);
          break;
        case WRITE.memory:
          this.#writeMemory(plan, operand, rows, i, out);
          break;
        case WRITE.fixed:
          out.add(operand.fixed[(flags >>> operand.selectShift) & 3]!);
          break;
        case WRITE.immediate:
          this.#writeImmediate(operand, rows, i, out);
          break;
        case WRITE.branch:
          this.#writeBranch(plan, rows, i, out);
          break;
        case WRITE.farPointer:
          this.#writeFarPointer(rows, i, out);
          break;
        default:
          this.#writeFixedMemory(plan, operand, rows, i, out);
      }
      if (isDecorated) this.#writeDecorators(plan, n, count, rows, i, out);
    }
    if (plan.style.counter !== undefined && addressSizeOf(flags) !== modeOf(flags)) {
      out.add(this.#comma);
      out.put("register", this.#letters(plan.style.counter[addressSizeOf(flags)]!));
    } else if (plan.style.segmentWord === "behind") {
      const segment = overridingSegment(flags);
      if (segment >= 0) out.add(this.#planner.registers(REGISTER_CLASS.segment, true)[segment]!);
    }
  }

  #letters(text: string): string {
    return this.#planner.letters === "upper" ? text.toUpperCase() : text;
  }

  #makePlan(form: number): Plan {
    const plan = this.#planner.plan(FORMS[form]!);
    this.#plans[form] = plan;
    return plan;
  }

  #setBase(base: bigint): void {
    this.#base = base;
    this.#baseLow = Number(BigInt.asUintN(32, base));
    this.#baseHigh = Number(BigInt.asUintN(32, base >> 32n));
  }

  /** Mnemonic and keyword with the blank behind them. */
  #makeHead(plan: Plan, flags: number): Piece {
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
    const blank = plan.operands.length > 0 ? " " : "";
    const head = this.#planner.piece(
      ["mnemonic", name],
      ["punctuation", keyword === "" ? blank : " "],
      ["keyword", keyword],
      ["punctuation", keyword === "" ? "" : blank],
    );
    plan.heads[sizesOf(flags)] = head;
    return head;
  }

  #writeSizeWords(plan: Plan, flags: number, registers: number, out: Output): void {
    const key = (sizesOf(flags) << 1) | ((registers & 3) === 3 ? 1 : 0);
    let piece = plan.sizeWords[key];
    if (piece === undefined) {
      const { sizeWord, addressWord } = plan.style;
      const mode = modeOf(flags);
      const parts: Part[] = [];
      const operandSize = operandSizeOf(flags);
      const fits = (rule: SizeWordRule | undefined): boolean =>
        rule === "any" ||
        (rule === "memory" && (registers & 3) !== 3) ||
        (rule === "mode64" && mode === 2) ||
        (rule === "64" && operandSize === 2) ||
        (rule === "not64" && operandSize !== 2);
      if (fits(addressWord) && addressSizeOf(flags) !== mode) {
        parts.push(["prefix", this.#syntax.addressSizeWord + BITS[addressSizeOf(flags)]!], ["punctuation", " "]);
      }
      if (fits(sizeWord) && isResized(plan, flags)) {
        const word: Part[] = [
          ["prefix", this.#syntax.operandSizeWord + BITS[operandSizeOf(flags)]!],
          ["punctuation", " "],
        ];
        parts.unshift(...word);
      }
      piece = parts.length === 0 ? this.#nothing : this.#planner.piece(...parts);
      plan.sizeWords[key] = piece;
    }
    if (piece !== this.#nothing) out.add(piece);
  }

  #writePrefixes(plan: Plan, flags: number, registers: number, out: Output): void {
    const { prefixes } = plan;
    const isMemory = (registers & 3) !== 3;
    const lock = (flags & PREFIX.lock) !== 0;
    const word = (text: string): void => {
      out.put("prefix", this.#letters(text));
      out.put("punctuation", " ");
    };
    const segment = overridingSegment(flags);
    const prefix = ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) - 1;
    const hinted =
      (prefixes & FORM_PREFIX.hints) !== 0 && segment < SEGMENT.fs && (prefix === SEGMENT.cs || prefix === SEGMENT.ds);
    if (hinted) word(prefix === SEGMENT.cs ? this.#syntax.notTaken : this.#syntax.taken);
    else if (segment >= 0 && plan.style.segmentWord === "before") word(SEGMENTS[segment]!);
    const hle =
      isMemory && ((prefixes & FORM_PREFIX.hleWithoutLock) !== 0 || (lock && (prefixes & FORM_PREFIX.hle) !== 0));
    const xrelease = isMemory && (prefixes & FORM_PREFIX.xrelease) !== 0;
    if (hle && (flags & PREFIX.repne) !== 0) word("xacquire");
    if ((hle || xrelease) && (flags & PREFIX.rep) !== 0) word("xrelease");
    if (lock) word("lock");
    if ((prefixes & FORM_PREFIX.notrack) !== 0 && prefix === SEGMENT.ds && segment < SEGMENT.fs) word("notrack");
    if ((flags & PREFIX.rep) !== 0) {
      if ((prefixes & FORM_PREFIX.repe) !== 0) word("repe");
      else if ((prefixes & FORM_PREFIX.rep) !== 0) word("rep");
    } else if ((flags & PREFIX.repne) !== 0) {
      if ((prefixes & FORM_PREFIX.bnd) !== 0) word("bnd");
      else if ((prefixes & (FORM_PREFIX.rep | FORM_PREFIX.repe)) !== 0) word("repne");
    }
  }

  #writeRegister(operand: OperandPlan, rows: InstructionRows, i: number, out: Output): void {
    const flags = rows.flags[i]!;
    const { registerShift } = operand;
    const selection = (flags >>> operand.selectShift) & 3;
    let number: number;
    if (registerShift === IMMEDIATE_REGISTER) number = (rows.immediate[i]! >> 4) & 15;
    else number = (rows.registers[i]! >>> registerShift) & operand.registerMask;
    if (operand.isByte && number < 8 && number > 3 && (flags & PREFIX.rex) === 0) {
      out.add(this.#planner.registers(REGISTER_CLASS.gpr8High, operand.hasSeparator)[number]!);
      return;
    }
    out.add(operand.registers[selection]![number]!);
  }

  #writeImmediate(operand: OperandPlan, rows: InstructionRows, i: number, out: Output): void {
    const size = operand.sizes[(rows.flags[i]! >>> operand.selectShift) & 3]!;
    let low = rows.immediate[i]!;
    let high = 0;
    if (operand.part === 1) low = rows.immediate2[i]!;
    else if (operand.part === 2) low = 1;
    else if (operand.part === 3) low &= 15;
    if (size === 1) low &= 0xff;
    else if (size === 2) low &= 0xffff;
    else {
      low >>>= 0;
      if (size === 8) high = rows.immediate2[i]! >>> 0;
    }
    if (this.#symbols !== undefined && size > 1) {
      const symbol = this.#resolve(low, high, "immediate");
      if (symbol !== undefined) {
        if (operand.hasSeparator) out.add(this.#comma);
        if (this.#syntax.offsetOf !== "") out.put("keyword", this.#letters(this.#syntax.offsetOf));
        this.#writeSymbol(symbol, low, high, out);
        return;
      }
    }
    if (operand.hasSeparator) {
      if (high === 0 && low < SMALL) {
        out.add(this.#immediates[low]!);
        return;
      }
      out.add(this.#comma);
    }
    out.put("number", this.#numbers.unsigned(low, high));
  }

  #writeBranch(plan: Plan, rows: InstructionRows, i: number, out: Output): void {
    const flags = rows.flags[i]!;
    const mode = modeOf(flags);
    // Below 2^34, so exact.
    const sum = this.#baseLow + rows.offset[i]! + rows.length[i]! + rows.immediate[i]!;
    let low = sum >>> 0;
    let high = 0;
    let digits = 8;
    if (mode === 2) {
      high = (this.#baseHigh + Math.floor(sum / 0x100000000)) >>> 0;
      digits = 16;
    } else if (operandSizeOf(flags) === 0 && plan.mnemonic !== "xbegin") {
      low &= 0xffff;
      digits = 4;
    }
    if (this.#symbols !== undefined) {
      const symbol = this.#resolve(low, high, "branch");
      if (symbol !== undefined) {
        this.#writeSymbol(symbol, low, high, out);
        return;
      }
    }
    out.put("number", this.#numbers.padded(low, high, digits));
  }

  #writeFarPointer(rows: InstructionRows, i: number, out: Output): void {
    const offset = rows.immediate[i]! >>> 0;
    const selector = this.#numbers.padded(rows.immediate2[i]! & 0xffff, 0, 4);
    const text = this.#numbers.padded(offset, 0, operandSizeOf(rows.flags[i]!) === 0 ? 4 : 8);
    out.put("number", this.#syntax.selectorFirst ? selector : text);
    out.put("punctuation", this.#syntax.farSeparator);
    out.put("number", this.#syntax.selectorFirst ? text : selector);
  }

  /** Size, segment and bracket, with the separator before them. */
  #openMemory(plan: Plan, operand: OperandPlan, flags: number, segment: number, out: Output): void {
    const selection = (flags >>> operand.selectShift) & 3;
    const isBroadcast = (flags & ROW_FLAGS.evexB) !== 0;
    const key = (((segment + 1) << 3) | (selection << 1) | (isBroadcast ? 1 : 0)) * 64 + sizesOf(flags);
    let piece = operand.opens[key];
    if (piece === undefined) {
      const { sizes, broadcastWords, segmentInside } = this.#syntax;
      const shows =
        plan.showsSize === "always" ||
        (plan.showsSize === "below512" && selection < 2) ||
        (plan.showsSize === "resized" && operand.sizes[selection] !== operand.sizes[usualSize(plan, flags)]);
      const size = isBroadcast
        ? (plan.style.broadcastKeyword ?? broadcastWords?.[plan.broadcastBytes] ?? "")
        : shows
          ? (plan.style.memoryKeyword?.[modeOf(flags) === 2 || isResized(plan, flags) ? operandSizeOf(flags) : 2] ??
            sizes[operand.sizes[selection]!] ??
            "")
          : "";
      const override: Part[] =
        segment < 0
          ? []
          : [
              ["register", SEGMENTS[segment]!],
              ["punctuation", ":"],
            ];
      const bracket: Part[] = [["punctuation", "["]];
      piece = this.#planner.piece(
        ["punctuation", operand.hasSeparator ? "," : ""],
        ["keyword", size],
        ["punctuation", size === "" ? "" : " "],
        ...(segmentInside ? [...bracket, ...override] : [...override, ...bracket]),
      );
      operand.opens[key] = piece;
    }
    out.add(piece);
  }

  #writeMemory(plan: Plan, operand: OperandPlan, rows: InstructionRows, i: number, out: Output): void {
    const flags = rows.flags[i]!;
    const registers = rows.registers[i]!;
    const addressSize = addressSizeOf(flags);
    const base = (registers >>> ROW_REGISTERS.baseShift) & 63;
    const index = (registers >>> ROW_REGISTERS.indexShift) & 63;
    const isAddress = base >= BASE_RIP && index === NO_BASE;
    let segment = plan.style.ignoresSegment === true ? -1 : overridingSegment(flags, base);
    if (isAddress && this.#syntax.showsDs && modeOf(flags) < 2) segment = (flags >> ROW_FLAGS.segmentShift) & 7;
    this.#openMemory(plan, operand, flags, isAddress && this.#syntax.segmentInside ? -1 : segment, out);
    if (isAddress) this.#writeAddress(operand, rows, i, base === BASE_RIP, segment, out);
    else {
      if (base !== NO_BASE) out.add(this.#bases[addressSize]![base]!);
      if (index !== NO_BASE) {
        const registerClass =
          operand.vectorIndex === undefined
            ? ADDRESS_CLASSES[addressSize]!
            : operand.vectorIndex[(flags >>> operand.selectShift) & 3]!;
        this.#writeIndex(
          registerClass,
          index,
          registers >>> ROW_REGISTERS.scaleShift,
          base !== NO_BASE,
          rows.displacement[i] !== 0,
          out,
        );
      }
      this.#writeDisplacement(rows.displacement[i]!, addressSize, out);
    }
    out.add(this.#close);
    if ((flags & ROW_FLAGS.evexB) !== 0 && this.#syntax.broadcastWords === undefined) {
      const count = operand.sizes[(flags >>> operand.selectShift) & 3]! / plan.broadcastBytes;
      out.put("decorator", this.#letters(`{1to${count}}`));
    }
  }

  #writeIndex(
    registerClass: number,
    index: number,
    scale: number,
    hasBase: boolean,
    hasDisplacement: boolean,
    out: Output,
  ): void {
    const key = (registerClass << 4) | (scale << 2) | (hasBase ? 2 : 0) | (!hasBase && hasDisplacement ? 1 : 0);
    let pieces = this.#indexes[key];
    if (pieces === undefined) {
      // Without a base, the scale 1 is written: [rax*1+10h] is not [rax+10h].
      const factor = scale > 0 || !hasBase ? `*${1 << scale}` : "";
      pieces = this.#planner
        .registers(registerClass, false)
        .map(({ text }) =>
          this.#planner.piece(["punctuation", hasBase ? "+" : ""], ["register", text], ["punctuation", factor]),
        );
      this.#indexes[key] = pieces;
    }
    out.add(pieces[index]!);
  }

  #writeDisplacement(displacement: number, addressSize: number, out: Output): void {
    if (displacement === 0) return;
    if (this.#symbols !== undefined && (displacement >= 0x1000 || displacement < -0x1000)) {
      const low = addressSize === 0 ? displacement & 0xffff : displacement >>> 0;
      const high = addressSize === 2 && displacement < 0 ? 0xffffffff : 0;
      const symbol = this.#resolve(low, high, "memory");
      if (symbol !== undefined) {
        out.add(this.#add);
        this.#writeSymbol(symbol, low, high, out);
        return;
      }
    }
    if (displacement > 0) {
      if (displacement < SMALL) out.add(this.#plus[displacement]!);
      else {
        out.add(this.#add);
        out.put("number", this.#numbers.unsigned(displacement, 0));
      }
    } else if (displacement > -SMALL) out.add(this.#minus[-displacement]!);
    else {
      out.add(this.#subtract);
      out.put("number", this.#numbers.unsigned(-displacement >>> 0, 0));
    }
  }

  /** An address without registers: a displacement, an offset, or one relative to the instruction pointer. */
  #writeAddress(
    operand: OperandPlan,
    rows: InstructionRows,
    i: number,
    isRelative: boolean,
    segment: number,
    out: Output,
  ): void {
    const flags = rows.flags[i]!;
    const addressSize = addressSizeOf(flags);
    const displacement = rows.displacement[i]!;
    let low = displacement >>> 0;
    let high = 0;
    if (isRelative) {
      const sum = this.#baseLow + rows.offset[i]! + rows.length[i]! + displacement;
      low = sum >>> 0;
      if (addressSize === 2) high = (this.#baseHigh + Math.floor(sum / 0x100000000)) >>> 0;
      const keyword = this.#syntax.relative[addressSize]!;
      if (keyword !== "") out.put("keyword", this.#letters(keyword));
    } else {
      if (addressSize === 0) low &= 0xffff;
      else if (addressSize === 2)
        high = operand.isOffset ? rows.immediate2[i]! >>> 0 : displacement < 0 ? 0xffffffff : 0;
      if (operand.isOffset && (addressSize === 2 || addressSize !== modeOf(flags))) {
        const keyword = this.#syntax.offsetSizes[addressSize]!;
        if (keyword !== "" && (modeOf(flags) < 2 || addressSize === 2)) out.put("keyword", this.#letters(keyword));
      }
    }
    if (segment >= 0 && this.#syntax.segmentInside) {
      out.put("register", this.#letters(SEGMENTS[segment]!));
      out.put("punctuation", ":");
    }
    if (this.#symbols !== undefined) {
      const symbol = this.#resolve(low, high, "memory");
      if (symbol !== undefined) {
        this.#writeSymbol(symbol, low, high, out);
        return;
      }
    }
    out.put("number", this.#numbers.unsigned(low, high));
  }

  #writeFixedMemory(plan: Plan, operand: OperandPlan, rows: InstructionRows, i: number, out: Output): void {
    const flags = rows.flags[i]!;
    // A destination is in ES whatever the override says; that is written when there is one.
    let segment = plan.hasSource ? overridingSegment(flags) : vainOverride(flags);
    if (operand.isDestination && segment >= 0) segment = SEGMENT.es;
    this.#openMemory(plan, operand, flags, segment, out);
    out.add(this.#bases[addressSizeOf(flags)]![operand.registerShift]!);
    out.add(this.#close);
  }

  #writeDecorators(plan: Plan, n: number, count: number, rows: InstructionRows, i: number, out: Output): void {
    const flags = rows.flags[i]!;
    if (n === 0) {
      const mask = (flags >> ROW_FLAGS.maskShift) & 7;
      if (mask !== 0) {
        if (this.#syntax.gatherMaskIsOperand && plan.isGather) {
          out.add(this.#planner.registers(REGISTER_CLASS.opmask, true)[mask]!);
        } else out.add(this.#masks[mask]!);
      }
      if ((flags & ROW_FLAGS.zeroing) !== 0) out.add(this.#zeroing);
    }
    if (
      n === Math.min(plan.roundingAfter, count - 1) &&
      (flags & ROW_FLAGS.evexB) !== 0 &&
      (rows.registers[i]! & 3) === 3
    ) {
      if (plan.exceptions === "er") out.add(this.#roundings[(flags >> ROW_FLAGS.roundingShift) & 3]!);
      else if (plan.exceptions === "sae") out.add(this.#sae);
    }
  }

  #resolve(low: number, high: number, use: "branch" | "memory" | "immediate"): SymbolMatch | undefined {
    return this.#symbols?.((BigInt(high) << 32n) | BigInt(low), use);
  }

  #writeSymbol(symbol: SymbolMatch, low: number, high: number, out: Output): void {
    out.put("symbol", symbol.name);
    const distance = ((BigInt(high) << 32n) | BigInt(low)) - symbol.address;
    if (distance === 0n) return;
    const size = distance < 0n ? -distance : distance;
    out.put("punctuation", distance < 0n ? "-" : "+");
    out.put(
      "number",
      this.#numbers.unsigned(Number(BigInt.asUintN(32, size)), Number(BigInt.asUintN(32, size >> 32n))),
    );
  }
}

function applies(circumstance: Circumstance, plan: Plan, rows: InstructionRows, i: number): boolean {
  const flags = rows.flags[i]!;
  const registers = rows.registers[i]!;
  const reg = (registers >> ROW_REGISTERS.regShift) & 31;
  const rm = (registers >> ROW_REGISTERS.rmShift) & 31;
  switch (circumstance) {
    case "same-register":
      return (registers & 3) === 3 && reg === rm;
    case "st1":
      return (rm & 7) === 1;
    case "resized":
      return isResized(plan, flags);
    case "resized-address":
      return addressSizeOf(flags) !== modeOf(flags);
    case "ten":
      return rows.immediate[i] === 10;
    case "memory":
      return (registers & 3) !== 3;
    default:
      return (
        addressSizeOf(flags) !== modeOf(flags) || (plan.hasSource ? overridingSegment(flags) : vainOverride(flags)) >= 0
      );
  }
}
