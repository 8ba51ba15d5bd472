import { FORMS, type InstructionForm } from "../forms.ts";
import { DecoderError, type InstructionRows, ROW_FLAGS } from "../rows.ts";
import { MERGES_REGISTERS, SHORT_WITH_ST1, SHOWN_OPERANDS, USUAL_IMMEDIATE } from "./att-exceptions.ts";
import { attName } from "./att-names.ts";
import { type AttPart, AttPartMaker, GENERAL_MEMORY } from "./att-parts.ts";
import { fixedPrefixes, type PrefixRules, prefixRules } from "./att-prefixes.ts";
import { pseudoOperations } from "./pseudo-operations.ts";

/** Sizes of a row: 0, 1, 2 for 16, 32, 64 bits, or 128, 256, 512. */
export interface RowSizes {
  readonly mode: number;
  readonly operandSize: number;
  readonly addressSize: number;
  readonly vectorLength: number;
  /** EVEX.b */
  readonly evexB: boolean;
  readonly memory: boolean;
}

/** A mnemonic, with a space behind if operands follow, and the operands. */
export interface AttLine {
  readonly name: string;
  readonly parts: readonly AttPart[];
}

/** When an instruction is written as its plan's `short` line or one of `byImmediate`. */
export const SHORTENED = {
  never: 0,
  /** If the immediate is in `byImmediate`. */
  byImmediate: 1,
  /** If the register operand is ST(1). */
  withSt1: 2,
  /** If the first two operands are the same register. */
  withSameRegister: 3,
} as const;

/** How to write the instructions of one form that have the same sizes. */
export interface AttPlan extends PrefixRules {
  /** What the plan is for, besides the form: `variantOf` a row. */
  readonly variant: number;
  /** Prefixes that follow from the sizes, with a space behind each. */
  readonly prefix: string;
  readonly line: AttLine;
  /** SHORTENED */
  readonly shortened: number;
  readonly short: AttLine;
  readonly byImmediate: ReadonlyMap<number, AttLine>;
  /** Whether there may be an opmask. */
  readonly masked: boolean;
}

const NO_NAMES: ReadonlyMap<number, string> = /* @__PURE__ */ new Map();

/** More than any `variantOf`. */
export const VARIANTS = 1024;

/** Everything a plan depends on besides the form, in ten bits: sizes, EVEX.b, and whether there is memory. */
export const variantOf = (flags: number, registers: number): number =>
  ((flags >> ROW_FLAGS.operandSizeShift) & 3) |
  (((flags >> ROW_FLAGS.addressSizeShift) & 3) << 2) |
  (((flags >> ROW_FLAGS.modeShift) & 3) << 4) |
  (((flags >> ROW_FLAGS.vectorLengthShift) & 3) << 6) |
  ((flags & ROW_FLAGS.evexB) === 0 ? 0 : 0x100) |
  ((registers & 3) === 3 ? 0 : 0x200);

const sizesOf = (variant: number): RowSizes => ({
  operandSize: variant & 3,
  addressSize: (variant >> 2) & 3,
  mode: (variant >> 4) & 3,
  vectorLength: (variant >> 6) & 3,
  evexB: (variant & 0x100) !== 0,
  memory: (variant & 0x200) !== 0,
});

/** Operands beside which memory has a size that only the mnemonic tells; Gy stands beside memory of another size. */
const TELLS_NO_SIZE = /^(I.*|1|CL|Gy|[VH].*)$/;

const GENERAL_BYTES: Readonly<Record<string, readonly [number, number, number]>> = {
  Eb: [1, 1, 1],
  Ev: [2, 4, 8],
  Ey: [4, 4, 8],
  Ed: [4, 4, 4],
  Eq: [8, 8, 8],
};

function untoldBytes(codes: readonly string[], sizes: RowSizes): number {
  const memory = codes.find((code) => GENERAL_MEMORY.test(code));
  if (memory === undefined || !sizes.memory) return 0;
  if (!codes.every((code) => code === memory || TELLS_NO_SIZE.test(code))) return 0;
  return GENERAL_BYTES[memory]?.[sizes.operandSize] ?? 0;
}

/**
 * NOP is an exchange of the accumulator with itself, and is written so where a prefix makes the operand size another one
 * than the mode's (SDM Vol 2B, XCHG).
 */
const isExchange = (form: InstructionForm, sizes: RowSizes): boolean =>
  form.mnemonic === "nop" && form.operands.length === 0 && sizes.operandSize !== Math.min(sizes.mode, 1);

/** Makes plans; what they share is kept. */
export class AttPlanner {
  readonly #parts: AttPartMaker;
  readonly #letters: (text: string) => string;

  /** `letters` changes a text to upper case, or does not. */
  constructor(letters: (text: string) => string) {
    this.#letters = letters;
    this.#parts = new AttPartMaker(letters);
  }

  /** The plan for row `i`, which has a form and the given `variantOf`. */
  plan(rows: InstructionRows, i: number, variant: number): AttPlan {
    const form = FORMS[rows.form[i] ?? -1];
    if (form === undefined)
      throw new DecoderError(`row ${i} was to be formatted; there are rows 0 to ${rows.capacity - 1}`);
    const sizes = sizesOf(variant);
    const operands = form.operands.join(" ");
    const exchange = isExchange(form, sizes);
    const shown = exchange ? "rAX rAX" : (SHOWN_OPERANDS.get(`${form.mnemonic} ${operands}`) ?? operands);
    const codes = shown === "" ? [] : shown.split(" ");
    const { mnemonic, encoding } = form;
    const name = attName({
      ...sizes,
      mnemonic: exchange ? "xchg" : mnemonic,
      encoding,
      operands,
      memory: sizes.memory && !sizes.evexB,
      untoldBytes: untoldBytes(codes, sizes),
      memoryCode: sizes.memory ? (codes[0] ?? "") : "",
    });
    const make = (shownCodes: readonly string[], word: string): AttLine => ({
      name: this.#letters(shownCodes.length === 0 ? word : `${word} `),
      parts: this.#parts.make(form, shownCodes, sizes, rows, i),
    });
    const usual = USUAL_IMMEDIATE.get(mnemonic);
    const names = usual === undefined ? (pseudoOperations(mnemonic, codes) ?? NO_NAMES) : new Map([[usual, mnemonic]]);
    const merges = !sizes.memory && MERGES_REGISTERS.has(`${mnemonic} ${operands}`);
    const withSt1 = SHORT_WITH_ST1.has(mnemonic) && codes.includes("STi");
    return {
      variant,
      prefix: this.#letters(fixedPrefixes(form, sizes)),
      line: make(codes, name),
      shortened: merges
        ? SHORTENED.withSameRegister
        : withSt1
          ? SHORTENED.withSt1
          : names.size > 0
            ? SHORTENED.byImmediate
            : SHORTENED.never,
      short: make(merges ? [codes[0] ?? "", codes[2] ?? ""] : [], name),
      byImmediate: new Map(Array.from(names, ([immediate, word]) => [immediate, make(codes.slice(0, -1), word)])),
      ...prefixRules(form, sizes),
      masked: encoding.startsWith("EVEX"),
    };
  }
}
