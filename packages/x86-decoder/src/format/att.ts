import { PREFIX, ROW_NO_REGISTER, SEGMENT, SEGMENT_NAMES } from "../constants.ts";
import { FORMS } from "../forms.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../row-fields.ts";
import type { InstructionRows } from "../rows.ts";
import { AddressText } from "./att-memory.ts";
import { type AttPart, PART } from "./att-parts.ts";
import { type AttLine, type AttPlan, AttPlanner, SHORTENED, VARIANTS, variantOf } from "./att-plan.ts";
import { cutTokens, PLACEHOLDER } from "./att-tokens.ts";
import { FORM_PREFIX } from "./form-prefixes.ts";
import type { FormatterOptions, InstructionFormatter, SymbolResolver, Token, TokenKind } from "./formatter.ts";
import { createNumberText, type NumberText } from "./numbers.ts";

export type * from "./formatter.ts";

/**
 * A formatter in AT&T syntax, as the GNU assembler reads it. Numbers are hexadecimal with "0x" and capital digits unless
 * `options.numbers` says otherwise; numbers below 10 have one digit and no prefix. Bytes that are no instruction are "(bad)".
 * Decorators as {z} and hints as ",pt" are in lower case whatever `options.letters` says: as knows no others.
 */
export function createAttFormatter(options: FormatterOptions = {}): InstructionFormatter {
  return new AttFormatter(options);
}

const BAD = "(bad)";
const NUMBERS = { base: 16, prefix: "0x", suffix: "", digits: "upper" } as const;
const SEGMENT_PREFIX_MASK = 7 << ROW_FLAGS.segmentPrefixShift;
const MODE_64 = 2;
const RIP = 32;
const TWO_32 = 0x100000000;

class AttFormatter implements InstructionFormatter {
  readonly #planner: AttPlanner;
  readonly #letters: (text: string) => string;
  readonly #numbers: NumberText;
  readonly #addresses: AddressText;
  readonly #symbols: SymbolResolver | undefined;
  /** By form: the plan that was used last. Code has few variants of a form, mostly one. */
  readonly #latest: (AttPlan | undefined)[];
  /** All plans, by form and variant. */
  readonly #plans = new Map<number, AttPlan>();
  /** "%es:" and so on. */
  readonly #segments: readonly string[];
  /** Opmasks by EVEX.z and EVEX.aaa. */
  readonly #masks: readonly string[];
  /** Numbers and symbols of the text, while it is made for tokens. */
  #pieces: Token[] | undefined;
  /** `base` of the last call, and its halves. */
  #base = 0n;
  #baseLow = 0;
  #baseHigh = 0;

  constructor(options: FormatterOptions) {
    const letters = options.letters === "upper" ? (text: string) => text.toUpperCase() : (text: string) => text;
    this.#letters = letters;
    this.#planner = new AttPlanner(letters);
    this.#numbers = createNumberText(NUMBERS, options.numbers);
    this.#addresses = new AddressText(letters);
    this.#symbols = options.symbols;
    this.#latest = Array.from({ length: FORMS.length }, () => undefined);
    this.#segments = SEGMENT_NAMES.map((name) => letters(`%${name}:`));
    this.#masks = Array.from({ length: 16 }, (_, i) => `${(i & 7) === 0 ? "" : `{%k${i & 7}}`}${i < 8 ? "" : "{z}"}`);
  }

  format(rows: InstructionRows, i: number, base: bigint): string {
    if (rows.form[i] === 0) return BAD;
    const plan = this.#plan(rows, i);
    const flags = rows.flags[i]!;
    const { name, parts } = lineOf(plan, rows, i);
    let text = name;
    if ((flags & plan.watched) !== 0) text = this.#prefixes(plan, flags) + this.#hinted(plan, flags, name);
    else if (plan.prefix !== "") text = plan.prefix + name;
    return this.#operands(text, plan, parts, rows, i, base);
  }

  tokens(rows: InstructionRows, i: number, base: bigint): Token[] {
    if (rows.form[i] === 0) return [{ kind: "mnemonic", text: BAD }];
    const plan = this.#plan(rows, i);
    const flags = rows.flags[i]!;
    const { name, parts } = lineOf(plan, rows, i);
    const pieces: Token[] = [];
    this.#pieces = pieces;
    const operands = this.#operands("", plan, parts, rows, i, base);
    this.#pieces = undefined;
    return cutTokens(this.#prefixes(plan, flags), this.#hinted(plan, flags, name), operands, pieces);
  }

  #plan(rows: InstructionRows, i: number): AttPlan {
    const form = rows.form[i]!;
    const variant = variantOf(rows.flags[i]!, rows.registers[i]!);
    const latest = this.#latest[form];
    if (latest !== undefined && latest.variant === variant) return latest;
    const key = form * VARIANTS + variant;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = this.#planner.plan(rows, i, variant);
      this.#plans.set(key, plan);
    }
    this.#latest[form] = plan;
    return plan;
  }

  /** Prefixes, each with a space behind it. */
  #prefixes(plan: AttPlan, flags: number): string {
    const { prefixes } = plan;
    const isLocked = (flags & PREFIX.lock) !== 0;
    let words = "";
    if (plan.showsSegment && (flags & SEGMENT_PREFIX_MASK) !== 0) {
      const segment = (flags >> ROW_FLAGS.segmentShift) & 7;
      if (segment !== SEGMENT.ds) words += `${SEGMENT_NAMES[segment]} `;
    }
    const hinted = FORM_PREFIX.hleWithoutLock | (isLocked ? FORM_PREFIX.hle : 0);
    if ((flags & PREFIX.repne) !== 0 && (prefixes & hinted) !== 0) words += "xacquire ";
    if ((flags & PREFIX.rep) !== 0 && (prefixes & (hinted | FORM_PREFIX.xrelease)) !== 0) words += "xrelease ";
    if (isLocked) words += "lock ";
    if ((prefixes & FORM_PREFIX.notrack) !== 0 && isNotrack(flags)) words += "notrack ";
    if ((flags & PREFIX.rep) !== 0) {
      if ((prefixes & FORM_PREFIX.repe) !== 0) words += "repe ";
      else if ((prefixes & FORM_PREFIX.rep) !== 0) words += "rep ";
    } else if ((flags & PREFIX.repne) !== 0) {
      if ((prefixes & FORM_PREFIX.bnd) !== 0) words += "bnd ";
      else if ((prefixes & (FORM_PREFIX.rep | FORM_PREFIX.repe)) !== 0) words += "repne ";
    }
    return plan.prefix + this.#letters(words);
  }

  /** A conditional jump's name with its hint (GNU as: ",pt" and ",pn"). */
  #hinted(plan: AttPlan, flags: number, name: string): string {
    if ((plan.prefixes & FORM_PREFIX.hints) === 0) return name;
    const segment = ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) - 1;
    if ((segment !== SEGMENT.cs && segment !== SEGMENT.ds) || isOverridden64(flags)) return name;
    return `${name.trimEnd()}${segment === SEGMENT.cs ? ",pn" : ",pt"} `;
  }

  #operands(
    before: string,
    plan: AttPlan,
    parts: readonly AttPart[],
    rows: InstructionRows,
    i: number,
    base: bigint,
  ): string {
    const registers = rows.registers[i]!;
    const flags = rows.flags[i]!;
    let text = before;
    for (let n = 0; n < parts.length; n++) {
      const part = parts[n]!;
      switch (part.kind) {
        case PART.register:
          text += part.names[(registers >> part.shift) & 31]!;
          break;
        case PART.byteRegister:
          text += ((flags & PREFIX.rex) !== 0 ? part.names : part.legacyNames)[(registers >> part.shift) & 31]!;
          break;
        case PART.memory:
          text += this.#memory(plan, part, rows, i, base);
          break;
        case PART.immediate:
          text += part.lead + this.#immediate(rows.immediate[i]!, rows.immediate2[i]!, part.size);
          break;
        case PART.branch:
          text += part.lead + this.#target(rows, i, base, part.size);
          break;
        case PART.constant:
          text += part.lead;
          break;
        case PART.immediateRegister:
          text += part.names[(rows.immediate[i]! >> 4) & 15]!;
          break;
        case PART.rounding:
          text += part.names[(flags >> ROW_FLAGS.roundingShift) & 3]!;
          break;
        case PART.stringSource:
          text += part.lead + this.#segment(plan, flags, (flags >> ROW_FLAGS.segmentShift) & 7, SEGMENT.ds) + part.text;
          break;
        case PART.stringDestination:
          text += part.lead + this.#segment(plan, flags, SEGMENT.es, SEGMENT.ds) + part.text;
          break;
        case PART.secondImmediate:
          text += part.lead + this.#number(rows.immediate2[i]! & 0xff, 0);
          break;
        case PART.lowImmediate:
          text += part.lead + this.#number(rows.immediate[i]! & 15, 0);
          break;
        default:
          text += this.#farPointer(part, rows, i);
      }
    }
    return plan.masked
      ? text + this.#masks[((flags >> ROW_FLAGS.maskShift) & 7) | ((flags & ROW_FLAGS.zeroing) === 0 ? 0 : 8)]!
      : text;
  }

  /** The segment of memory that has `usual` without a prefix, if a prefix overrides it with another one. */
  #segment(plan: AttPlan, flags: number, segment: number, usual: number): string {
    const override = ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) - 1;
    if (override < 0) return "";
    if (isMode64(flags) ? override < SEGMENT.fs && !isOverridden64(flags) : override === usual) return "";
    return plan.ignoresSegment ? "" : this.#segments[segment]!;
  }

  #memory(plan: AttPlan, part: AttPart, rows: InstructionRows, i: number, base: bigint): string {
    const flags = rows.flags[i]!;
    const registers = rows.registers[i]!;
    const baseRegister = (registers >> ROW_REGISTERS.baseShift) & 63;
    let text = part.lead;
    if ((flags & SEGMENT_PREFIX_MASK) !== 0) {
      const usual = baseRegister === 4 || baseRegister === 5 ? SEGMENT.ss : SEGMENT.ds;
      text += this.#segment(plan, flags, (flags >> ROW_FLAGS.segmentShift) & 7, usual);
    }
    const addressSize = (flags >> ROW_FLAGS.addressSizeShift) & 3;
    const displacement = rows.displacement[i]!;
    if (baseRegister === RIP) return text + this.#relative(rows, i, base, addressSize) + part.text;
    const isIndexed = ((registers >> ROW_REGISTERS.indexShift) & 63) !== ROW_NO_REGISTER;
    if (baseRegister === ROW_NO_REGISTER) {
      const high = addressSize !== 2 ? 0 : part.isDirect ? rows.immediate2[i]! : displacement >> 31;
      const low = addressSize === 0 ? displacement & 0xffff : displacement >>> 0;
      const symbol = this.#symbol(low, high >>> 0, "memory");
      if (!isIndexed) return text + (symbol ?? this.#number(low, high >>> 0)) + part.text;
      if (symbol !== undefined) {
        return text + symbol + this.#addresses.text(registers, addressSize, part.indexClass) + part.text;
      }
    }
    if (displacement > 0) text += this.#number(displacement, 0);
    else if (displacement < 0) text += `-${this.#number(-displacement, 0)}`;
    return text + this.#addresses.text(registers, addressSize, part.indexClass) + part.text;
  }

  /** Memory relative to the instruction pointer: a symbol with the register, or the address alone. */
  #relative(rows: InstructionRows, i: number, base: bigint, addressSize: number): string {
    this.#setBase(base);
    const sum = this.#baseLow + rows.offset[i]! + rows.length[i]! + rows.displacement[i]!;
    const low = sum >>> 0;
    const high = addressSize === 2 ? (this.#baseHigh + Math.floor(sum / TWO_32)) >>> 0 : 0;
    const symbol = this.#symbol(low, high, "memory");
    if (symbol === undefined) return this.#number(low, high);
    return symbol + this.#letters(addressSize === 2 ? "(%rip)" : "(%eip)");
  }

  #immediate(low: number, high: number, bytes: number): string {
    if (bytes === 1) return this.#number(low & 0xff, 0);
    if (bytes === 2) return this.#number(low & 0xffff, 0);
    const wide = bytes === 8 ? high >>> 0 : 0;
    return this.#symbol(low >>> 0, wide, "immediate") ?? this.#number(low >>> 0, wide);
  }

  #target(rows: InstructionRows, i: number, base: bigint, bytes: number): string {
    this.#setBase(base);
    const sum = this.#baseLow + rows.offset[i]! + rows.length[i]! + rows.immediate[i]!;
    const low = bytes === 2 ? sum & 0xffff : sum >>> 0;
    const high = bytes === 8 ? (this.#baseHigh + Math.floor(sum / TWO_32)) >>> 0 : 0;
    return this.#symbol(low, high, "branch") ?? this.#put("number", this.#numbers.padded(low, high, bytes * 2));
  }

  #farPointer(part: AttPart, rows: InstructionRows, i: number): string {
    const low = part.size === 2 ? rows.immediate[i]! & 0xffff : rows.immediate[i]! >>> 0;
    const selector = part.lead + this.#put("number", this.#numbers.padded(rows.immediate2[i]! & 0xffff, 0, 4));
    const offset = this.#symbol(low, 0, "branch") ?? this.#put("number", this.#numbers.padded(low, 0, part.size * 2));
    return `${selector},$${offset}`;
  }

  #setBase(base: bigint): void {
    if (base === this.#base) return;
    this.#base = base;
    this.#baseLow = Number(BigInt.asUintN(32, base));
    this.#baseHigh = Number(BigInt.asUintN(32, base >> 32n));
  }

  /** The symbol that an address belongs to, with the distance from it. */
  #symbol(low: number, high: number, use: "branch" | "memory" | "immediate"): string | undefined {
    if (this.#symbols === undefined) return undefined;
    const address = (BigInt(high) << 32n) | BigInt(low);
    // The resolver may throw, or format something itself: until it is back, no text is made for tokens.
    const pieces = this.#pieces;
    this.#pieces = undefined;
    const match = this.#symbols(address, use);
    this.#pieces = pieces;
    if (match === undefined) return undefined;
    const name = this.#put("symbol", match.name);
    const distance = address - match.address;
    if (distance === 0n) return name;
    const size = distance < 0n ? -distance : distance;
    const number = this.#number(Number(BigInt.asUintN(32, size)), Number(BigInt.asUintN(32, size >> 32n)));
    return `${name}${distance < 0n ? "-" : "+"}${number}`;
  }

  #number(low: number, high: number): string {
    return this.#put("number", this.#numbers.unsigned(low, high));
  }

  #put(kind: TokenKind, text: string): string {
    if (this.#pieces === undefined) return text;
    this.#pieces.push({ kind, text });
    return PLACEHOLDER;
  }
}

/** The line that fits the row: the plan's usual one, or a shorter one. */
function lineOf(plan: AttPlan, rows: InstructionRows, i: number): AttLine {
  const registers = rows.registers[i]!;
  switch (plan.shortened) {
    case SHORTENED.byImmediate:
      return plan.byImmediate.get(rows.immediate[i]!) ?? plan.line;
    case SHORTENED.withSt1:
      return ((registers >> ROW_REGISTERS.rmShift) & 7) === 1 ? plan.short : plan.line;
    case SHORTENED.withSameRegister:
      return (((registers >> ROW_REGISTERS.regShift) ^ (registers >> ROW_REGISTERS.rmShift)) & 31) === 0
        ? plan.short
        : plan.line;
    default:
      return plan.line;
  }
}

const isMode64 = (flags: number): boolean => ((flags >> ROW_FLAGS.modeShift) & 3) === MODE_64;

/** 3E before an indirect near branch, unless an FS or GS override counts (SDM Vol 1, 17.3.4). */
const isNotrack = (flags: number): boolean =>
  ((flags >> ROW_FLAGS.segmentPrefixShift) & 7) === SEGMENT.ds + 1 && !isOverridden64(flags);

/** Whether there is an FS or GS override in 64-bit mode, maybe with ones behind it that have no effect. */
const isOverridden64 = (flags: number): boolean =>
  isMode64(flags) && ((flags >> ROW_FLAGS.segmentShift) & 7) >= SEGMENT.fs;
