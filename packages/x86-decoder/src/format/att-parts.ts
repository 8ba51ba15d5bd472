import type { InstructionForm } from "../forms.ts";
import { FORM_RULES } from "../generated/decode-tables.ts";
import { RULES } from "../layout.ts";
import { type OperandCode, parseOperandCode, SELECTOR, SOURCE } from "../operand-codes.ts";
import { createOperandList, readOperands } from "../operands.ts";
import { NO_REGISTER_ID, REGISTER_CLASS, REGISTER_NAMES } from "../registers.ts";
import { type InstructionRows, ROW_REGISTERS } from "../rows.ts";
import { INTEL_ORDER, WIDE_TARGET } from "./att-exceptions.ts";
import type { RowSizes } from "./att-plan.ts";

/** What a part's text is made of. */
export const PART = {
  /** `lead` alone. */
  constant: 0,
  /** A register whose number stands in the row's registers at `shift`. */
  register: 1,
  /** The same for byte registers, whose names depend on REX. */
  byteRegister: 2,
  /** A register in bits 7 to 4 of the immediate. */
  immediateRegister: 3,
  /** The rounding mode in EVEX.L'L. */
  rounding: 4,
  /** Memory by a ModRM byte or at a direct offset. */
  memory: 5,
  /** Memory at a register, `text`, in the effective segment. */
  stringSource: 6,
  /** Memory at a register, `text`, in ES. */
  stringDestination: 7,
  /** An immediate of `size` bytes. */
  immediate: 8,
  secondImmediate: 9,
  /** Bits 3 to 0 of the immediate. */
  lowImmediate: 10,
  /** A target of `size` bytes. */
  branch: 11,
  farPointer: 12,
} as const;

/** One operand, or a rounding mode between operands. */
export interface AttPart {
  /** PART */
  readonly kind: number;
  /** What stands before it: a comma, "*" of an indirect branch, "$" of an immediate. */
  readonly lead: string;
  readonly text: string;
  readonly shift: number;
  /** Bytes. */
  readonly size: number;
  /** Names by register number, or by rounding mode, each with `lead` before it. */
  readonly names: readonly string[];
  /** Names of byte registers without REX. */
  readonly legacyNames: readonly string[];
  /** REGISTER_CLASS of a vector index; 0: general. */
  readonly indexClass: number;
  /** Memory whose offset has the address size, without a ModRM byte. */
  readonly isDirect: boolean;
}

/** Operand codes that are a general register or memory. */
export const GENERAL_MEMORY: RegExp = /^E/;

/** Registers of a class whose field has more bits than they have; the rest of it is ignored. */
const COUNT: Readonly<Record<number, number>> = {
  [REGISTER_CLASS.gpr8]: 16,
  [REGISTER_CLASS.gpr16]: 16,
  [REGISTER_CLASS.gpr32]: 16,
  [REGISTER_CLASS.gpr64]: 16,
  [REGISTER_CLASS.segment]: 8,
  [REGISTER_CLASS.x87]: 8,
  [REGISTER_CLASS.mmx]: 8,
  [REGISTER_CLASS.opmask]: 8,
  [REGISTER_CLASS.tile]: 8,
};

const ROUNDING_MODES = ["{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"];

const SHIFT_BY_SOURCE: Readonly<Record<number, number>> = {
  [SOURCE.reg]: ROW_REGISTERS.regShift,
  [SOURCE.rm]: ROW_REGISTERS.rmShift,
  [SOURCE.vvvv]: ROW_REGISTERS.vvvvShift,
};

const ADDRESS_REGISTERS = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64] as const;

const nameOf = (registerClass: number, number: number): string =>
  registerClass === REGISTER_CLASS.x87 ? `%st(${number})` : `%${REGISTER_NAMES[(registerClass << 5) | number]}`;

const IMPLIED_ONLY: Readonly<Record<string, string>> = { XMM0: "%xmm0", ST: "%st" };

/** Makes the parts of plans. */
export class AttPartMaker {
  readonly #letters: (text: string) => string;
  readonly #names = new Map<string, readonly string[]>();
  readonly #operands = createOperandList();

  constructor(letters: (text: string) => string) {
    this.#letters = letters;
  }

  /** Parts in the order of AT&T syntax, for operand codes in Intel order. Row `i` is an instruction that they are for. */
  make(
    form: InstructionForm,
    codes: readonly string[],
    sizes: RowSizes,
    rows: InstructionRows,
    i: number,
  ): readonly AttPart[] {
    const ordered = codes.map((code, n) => ({ code, second: code.startsWith("I") && hasImmediate(codes.slice(0, n)) }));
    if (!INTEL_ORDER.has(form.mnemonic)) ordered.reverse();
    const star = isIndirect(form) ? "*" : "";
    const parts: AttPart[] = [];
    let control = this.#roundingControl(form, sizes);
    for (const { code, second } of ordered) {
      const comma = (): string => (parts.length === 0 ? "" : ",");
      // Rounding stands before the vector registers (GNU as: behind immediates and a general source).
      if (control !== undefined && !code.startsWith("I") && !(parts.length === 0 && GENERAL_MEMORY.test(code))) {
        parts.push(control(comma()));
        control = undefined;
      }
      parts.push(this.#part(form, code, second, comma() + star, sizes, rows, i));
    }
    return parts;
  }

  #part(
    form: InstructionForm,
    code: string,
    second: boolean,
    lead: string,
    sizes: RowSizes,
    rows: InstructionRows,
    i: number,
  ): AttPart {
    const implied = IMPLIED_ONLY[code];
    if (implied !== undefined) return part(PART.constant, { lead: lead + this.#letters(implied) });
    if (code === "rBX") {
      const text = this.#letters(`(${nameOf(ADDRESS_REGISTERS[sizes.addressSize] ?? REGISTER_CLASS.gpr64, 3)})`);
      return part(PART.stringSource, { lead, text });
    }
    const operand = parseOperandCode(code, second);
    const chosen = chosenBy(operand, sizes);
    const registerClass = operand.classes[chosen] ?? 0;
    const size = operand.sizes[chosen] ?? 0;
    let { source } = operand;
    if (source === SOURCE.rmOrMemory) source = sizes.memory ? SOURCE.memory : SOURCE.rm;
    switch (source) {
      case SOURCE.reg:
      case SOURCE.rm:
      case SOURCE.vvvv: {
        const shift = SHIFT_BY_SOURCE[source] ?? 0;
        const names = this.#registers(registerClass, lead);
        if (registerClass !== REGISTER_CLASS.gpr8) return part(PART.register, { names, shift });
        return part(PART.byteRegister, { names, shift, legacyNames: this.#registers(REGISTER_CLASS.gpr8High, lead) });
      }
      case SOURCE.immediateRegister:
        return part(PART.immediateRegister, { names: this.#registers(registerClass, lead) });
      case SOURCE.fixed:
        return part(PART.constant, { lead: lead + this.#letters(nameOf(registerClass, operand.fixed)) });
      case SOURCE.memory: {
        const broadcast = sizes.evexB ? `{1to${size >> broadcastShift(form)}}` : "";
        const isDirect = code.startsWith("O");
        return part(PART.memory, { lead, text: broadcast, isDirect, indexClass: this.#indexClass(form, rows, i) });
      }
      case SOURCE.stringSource:
      case SOURCE.stringDestination: {
        const isSource = source === SOURCE.stringSource;
        const register = nameOf(ADDRESS_REGISTERS[sizes.addressSize] ?? REGISTER_CLASS.gpr64, isSource ? 6 : 7);
        const kind = isSource ? PART.stringSource : PART.stringDestination;
        return part(kind, { lead, text: this.#letters(`(${register})`) });
      }
      case SOURCE.one:
        return part(PART.constant, { lead: `${lead}$1` });
      case SOURCE.branch:
        return part(PART.branch, { lead, size: targetBytes(form, sizes) });
      case SOURCE.farPointer:
        return part(PART.farPointer, { lead: "$", size: 2 << sizes.operandSize });
      case SOURCE.secondImmediate:
        return part(PART.secondImmediate, { lead: `${lead}$` });
      case SOURCE.lowImmediate:
        return part(PART.lowImmediate, { lead: `${lead}$` });
      default:
        return part(PART.immediate, { lead: `${lead}$`, size });
    }
  }

  #roundingControl(form: InstructionForm, sizes: RowSizes): ((lead: string) => AttPart) | undefined {
    if (!sizes.evexB || sizes.memory) return undefined;
    if (form.attributes.includes("sae")) return (lead) => part(PART.constant, { lead: `${lead}{sae}` });
    if (!form.attributes.includes("er")) return undefined;
    return (lead) => part(PART.rounding, { names: ROUNDING_MODES.map((mode) => lead + mode) });
  }

  #indexClass(form: InstructionForm, rows: InstructionRows, i: number): number {
    const n = form.operands.findIndex((code) => code.includes("/vm"));
    if (n < 0) return 0;
    const id = readOperands(rows, i, this.#operands).index[n] ?? NO_REGISTER_ID;
    return id === NO_REGISTER_ID ? 0 : id >> 5;
  }

  #registers(registerClass: number, lead: string): readonly string[] {
    const key = `${registerClass}${lead}`;
    let names = this.#names.get(key);
    if (names === undefined) {
      const count = COUNT[registerClass] ?? 32;
      names = Array.from({ length: 32 }, (_, n) => {
        const high = registerClass === REGISTER_CLASS.gpr8High;
        const known = high && (n < 4 || n > 7) ? REGISTER_CLASS.gpr8 : registerClass;
        return lead + this.#letters(nameOf(known, n % (high ? 16 : count)));
      });
      this.#names.set(key, names);
    }
    return names;
  }
}

function part(kind: number, fields: Partial<AttPart>): AttPart {
  return {
    kind,
    lead: fields.lead ?? "",
    text: fields.text ?? "",
    shift: fields.shift ?? 0,
    size: fields.size ?? 0,
    names: fields.names ?? [],
    legacyNames: fields.legacyNames ?? [],
    indexClass: fields.indexClass ?? 0,
    isDirect: fields.isDirect ?? false,
  };
}

/** Far pointers are no indirect branches. */
const isIndirect = (form: InstructionForm): boolean =>
  /^indirect/.test(form.flow) && /^[EM]/.test(form.operands[0] ?? "");

const hasImmediate = (codes: readonly string[]): boolean => codes.some((code) => code.startsWith("I"));

function chosenBy(operand: OperandCode, sizes: RowSizes): number {
  if (operand.selector === SELECTOR.operandSize) return sizes.operandSize;
  if (operand.selector === SELECTOR.vectorLength) return sizes.vectorLength;
  return operand.selector === SELECTOR.addressSize ? sizes.addressSize : sizes.mode;
}

const broadcastShift = (form: InstructionForm): number =>
  ((FORM_RULES[form.id] ?? 0) >> RULES.broadcastShift) & RULES.broadcastMask;

function targetBytes(form: InstructionForm, sizes: RowSizes): number {
  if (sizes.mode === 2) return 8;
  return WIDE_TARGET.has(form.mnemonic) ? 4 : 2 << sizes.operandSize;
}
