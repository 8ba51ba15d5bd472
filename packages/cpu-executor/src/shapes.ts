import type { InstructionForm } from "@likex/x86-decoder";
import { INSTRUCTION_FACTS } from "./generated/instruction-facts.ts";
import { FACT, hasFact, type InstructionFacts } from "./instruction-facts.ts";
import type { Operand, Shape, Slot } from "./semantics/builder.ts";
import type { Bits } from "./semantics/width.ts";
import { INTERCEPT } from "./stop.ts";

export type OperandSize = 16 | 32 | 64;
export type Repeat = Shape["repeat"];

/** Registers that a form names instead of encoding them. */
const FIXED: Readonly<
  Record<string, { readonly register: number; readonly bits: Bits | "operand" | "upTo32"; readonly high?: number }>
> = {
  AL: { register: 0, bits: 8 },
  CL: { register: 1, bits: 8 },
  AH: { register: 0, bits: 8, high: 1 },
  AX: { register: 0, bits: 16 },
  DX: { register: 2, bits: 16 },
  eAX: { register: 0, bits: "upTo32" },
  rAX: { register: 0, bits: "operand" },
};

const SELECTORS: ReadonlySet<string> = new Set(["ES", "CS", "SS", "DS", "FS", "GS"]);

/** Instructions whose operation width is the operand size, whatever their operands are. */
const OPERAND_SIZED: ReadonlySet<string> = new Set([
  "push",
  "pop",
  "call",
  "jmp",
  "ret",
  "pushf",
  "pusha",
  "popa",
  "leave",
  "popf",
  // The size of the environment.
  ...["fnstenv", "fldenv", "fnsave", "frstor"],
]);

const STRING_SUFFIX: Readonly<Record<string, Bits>> = { b: 8, w: 16, d: 32, q: 64 };

const STRING = /^(movs|stos|lods|cmps|scas|ins|outs)([bwdq])$/;

/** Bytes of memory operands of vector and x87 instructions, by the size in their operand code. */
const MEMORY_BYTES: Readonly<Record<string, number>> = {
  ...{ b: 1, w: 2, d: 4, q: 8, ss: 4, sd: 8, t: 10, bcd: 10, env: 14, state: 94, ps: 16, pd: 16, dq: 16, fxsave: 512 },
};

/** Operands that the instruction finds for itself: MASKMOVQ's destination. */
const IMPLICIT = /^Z(q|dq)I$/;

/** Extensions whose instructions share a mnemonic with ones that the processor has. */
const FOREIGN_FEATURES: ReadonlySet<string> = new Set(["tbm"]);

/** A memory operand of 1 to 8 bytes has a width; a longer one is reached by address only. */
function memoryOperand(size: string): Operand | undefined {
  const bytes = MEMORY_BYTES[size];
  if (bytes === undefined) return undefined;
  if (bytes <= 8) return { kind: "memory", bits: (bytes * 8) as Bits };
  return { kind: "memory", bits: 64, bytes };
}

function sizeOf(code: string, operandSize: OperandSize): Bits {
  switch (code) {
    case "b":
      return 8;
    case "w":
      return 16;
    case "d":
      return 32;
    case "q":
      return 64;
    case "z":
      return operandSize === 16 ? 16 : 32;
    case "y":
      return operandSize === 64 ? 64 : 32;
    default:
      return operandSize;
  }
}

/** Under this name the semantics have the delivery of a page fault, which no form asks for. */
export const PAGE_FAULT_DELIVERY = "deliverPageFault";

/** The name under which a form's semantics are found: some mnemonics mean different things with different operands. */
export function semanticsName(form: InstructionForm): string {
  const first = form.operands[0] ?? "";
  const second = form.operands[1] ?? "";
  const { mnemonic } = form;
  if (mnemonic === "mov") {
    if (first.startsWith("S")) return "moveToSegment";
    if (/^C[a-z]/.test(first)) return "movToCr";
    if (/^C[a-z]/.test(second)) return "movFromCr";
    if (/^D[a-z]/.test(first)) return "movToDr";
    if (/^D[a-z]/.test(second)) return "movFromDr";
  }
  // MOVSD and CMPSD are string instructions too.
  if ((mnemonic === "movsd" || mnemonic === "cmpsd") && /^[VW]/.test(first)) return `${mnemonic}.scalar`;
  if (mnemonic === "pop" && (SELECTORS.has(first) || first.startsWith("S"))) return "popSegment";
  if (mnemonic === "jmp" && /^[AEM]p$/.test(first)) return "jmpFar";
  if (mnemonic === "call" && /^[AEM]p$/.test(first)) return "callFar";
  if (mnemonic === "reservednop") return "nop";
  return mnemonic;
}

function operandOf(
  code: string,
  memory: boolean,
  operandSize: OperandSize,
  slots: { used: 0 | 1 | 2 | 3 },
): Operand | undefined {
  const nextSlot = (): Slot => {
    const slot = slots.used as Slot;
    slots.used = (slot + 1) as 1 | 2 | 3;
    return slot;
  };
  const takeSlot = (bits: Bits): Operand => ({ kind: "register", bits, slot: nextSlot() });
  const takeRegister = (kind: "vector" | "mmx" | "stack"): Operand => ({ kind, bits: 64, slot: nextSlot() });
  // A selector in a register of the operand size, or in a word of memory: only 16 bits count.
  if (code === "Rv/Mw") return memory ? { kind: "memory", bits: 16 } : takeSlot(16);
  // A lane of a vector in a register, or in memory of the lane's size.
  const lane = /^Ry\/M([bwd])$/.exec(code);
  if (lane !== null) return memory ? memoryOperand(lane[1] as string) : takeSlot(operandSize === 64 ? 64 : 32);
  if (code === "ST") return { kind: "stackTop", bits: 64 };
  if (code === "STi") return takeRegister("stack");
  if (code === "1") return { kind: "constant", bits: 8, value: 1 };
  const fixed = FIXED[code];
  if (fixed !== undefined) {
    const bits =
      fixed.bits === "operand" ? operandSize : fixed.bits === "upTo32" ? (operandSize === 16 ? 16 : 32) : fixed.bits;
    return { kind: "fixed", bits, register: fixed.register, high: fixed.high ?? 0 };
  }
  if (SELECTORS.has(code)) return takeSlot(16);
  const size = code.slice(1);
  // Immediates are widened to the operand size by the decoder.
  const isWidened = size === "bs" || (size === "z" && code.startsWith("I"));
  const bits = isWidened ? operandSize : sizeOf(size, operandSize);
  switch (code[0]) {
    case "E":
      return memory ? { kind: "memory", bits } : takeSlot(bits);
    case "V":
    case "U":
    case "H":
      return takeRegister("vector");
    case "P":
    case "N":
      return takeRegister("mmx");
    case "W":
    case "Q":
      return memory ? memoryOperand(size) : takeRegister(code[0] === "W" ? "vector" : "mmx");
    case "M":
      return MEMORY_BYTES[size] === undefined ? { kind: "memory", bits } : memoryOperand(size);
    case "B":
      return takeSlot(bits);
    case "O":
      return { kind: "memory", bits };
    case "G":
    case "R":
    case "Z":
      return takeSlot(bits);
    case "S":
      return takeSlot(16);
    case "I":
      return { kind: "immediate", bits, wide: size === "v" && operandSize === 64 };
    // The target of a relative branch stands in the record whatever the operand size.
    case "J":
      return { kind: "immediate", bits: 32, wide: false };
    default:
      return undefined;
  }
}

const ignoresOperands = (name: string, facts: InstructionFacts): boolean =>
  name in INTERCEPT || STRING.test(name) || hasFact(facts, name, FACT.isOutside);

/**
 * The specialisation that executes a form with this operand size and ModRM kind; undefined when the processor has no
 * semantics for it.
 */
export function shapeOf(
  form: InstructionForm,
  operandSize: OperandSize,
  memory: boolean,
  repeat: Repeat,
  facts: InstructionFacts = INSTRUCTION_FACTS,
): Shape | undefined {
  const mnemonic = semanticsName(form);
  if (facts[mnemonic] === undefined || FOREIGN_FEATURES.has(form.feature)) return undefined;
  const string = STRING.exec(mnemonic);
  const effective = hasFact(facts, mnemonic, FACT.repeats) ? normalized(mnemonic, repeat) : "none";
  if (ignoresOperands(mnemonic, facts)) {
    const bits = string === null ? 32 : (STRING_SUFFIX[string[2] as string] as Bits);
    return { mnemonic, bits, operands: [], repeat: effective };
  }
  // NOP does nothing with its operands, so one handler serves them all.
  if (mnemonic === "nop") return { mnemonic, bits: 32, operands: [], repeat: "none" };
  // Operands that are only ever a register, or only ever memory.
  if (form.operands.some((code) => (memory ? /^[RUN][a-z]+$/ : /^M/).test(code))) return undefined;
  const slots = { used: 0 as 0 | 1 | 2 | 3 };
  const operands: Operand[] = [];
  for (const code of form.operands) {
    if (IMPLICIT.test(code)) continue;
    const operand = operandOf(code, memory, operandSize, slots);
    if (operand === undefined) return undefined;
    operands.push(operand);
  }
  if (mnemonic === "in" || mnemonic === "out") {
    const accumulator = operands[mnemonic === "in" ? 0 : 1] as Operand;
    return {
      mnemonic,
      bits: accumulator.bits,
      operands: operands.filter((o) => o.kind === "immediate"),
      repeat: "none",
    };
  }
  const first = operands[0];
  const onlyBranches = form.operands.some((code) => code.startsWith("J")) && mnemonic !== "call";
  if (onlyBranches) return { mnemonic, bits: 32, operands, repeat: "none" };
  const bits = OPERAND_SIZED.has(mnemonic) || first === undefined ? operandSize : first.bits;
  return { mnemonic, bits, operands, repeat: "none" };
}

/** F2 repeats like F3 where the element's ZF does not matter. */
function normalized(mnemonic: string, repeat: Repeat): Repeat {
  if (repeat === "none") return "none";
  return /^(cmps|scas)/.test(mnemonic) ? repeat : "rep";
}

/** A shape as text: handlers are found by it. */
export function shapeKey(shape: Shape): string {
  const operand = (o: Operand): string => {
    switch (o.kind) {
      case "register":
        return `r${o.bits}`;
      case "fixed":
        return `f${o.bits}.${o.register}${o.high === 0 ? "" : "h"}`;
      case "memory":
        return `m${(o.bytes ?? 0) * 8 || o.bits}`;
      case "vector":
        return "v";
      case "mmx":
        return "mm";
      case "stack":
        return "st";
      case "stackTop":
        return "st0";
      case "immediate":
        return o.wide ? "I64" : `i${o.bits}`;
      case "constant":
        return `=${o.value}`;
    }
  };
  const suffix = shape.repeat === "none" ? "" : `.${shape.repeat}`;
  return `${shape.mnemonic}${suffix} ${shape.bits}${shape.operands.map((o) => ` ${operand(o)}`).join("")}`;
}
