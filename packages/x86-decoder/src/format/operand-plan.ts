import type { InstructionForm } from "../forms.ts";
import { OPERAND_SOURCE as SOURCE } from "../layout.ts";
import { parseOperandCode, SELECTOR } from "../operand-codes.ts";
import { REGISTER_CLASS, THREE_BITS } from "../registers.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../row-fields.ts";
import type { PieceMaker } from "./piece-maker.ts";
import type { Piece } from "./pieces.ts";
import type { BySize, Style } from "./styles.ts";

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

/** The beginning of a memory operand, alone and with each base register, made when first needed. */
export interface Opening {
  readonly piece: Piece;
  readonly bases: (Piece | undefined)[];
  /** With the closing bracket. */
  readonly closed: (Piece | undefined)[];
}

export interface OperandPlan {
  /** WRITE */
  readonly write: number;
  /** Where in a row's flags the two bits are that select among classes and sizes. */
  readonly selectShift: number;
  /** Where in a row's registers the number is, or IMMEDIATE_REGISTER; for fixed memory, the register's number. */
  readonly registerShift: number;
  readonly registerMask: number;
  /** Whether register numbers 4 to 7 are AH to BH without REX. */
  readonly isByte: boolean;
  /** REGISTER_CLASS by selection. */
  readonly classes: readonly number[];
  /** Register pieces by selection, with the separator before them. */
  readonly registers: readonly (readonly Piece[])[];
  /** By selection: fixed registers. */
  readonly fixed: readonly Piece[];
  /** Bytes by selection. */
  readonly sizes: readonly number[];
  /** Immediates: 0 the first, 1 the second, 2 the constant 1, 3 bits 3 to 0 of the first. */
  readonly part: number;
  /** Whether a comma stands before it. */
  readonly hasSeparator: boolean;
  /** Register class by selection of a vector index; undefined: general index. */
  readonly vectorIndex: readonly number[] | undefined;
  /** Whether memory at a fixed register is in ES. */
  readonly isDestination: boolean;
  /** Memory: an absolute offset in the instruction. */
  readonly isOffset: boolean;
  /** Beginnings of memory operands without segment and broadcast, by sizes and selection. */
  readonly openings: (Opening | undefined)[];
  readonly rareOpenings: Map<number, Opening>;
}

export interface OperandContext {
  readonly form: InstructionForm;
  readonly style: Style;
  readonly pieces: PieceMaker;
}

type Selected = readonly [selector: number, classes: BySize<number>, register: number];

const GENERAL: BySize<number> = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64];
const AT_LEAST_32: BySize<number> = [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64];
const ALWAYS_32: BySize<number> = [REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr32];

/** Operand codes that the instruction table does not have: registers that instructions use without naming them. */
const IMPLIED: Readonly<Record<string, Selected>> = {
  aAX: [SELECTOR.addressSize, GENERAL, 0],
  EAX: [SELECTOR.mode, ALWAYS_32, 0],
  ECX: [SELECTOR.mode, ALWAYS_32, 1],
  modeAX: [SELECTOR.mode, GENERAL, 0],
  modeCX: [SELECTOR.mode, AT_LEAST_32, 1],
  modeDX: [SELECTOR.mode, AT_LEAST_32, 2],
  modeBX: [SELECTOR.mode, AT_LEAST_32, 3],
  XMM0: [SELECTOR.mode, [REGISTER_CLASS.xmm, REGISTER_CLASS.xmm, REGISTER_CLASS.xmm], 0],
};

/** Shift of the flags word's field by SELECTOR. */
const SELECT_SHIFT: readonly number[] = [
  ROW_FLAGS.operandSizeShift,
  ROW_FLAGS.vectorLengthShift,
  ROW_FLAGS.addressSizeShift,
  ROW_FLAGS.modeShift,
];

/** Shift of the register number's field by OPERAND_SOURCE. */
const REGISTER_SHIFT: Readonly<Record<number, number>> = {
  [SOURCE.reg]: ROW_REGISTERS.regShift,
  [SOURCE.rm]: ROW_REGISTERS.rmShift,
  [SOURCE.rmOrMemory]: ROW_REGISTERS.rmShift,
  [SOURCE.memory]: ROW_REGISTERS.rmShift,
  [SOURCE.vvvv]: ROW_REGISTERS.vvvvShift,
  [SOURCE.immediateRegister]: IMMEDIATE_REGISTER,
};

const IMMEDIATE_PART: Readonly<Record<number, number>> = {
  [SOURCE.immediate]: 0,
  [SOURCE.secondImmediate]: 1,
  [SOURCE.one]: 2,
  [SOURCE.lowImmediate]: 3,
};

/** Selections are two bits wide; the fourth is as the third. */
const four = <T>(triple: readonly T[]): readonly T[] => [...triple, triple[2] as T];

/** All plans of operands have the same fields in the same order, so that engines see one shape. */
function make(write: number, fields: Partial<OperandPlan>): OperandPlan {
  return {
    write,
    selectShift: fields.selectShift ?? ROW_FLAGS.modeShift,
    registerShift: fields.registerShift ?? 0,
    registerMask: fields.registerMask ?? 31,
    isByte: fields.isByte ?? false,
    classes: fields.classes ?? [],
    registers: fields.registers ?? [],
    fixed: fields.fixed ?? [],
    sizes: fields.sizes ?? [0, 0, 0, 0],
    part: fields.part ?? 0,
    hasSeparator: fields.hasSeparator ?? false,
    vectorIndex: fields.vectorIndex,
    isDestination: fields.isDestination ?? false,
    isOffset: fields.isOffset ?? false,
    openings: [],
    rareOpenings: new Map(),
  };
}

/** An operand that a style adds, or undefined if the code is one of the instruction table. */
function planAddedOperand(code: string, hasSeparator: boolean, pieces: PieceMaker): OperandPlan | undefined {
  const implied = IMPLIED[code];
  if (implied !== undefined) {
    const [selector, classes, number] = implied;
    const fixed = classes.map((registerClass) => pieces.registers(registerClass, hasSeparator)[number] as Piece);
    return make(WRITE.fixed, { selectShift: SELECT_SHIFT[selector] ?? 0, fixed: four(fixed) });
  }
  if (code.startsWith("'")) {
    const literal = pieces.piece(["punctuation", hasSeparator ? "," : ""], ["number", code.slice(1)]);
    return make(WRITE.fixed, { fixed: four([literal, literal, literal]) });
  }
  if (code === "Mxlat") return make(WRITE.fixedMemory, { registerShift: 3, sizes: [1, 1, 1, 1], hasSeparator });
  return undefined;
}

/** Works out how an operand is written: one of the form, or one that a style adds. */
export function planOperand(
  code: string,
  place: { readonly isSecondImmediate: boolean; readonly hasSeparator: boolean },
  { style, form, pieces }: OperandContext,
): OperandPlan {
  const { isSecondImmediate, hasSeparator } = place;
  const added = planAddedOperand(code, hasSeparator, pieces);
  if (added !== undefined) return added;
  const { source, selector, classes, sizes, fixed } = parseOperandCode(code, isSecondImmediate);
  const suffix = /\/vm\d\d([a-z]+)$/.exec(code)?.[1];
  const index = suffix === undefined ? undefined : parseOperandCode(`V${suffix}`, false);
  const isGeneral = classes[0] <= REGISTER_CLASS.gpr64;
  const isNarrow = style.narrow === true;
  const written = classes.map((registerClass) =>
    isNarrow && registerClass === REGISTER_CLASS.gpr64 ? REGISTER_CLASS.gpr32 : registerClass,
  );
  const fields = {
    selectShift: SELECT_SHIFT[index?.selector ?? selector] ?? 0,
    sizes: four(sizes),
    isByte: classes[0] === REGISTER_CLASS.gpr8,
    classes: four(written),
    hasSeparator,
    vectorIndex: index === undefined ? undefined : four(index.classes),
    isOffset: code.startsWith("O"),
  };
  switch (source) {
    case SOURCE.fixed: {
      const registers = classes.map((registerClass) =>
        registerClass === REGISTER_CLASS.x87
          ? pieces.stackTop(hasSeparator)
          : (pieces.registers(registerClass, hasSeparator)[fixed] as Piece),
      );
      return make(WRITE.fixed, { ...fields, fixed: four(registers) });
    }
    case SOURCE.branch:
      return make(WRITE.branch, fields);
    case SOURCE.farPointer:
      return make(WRITE.farPointer, fields);
    case SOURCE.stringSource:
    case SOURCE.stringDestination:
    case SOURCE.maskedDestination:
      return make(WRITE.fixedMemory, {
        ...fields,
        registerShift: source === SOURCE.stringSource ? 6 : 7,
        isDestination: source === SOURCE.stringDestination,
      });
    case SOURCE.immediate:
    case SOURCE.secondImmediate:
    case SOURCE.one:
    case SOURCE.lowImmediate:
      return make(WRITE.immediate, { ...fields, part: IMMEDIATE_PART[source] ?? 0 });
    default: {
      const write =
        source === SOURCE.rmOrMemory
          ? WRITE.registerOrMemory
          : source === SOURCE.memory
            ? WRITE.memory
            : WRITE.register;
      return make(write, {
        ...fields,
        registerShift: REGISTER_SHIFT[source] ?? 0,
        registerMask: THREE_BITS.has(classes[0]) ? 7 : isGeneral && form.encoding.startsWith("EVEX") ? 15 : 31,
        registers: four(written.map((registerClass) => pieces.registers(registerClass, hasSeparator))),
      });
    }
  }
}
