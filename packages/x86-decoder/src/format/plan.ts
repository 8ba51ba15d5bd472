import type { InstructionForm } from "../forms.ts";
import { FORM_RULES } from "../generated/decode-tables.ts";
import { RULES } from "../layout.ts";
import { parseOperandCode, SELECTOR, SOURCE } from "../operand-codes.ts";
import { REGISTER_CLASS, REGISTER_NAMES } from "../registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../rows.ts";
import { formPrefixes } from "./form-prefixes.ts";
import { type Part, type Piece, pieceOf } from "./pieces.ts";
import { pseudoOperations } from "./pseudo-operations.ts";
import { type BySize, type Circumstance, type MemorySizeRule, type Style, styleOf } from "./styles.ts";
import type { Syntax } from "./syntax.ts";

/** `OperandPlan.registerShift` of a register in bits 7 to 4 of the immediate. */
export const IMMEDIATE_REGISTER = 32;

/** How an operand is written. */
export const WRITE = {
  register: 0,
  registerOrMemory: 1,
  memory: 2,
  fixed: 3,
  immediate: 4,
  branch: 5,
  farPointer: 6,
  /** Memory at a fixed register: string instructions, XLAT. */
  fixedMemory: 7,
} as const;

export interface OperandPlan {
  /** WRITE */
  readonly write: number;
  /** Where in a row's flags the two bits are that select among classes and sizes. */
  readonly selectShift: number;
  /** Where in a row's registers the number is; 32: bits 7 to 4 of the immediate. */
  readonly registerShift: number;
  readonly registerMask: number;
  /** Whether register numbers 4 to 7 are AH to BH without REX. */
  readonly isByte: boolean;
  /** Register pieces with the separator before them, by selection. */
  readonly registers: readonly (readonly Piece[])[];
  /** By selection: fixed registers. */
  readonly fixed: readonly Piece[];
  /** Bytes by selection. */
  readonly sizes: readonly number[];
  /** Immediates: 0 the first, 1 the second, 2 the constant 1, 3 bits 1 and 0 of the first. */
  readonly part: number;
  /** Whether something stands before it. */
  readonly hasSeparator: boolean;
  /** Register class by selection of a vector index; undefined: general index. */
  readonly vectorIndex: readonly number[] | undefined;
  /** Whether memory of fixed registers is in ES. */
  readonly isDestination: boolean;
  /** Memory: an absolute offset in the instruction. */
  readonly isOffset: boolean;
  /** Beginnings of memory operands, by selection, segment shown and broadcast; made when first needed. */
  readonly opens: (Piece | undefined)[];
}

/** Everything about a form that does not depend on the instruction. */
export interface Plan {
  readonly style: Style;
  readonly operands: readonly OperandPlan[];
  readonly mnemonic: string;
  /** FORM_PREFIX bits. */
  readonly prefixes: number;
  /** Mnemonics by `sizesOf`; made when first needed. */
  readonly heads: (Piece | undefined)[];
  /** Words for sizes by `sizesOf`: a piece without text if there are none; made when first needed. */
  readonly sizeWords: (Piece | undefined)[];
  readonly hasSizeWords: boolean;
  /** What `resized` compares the operand size with: 64 in 64-bit mode, otherwise 32. */
  readonly usually64: boolean;
  readonly pseudo: ReadonlyMap<number, Piece> | undefined;
  /** Number of the operand behind which a rounding mode stands; the last one at most. */
  readonly roundingAfter: number;
  /** What EVEX.b means with registers: a rounding mode, the suppression of exceptions, nothing. */
  readonly exceptions: "er" | "sae" | undefined;
  /** Whether memory is addressed by a vector of indexes. */
  readonly isGather: boolean;
  readonly broadcastBytes: number;
  readonly showsSize: MemorySizeRule;
  /** Whether it has memory that a segment override applies to: all but STOS, SCAS, INS. */
  readonly hasSource: boolean;
  readonly circumstance: Circumstance | undefined;
  /** How the form is written under the circumstance. */
  readonly otherwise: Plan | undefined;
}

/** Operand codes that the table does not have: registers that instructions use without naming them. */
const IMPLIED: Readonly<Record<string, readonly [selector: number, classes: BySize<number>, register: number]>> = {
  aAX: [SELECTOR.addressSize, [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64], 0],
  EAX: [SELECTOR.mode, [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32], 0],
  ECX: [SELECTOR.mode, [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32], 1],
  XMM0: [SELECTOR.mode, [REGISTER_CLASS.xmm, REGISTER_CLASS.xmm, REGISTER_CLASS.xmm], 0],
  modeCX: [SELECTOR.mode, [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64], 1],
  modeDX: [SELECTOR.mode, [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64], 2],
  modeBX: [SELECTOR.mode, [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64], 3],
  modeAX: [SELECTOR.mode, [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64], 0],
};

/** Shift of the flags word's field by SELECTOR. */
const SELECT_SHIFT: readonly number[] = [
  ROW_FLAGS.operandSizeShift,
  ROW_FLAGS.vectorLengthShift,
  ROW_FLAGS.addressSizeShift,
  ROW_FLAGS.modeShift,
];

const THREE_BITS: ReadonlySet<number> = new Set([
  REGISTER_CLASS.mmx,
  REGISTER_CLASS.opmask,
  REGISTER_CLASS.x87,
  REGISTER_CLASS.segment,
  REGISTER_CLASS.tile,
]);

/** Register number field by SOURCE. */
const REGISTER_SHIFT: readonly number[] = [
  ROW_REGISTERS.regShift,
  ROW_REGISTERS.rmShift,
  ROW_REGISTERS.rmShift,
  ROW_REGISTERS.rmShift,
  ROW_REGISTERS.vvvvShift,
  IMMEDIATE_REGISTER,
];

/** Makes plans of forms for one syntax and one choice of letters. */
export class Planner {
  readonly #syntax: Syntax;
  readonly letters: "upper" | "lower";
  /** Register pieces by class, without and with the separator before them. */
  readonly #registers = new Map<number, readonly Piece[]>();

  constructor(syntax: Syntax, letters: "upper" | "lower") {
    this.#syntax = syntax;
    this.letters = letters;
  }

  piece(...parts: readonly Part[]): Piece {
    return pieceOf(parts, this.letters);
  }

  /** Pieces of a class's 32 registers. */
  registers(registerClass: number, hasSeparator: boolean): readonly Piece[] {
    const key = registerClass * 2 + (hasSeparator ? 1 : 0);
    let pieces = this.#registers.get(key);
    if (pieces === undefined) {
      const separator: Part = ["punctuation", hasSeparator ? "," : ""];
      pieces = Array.from({ length: 32 }, (_, i) => {
        const name =
          registerClass === REGISTER_CLASS.x87 ? this.#syntax.stackRegister(i) : REGISTER_NAMES[registerClass * 32 + i];
        return this.piece(separator, ["register", name ?? ""]);
      });
      this.#registers.set(key, pieces);
    }
    return pieces;
  }

  plan(form: InstructionForm): Plan {
    return this.#plan(form, styleOf(this.#syntax.styles, form));
  }

  #plan(form: InstructionForm, style: Style): Plan {
    const codes = (style.operands ?? form.operands.map((_, i) => String(i)).join(" "))
      .split(" ")
      .filter((code) => code !== "");
    const operands = codes.map((code, i) => {
      const formCode = form.operands[Number(code)];
      const isSecond = form.operands.slice(0, Number(code) || 0).some((other) => other.startsWith("I"));
      return this.#operand(formCode ?? code, isSecond, i > 0, style, form);
    });
    const names = pseudoOperations(form.mnemonic, form.operands);
    const pseudo =
      names === undefined
        ? undefined
        : new Map([...names].map(([value, name]) => [value, this.piece(["mnemonic", name], ["punctuation", " "])]));
    const rules = FORM_RULES[form.id] ?? 0;
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
      pseudo,
      roundingAfter: style.roundingAfter ?? this.#roundingAfter(operands),
      exceptions: form.attributes.includes("er") ? "er" : form.attributes.includes("sae") ? "sae" : undefined,
      isGather: form.operands.some((code) => code.includes("/vm")),
      broadcastBytes: 1 << ((rules >> RULES.broadcastShift) & RULES.broadcastMask),
      showsSize: style.memorySize ?? this.#syntax.showsSize(form),
      hasSource:
        !form.operands.some((code) => code.startsWith("Y")) || form.operands.some((code) => code.startsWith("X")),
      circumstance: otherwise?.when,
      otherwise:
        otherwise === undefined ? undefined : this.#plan(form, { ...style, otherwise: undefined, ...otherwise.style }),
    };
  }

  #roundingAfter(operands: readonly OperandPlan[]): number {
    const { roundingPlace } = this.#syntax;
    if (roundingPlace === "first") return 0;
    if (roundingPlace === "last") return operands.length - 1;
    return operands.findLastIndex((operand) => operand.write !== WRITE.immediate);
  }

  #operand(
    code: string,
    isSecondImmediate: boolean,
    hasSeparator: boolean,
    style: Style,
    form: InstructionForm,
  ): OperandPlan {
    const common = {
      write: WRITE.fixed,
      selectShift: ROW_FLAGS.modeShift,
      registerShift: 0,
      registerMask: 31,
      isByte: false,
      registers: [],
      fixed: [],
      sizes: [0, 0, 0, 0],
      part: 0,
      hasSeparator,
      vectorIndex: undefined,
      isDestination: false,
      isOffset: code.startsWith("O"),
      opens: [],
    };
    const implied = IMPLIED[code];
    if (implied !== undefined) {
      const [selector, classes, number] = implied;
      const fixed = classes.map((registerClass) => this.registers(registerClass, hasSeparator)[number] as Piece);
      return { ...common, selectShift: SELECT_SHIFT[selector] ?? 0, fixed };
    }
    if (code.startsWith("'")) {
      const literal = this.piece(["punctuation", hasSeparator ? "," : ""], ["number", code.slice(1)]);
      return { ...common, fixed: [literal, literal, literal] };
    }
    if (code === "Mxlat") return { ...common, write: WRITE.fixedMemory, registerShift: 3, sizes: [1, 1, 1, 1] };
    const { source, selector, classes, sizes, fixed } = parseOperandCode(code, isSecondImmediate);
    const suffix = /\/vm\d\d([a-z]+)$/.exec(code)?.[1];
    const index = suffix === undefined ? undefined : parseOperandCode(`V${suffix}`, false);
    const four = <T>(triple: readonly T[]): readonly T[] => [...triple, triple[2] as T];
    const operand = {
      ...common,
      selectShift: SELECT_SHIFT[index?.selector ?? selector] ?? 0,
      sizes: four(sizes),
      isByte: classes[0] === REGISTER_CLASS.gpr8,
      vectorIndex: index === undefined ? undefined : four(index.classes),
    };
    const isGeneral = classes[0] <= REGISTER_CLASS.gpr64;
    const written = (registerClass: number): number =>
      style.narrow === true && registerClass === REGISTER_CLASS.gpr64 ? REGISTER_CLASS.gpr32 : registerClass;
    switch (source) {
      case SOURCE.fixed:
        return {
          ...operand,
          fixed: four(
            classes.map((registerClass) =>
              registerClass === REGISTER_CLASS.x87
                ? this.piece(["punctuation", hasSeparator ? "," : ""], ["register", this.#syntax.stackTop])
                : (this.registers(registerClass, hasSeparator)[fixed] as Piece),
            ),
          ),
        };
      case SOURCE.branch:
        return { ...operand, write: WRITE.branch };
      case SOURCE.farPointer:
        return { ...operand, write: WRITE.farPointer };
      case SOURCE.stringSource:
      case SOURCE.stringDestination:
      case SOURCE.maskedDestination:
        return {
          ...operand,
          write: WRITE.fixedMemory,
          registerShift: source === SOURCE.stringSource ? 6 : 7,
          isDestination: source === SOURCE.stringDestination,
        };
      case SOURCE.immediate:
      case SOURCE.secondImmediate:
      case SOURCE.one:
      case SOURCE.lowImmediate:
        return {
          ...operand,
          write: WRITE.immediate,
          part:
            source === SOURCE.secondImmediate ? 1 : source === SOURCE.one ? 2 : source === SOURCE.lowImmediate ? 3 : 0,
        };
      default:
        return {
          ...operand,
          write:
            source === SOURCE.rmOrMemory
              ? WRITE.registerOrMemory
              : source === SOURCE.memory
                ? WRITE.memory
                : WRITE.register,
          registerShift: REGISTER_SHIFT[source] ?? 0,
          registerMask: THREE_BITS.has(classes[0]) ? 7 : isGeneral && form.encoding.startsWith("EVEX") ? 15 : 31,
          registers: four(classes.map((registerClass) => this.registers(written(registerClass), hasSeparator))),
        };
    }
  }
}
