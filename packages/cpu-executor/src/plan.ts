import { FORMS } from "@likex/x86-decoder";
import { CONDITIONS } from "./flags.ts";
import { INSTRUCTION_FACTS } from "./generated/instruction-facts.ts";
import { FACT, hasFact, type InstructionFacts } from "./instruction-facts.ts";
import type { Handler, InterpreterPlan } from "./interpreter/handlers.ts";
import type { Shape } from "./semantics/builder.ts";
import { type OperandSize, PAGE_FAULT_DELIVERY, type Repeat, shapeKey, shapeOf } from "./shapes.ts";

/**
 * Instructions that are cases of the main function. V8 optimises that function as a whole, which takes it 0.1 s and is the
 * largest part of a short program's time, so it has what compilers emit often; everything else costs a call more
 * (docs/decisions/0001). First those of 8, 32 and 64 bits with every kind of operand.
 */
const HOT: ReadonlySet<string> = new Set([
  ...["mov", "movzx", "movsx", "movsxd", "lea", "nop", "push", "pop"],
  ...["add", "sub", "cmp", "inc", "dec", "and", "or", "xor", "test"],
  ...["in", "out"],
]);

/** Those of 32 and 64 bits whose destination is a register. */
const HOT_IN_REGISTERS: ReadonlySet<string> = new Set(["adc", "sbb", "imul", "neg", "not", "shl", "shr", "sar"]);

/** Branches of 32 and 64 bits, and repetitions. */
const HOT_BRANCHES: ReadonlySet<string> = new Set([
  ...["jmp", "call", "ret", "continue"],
  ...CONDITIONS.map((condition) => `j${condition}`),
  ...["movsb", "movsw", "movsd", "movsq", "stosb", "stosw", "stosd", "stosq"],
]);

/** Comparisons that a conditional jump is fused with, by width and operand kinds: those that compilers emit most. */
const FUSED: ReadonlySet<string> = new Set([
  ...["cmp 32 r r", "cmp 64 r r", "cmp 8 r i", "cmp 32 r i", "cmp 64 r i", "cmp 8 f i"],
  ...["cmp 32 r m", "cmp 64 r m", "cmp 8 m i", "cmp 32 m i"],
  ...["test 8 r r", "test 32 r r", "test 64 r r", "test 8 r i"],
]);
const FUSED_CONDITIONS = CONDITIONS.filter((condition) => !["o", "no", "p", "np"].includes(condition));

/** Shapes that no form asks for: what an unknown instruction raises, the end of a block that no instruction ends, and an event. */
const EXTRA: readonly Shape[] = [
  { mnemonic: "ud2", bits: 32, operands: [], repeat: "none" },
  { mnemonic: "continue", bits: 32, operands: [], repeat: "none" },
  { mnemonic: PAGE_FAULT_DELIVERY, bits: 32, operands: [], repeat: "none" },
];

const OPERAND_SIZES: readonly OperandSize[] = [16, 32, 64];
const REPEATS: readonly Repeat[] = ["none", "rep", "repne"];

export const isFusable = (first: Shape): boolean =>
  FUSED.has(`${first.mnemonic} ${first.bits} ${first.operands.map((o) => o.kind[0]).join(" ")}`);

export const fusedKey = (first: string, second: string): string => `${first} + ${second}`;

const handlerKey = (handler: Handler): string => handler.shapes.map(shapeKey).join(" + ");

function isHot(shape: Shape, facts: InstructionFacts): boolean {
  if (shape.repeat !== "none") return HOT_BRANCHES.has(shape.mnemonic) && isRepetition(shape, facts);
  if (shape.bits === 16 || hasFact(facts, shape.mnemonic, FACT.repeats)) return false;
  if (HOT_IN_REGISTERS.has(shape.mnemonic)) return shape.bits !== 8 && shape.operands[0]?.kind !== "memory";
  return HOT.has(shape.mnemonic) || HOT_BRANCHES.has(shape.mnemonic);
}

/** A repetition in emitted code branches to itself; INS and OUTS leave it. */
const isRepetition = (shape: Shape, facts: InstructionFacts): boolean =>
  shape.repeat !== "none" && !hasFact(facts, shape.mnemonic, FACT.endsBlock);

export interface NamedPlan extends InterpreterPlan {
  /** Key of each handler number: the hot ones, the cold ones, those of the second module. */
  readonly keys: readonly string[];
}

export interface PlanOptions {
  readonly fuse: "compare-and-branch" | "nothing";
  /** Whoever generates code takes them from the semantics themselves. */
  readonly facts?: InstructionFacts;
}

/** Every specialisation that the instruction table can ask for, each once. */
export function interpreterPlan({ fuse, facts = INSTRUCTION_FACTS }: PlanOptions): NamedPlan {
  const shapes = new Map<string, Shape>(EXTRA.map((shape) => [shapeKey(shape), shape]));
  for (const form of FORMS) {
    for (const operandSize of OPERAND_SIZES) {
      for (const memory of [false, true]) {
        for (const repeat of REPEATS) {
          const shape = shapeOf(form, operandSize, memory, repeat, facts);
          if (shape !== undefined) shapes.set(shapeKey(shape), shape);
        }
      }
    }
  }
  const all = [...shapes.values()];
  const hot: Handler[] = all.filter((shape) => isHot(shape, facts)).map((shape) => ({ shapes: [shape] }));
  if (fuse === "compare-and-branch") {
    const jumps = all.filter((shape) => FUSED_CONDITIONS.some((condition) => shape.mnemonic === `j${condition}`));
    for (const first of all.filter(isFusable)) {
      for (const jump of jumps) hot.push({ shapes: [first, jump] });
    }
  }
  const isExtension = (shape: Shape): boolean => hasFact(facts, shape.mnemonic, FACT.extension);
  const cold: Handler[] = all.filter((s) => !isHot(s, facts) && !isExtension(s)).map((shape) => ({ shapes: [shape] }));
  const extension: Handler[] = all.filter(isExtension).map((shape) => ({ shapes: [shape] }));
  return { hot, cold, extension, keys: [...hot, ...cold, ...extension].map(handlerKey) };
}
