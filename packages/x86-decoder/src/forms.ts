import {
  ATTRIBUTES,
  ENCODINGS,
  FLAG_USES,
  FORM_ATTRIBUTES,
  FORM_FLAGS,
  FORM_IMPLIED,
  FORM_SIGNATURE,
  IMPLIED,
  MNEMONICS,
  OPERAND_WORDS,
  SIGNATURES,
} from "./generated/form-lines.ts";
import { FLAG_USE } from "./info/layout.ts";
import { MAX_OPERANDS } from "./operands.ts";

/**
 * How an instruction uses an operand: reads it, writes it, both, each only under a condition (c), only its address (a), or
 * not at all (n).
 */
export type OperandAccess = "r" | "w" | "rw" | "cr" | "cw" | "rcw" | "a" | "n";

/** Where control goes when it does not simply continue behind the instruction. */
export type ControlFlow =
  | "next"
  | "jump"
  | "conditional"
  | "call"
  | "return"
  | "indirect-jump"
  | "indirect-call"
  | "interrupt"
  | "exception"
  | "xbegin";

/**
 * Masks of RFLAGS, and of the x87 condition codes 16 above their place in the status word. For shifts and rotates by a
 * count: those of a count above 1.
 */
export interface FlagsUse {
  readonly read: number;
  /** Set according to the result. */
  readonly written: number;
  readonly cleared: number;
  readonly set: number;
  readonly undefined: number;
}

/** One form: a line of the instruction table. */
export interface InstructionForm {
  /** Index in FORMS; stable within a build. */
  readonly id: number;
  /** Lower case, as in the SDM; conditions are in it ("jne"), operand sizes of strings too ("movsb"). */
  readonly mnemonic: string;
  /** Operand codes of SDM Vol 2, appendix A.2, in Intel order. */
  readonly operands: readonly string[];
  /** How each operand is used. */
  readonly access: readonly OperandAccess[];
  /** Registers and memory that it uses without naming them, as the instruction table writes them. */
  readonly implied: string;
  /** The last column of the instruction table, its words. */
  readonly attributes: readonly string[];
  readonly flags: FlagsUse;
  /** Whether a LOCK prefix is allowed with a memory destination. */
  readonly lock: boolean;
  /** Whether it needs privilege level 0 in protected mode. */
  readonly privileged: boolean;
  readonly flow: ControlFlow;
  /** CPUID feature that it needs; "base" if none. */
  readonly feature: string;
  /** Encoding as the instruction table writes it. */
  readonly encoding: string;
}

/** What the attributes column says, worked out. */
type Attributes = Pick<InstructionForm, "attributes" | "lock" | "privileged" | "flow" | "feature">;

function parseAttributes(text: string): Attributes {
  const attributes = text === "" ? [] : text.split(" ");
  let flow: ControlFlow = "next";
  let feature = "base";
  for (const word of attributes) {
    if (word.startsWith("feature=")) feature = word.slice(8);
    else if (word.startsWith("flow=")) flow = word.slice(5) as ControlFlow;
  }
  return { attributes, lock: attributes.includes("lock"), privileged: attributes.includes("cpl0"), flow, feature };
}

type Signature = Pick<InstructionForm, "operands" | "access">;

function makeSignature(index: number): Signature {
  const first = index * MAX_OPERANDS;
  const operands: string[] = [];
  const access: OperandAccess[] = [];
  for (let n = first; n < first + MAX_OPERANDS && SIGNATURES[n] !== 0; n++) {
    const [how, code] = OPERAND_WORDS.at(SIGNATURES[n]!).split(":");
    operands.push(code!);
    access.push(how as OperandAccess);
  }
  return { operands, access };
}

function makeFlags(index: number): FlagsUse {
  const at = index * FLAG_USE;
  return {
    read: FLAG_USES[at]!,
    written: FLAG_USES[at + 1]!,
    cleared: FLAG_USES[at + 2]!,
    set: FLAG_USES[at + 3]!,
    undefined: FLAG_USES[at + 4]!,
  };
}

/** Makes each of `make`'s values when it is first asked for. */
function each<Value extends object>(make: (index: number) => Value): (index: number) => Value {
  const values: Value[] = [];
  return (index) => (values[index] ??= make(index));
}

/**
 * The columns of the table, each distinct text worked out once; not before somebody asks for it, since to decode needs none
 * of them, to execute a program few of them, and all take 1 ms of the 10 that the import may take.
 */
const signatureAt = /* @__PURE__ */ each(makeSignature);
const flagsAt = /* @__PURE__ */ each(makeFlags);
const attributesAt = /* @__PURE__ */ each((index) => parseAttributes(ATTRIBUTES.at(index)));

/** Looks its fields up: 2800 objects with all of them take 3 ms to make. */
class Form implements InstructionForm {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  get mnemonic(): string {
    return MNEMONICS.at(this.id);
  }

  get operands(): readonly string[] {
    return signatureAt(FORM_SIGNATURE[this.id]!).operands;
  }

  get access(): readonly OperandAccess[] {
    return signatureAt(FORM_SIGNATURE[this.id]!).access;
  }

  get implied(): string {
    return IMPLIED.at(FORM_IMPLIED[this.id]!);
  }

  get attributes(): readonly string[] {
    return attributesAt(FORM_ATTRIBUTES[this.id]!).attributes;
  }

  get flags(): FlagsUse {
    return flagsAt(FORM_FLAGS[this.id]!);
  }

  get lock(): boolean {
    return attributesAt(FORM_ATTRIBUTES[this.id]!).lock;
  }

  get privileged(): boolean {
    return attributesAt(FORM_ATTRIBUTES[this.id]!).privileged;
  }

  get flow(): ControlFlow {
    return attributesAt(FORM_ATTRIBUTES[this.id]!).flow;
  }

  get feature(): string {
    return attributesAt(FORM_ATTRIBUTES[this.id]!).feature;
  }

  get encoding(): string {
    return ENCODINGS.at(this.id);
  }
}

/** How many forms there are. */
export const FORM_COUNT: number = FORM_SIGNATURE.length;

/** The form of that number, 0 to FORM_COUNT - 1: the same object as in FORMS, which programs of few instructions need not have. */
export const formAt: (id: number) => InstructionForm = /* @__PURE__ */ each((id) => new Form(id));

/** Every form that the decoder knows, by form number; number 0 stands for bytes that are no instruction. */
export const FORMS: readonly InstructionForm[] = /* @__PURE__ */ Array.from({ length: FORM_COUNT }, (_, id) =>
  formAt(id),
);
