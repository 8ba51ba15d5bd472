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

function makeSignatures(): Signature[] {
  const words = OPERAND_WORDS.map((word) => word.split(":"));
  const signatures: Signature[] = [];
  for (let at = 0; at < SIGNATURES.length; at += MAX_OPERANDS) {
    const operands: string[] = [];
    const access: OperandAccess[] = [];
    for (let n = at; n < at + MAX_OPERANDS && SIGNATURES[n] !== 0; n++) {
      const [how, code] = words[SIGNATURES[n]!]!;
      operands.push(code!);
      access.push(how as OperandAccess);
    }
    signatures.push({ operands, access });
  }
  return signatures;
}

function makeFlags(): FlagsUse[] {
  const flags: FlagsUse[] = [];
  for (let at = 0; at < FLAG_USES.length; at += FLAG_USE) {
    flags.push({
      read: FLAG_USES[at]!,
      written: FLAG_USES[at + 1]!,
      cleared: FLAG_USES[at + 2]!,
      set: FLAG_USES[at + 3]!,
      undefined: FLAG_USES[at + 4]!,
    });
  }
  return flags;
}

/** Makes `make`'s value when it is first asked for. */
function once<Value extends object>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => (value ??= make());
}

/**
 * The columns of the table, each distinct text worked out once; not before somebody asks for it, since to decode needs none
 * of them and they take 1 ms of the 10 that the import may take.
 */
const signatures = /* @__PURE__ */ once(makeSignatures);
const flagUses = /* @__PURE__ */ once(makeFlags);
const attributeSets = /* @__PURE__ */ once(() => ATTRIBUTES.map(parseAttributes));

/** Looks its fields up: to make 2800 objects with all of them takes 3 ms, a third of what the import may take. */
class Form implements InstructionForm {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  get mnemonic(): string {
    return MNEMONICS[this.id]!;
  }

  get operands(): readonly string[] {
    return signatures()[FORM_SIGNATURE[this.id]!]!.operands;
  }

  get access(): readonly OperandAccess[] {
    return signatures()[FORM_SIGNATURE[this.id]!]!.access;
  }

  get implied(): string {
    return IMPLIED[FORM_IMPLIED[this.id]!]!;
  }

  get attributes(): readonly string[] {
    return attributeSets()[FORM_ATTRIBUTES[this.id]!]!.attributes;
  }

  get flags(): FlagsUse {
    return flagUses()[FORM_FLAGS[this.id]!]!;
  }

  get lock(): boolean {
    return attributeSets()[FORM_ATTRIBUTES[this.id]!]!.lock;
  }

  get privileged(): boolean {
    return attributeSets()[FORM_ATTRIBUTES[this.id]!]!.privileged;
  }

  get flow(): ControlFlow {
    return attributeSets()[FORM_ATTRIBUTES[this.id]!]!.flow;
  }

  get feature(): string {
    return attributeSets()[FORM_ATTRIBUTES[this.id]!]!.feature;
  }

  get encoding(): string {
    return ENCODINGS[this.id]!;
  }
}

/** Every form that the decoder knows, by form number; number 0 stands for bytes that are no instruction. */
export const FORMS: readonly InstructionForm[] = /* @__PURE__ */ MNEMONICS.map((_, id) => new Form(id));
