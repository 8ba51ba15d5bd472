import { FORM_LINES, FORM_SIGNATURE, SIGNATURES } from "./generated/form-lines.ts";

/** How an instruction uses an operand: reads it, writes it, both, each only under a condition (c), or only its address (n). */
export type OperandAccess = "r" | "w" | "rw" | "cr" | "cw" | "rcw" | "n";

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

/** RFLAGS masks. For shifts and rotates by a count: those of a count above 1. */
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

const FLAG_BIT: Readonly<Record<string, number>> = {
  c: 1,
  p: 4,
  a: 0x10,
  z: 0x40,
  s: 0x80,
  i: 0x200,
  d: 0x400,
  o: 0x800,
};

function flagsOf(text: string): FlagsUse {
  const mask = (kind: string): number => {
    let bits = 0;
    for (const word of text.split(" ")) {
      if (word.startsWith(`${kind}=`)) for (const letter of word.slice(2)) bits |= FLAG_BIT[letter] ?? 0;
    }
    return bits;
  };
  return { read: mask("r"), written: mask("w"), cleared: mask("0"), set: mask("1"), undefined: mask("u") };
}

function parseForm(line: string, id: number): InstructionForm {
  const [mnemonic = "", implied = "", flags = "", attributes = "", encoding = ""] = line.split("|");
  const words = attributes.split(" ");
  const attributeValue = (name: string): string | undefined =>
    words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const signature = SIGNATURES[FORM_SIGNATURE[id] ?? 0] ?? "";
  const parts = signature === "" ? [] : signature.split(" ").map((word) => word.split(":"));
  return {
    id,
    mnemonic,
    operands: parts.map((part) => part[1] ?? ""),
    access: parts.map((part) => part[0] as OperandAccess),
    implied,
    attributes: words,
    flags: flagsOf(flags),
    lock: words.includes("lock"),
    privileged: words.includes("cpl0"),
    flow: (attributeValue("flow") ?? "next") as ControlFlow,
    feature: attributeValue("feature") ?? "base",
    encoding,
  };
}

/** What form number 0 stands for: bytes that are no instruction. */
const NO_FORM = "(bad)||||";

/** Every form that the decoder knows, by form number; number 0 stands for bytes that are no instruction. */
export const FORMS: readonly InstructionForm[] = /* @__PURE__ */ [NO_FORM, ...FORM_LINES.split("\n")].map(parseForm);
