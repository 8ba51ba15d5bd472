import { FORMS } from "@likex/x86-decoder";
import { CONDITIONS } from "./flags.ts";
import type { Handler, InterpreterPlan } from "./interpreter/module.ts";
import type { Shape } from "./semantics/builder.ts";
import { SEMANTICS } from "./semantics/index.ts";
import { type OperandSize, type Repeat, shapeKey, shapeOf } from "./shapes.ts";

/**
 * Instructions whose handlers are cases of the main function; what they leave out is a rare few per cent of executed
 * instructions (docs/decisions/0001). Instructions that end a block must be here: only the main function can branch.
 */
const HOT: ReadonlySet<string> = new Set([
  "mov",
  "movzx",
  "movsx",
  "movsxd",
  "lea",
  "add",
  "sub",
  "cmp",
  "and",
  "or",
  "xor",
  "test",
  "inc",
  "dec",
  "neg",
  "not",
  "shl",
  "shr",
  "sar",
  "push",
  "pop",
  "imul",
  "nop",
  "adc",
  "sbb",
]);

/** Comparisons that a conditional jump is fused with, by the operand kinds that compilers emit. */
const FUSED_OPERANDS: ReadonlySet<string> = new Set(["r i", "r r", "f i", "m i", "r m", "m r"]);
const FUSED_CONDITIONS = CONDITIONS.filter((condition) => !["o", "no", "p", "np"].includes(condition));

/** Shapes that no form asks for: what an unknown instruction raises, and the end of a block that no instruction ends. */
const EXTRA: readonly Shape[] = [
  { mnemonic: "ud2", bits: 32, operands: [], repeat: "none" },
  { mnemonic: "continue", bits: 32, operands: [], repeat: "none" },
];

const OPERAND_SIZES: readonly OperandSize[] = [16, 32, 64];
const REPEATS: readonly Repeat[] = ["none", "rep", "repne"];

export const isFusable = (first: Shape): boolean =>
  (first.mnemonic === "cmp" || first.mnemonic === "test") &&
  FUSED_OPERANDS.has(first.operands.map((o) => o.kind[0]).join(" "));

export const fusedKey = (first: string, second: string): string => `${first} + ${second}`;

const handlerKey = (handler: Handler): string => handler.shapes.map(shapeKey).join(" + ");

const isHot = (shape: Shape): boolean =>
  HOT.has(shape.mnemonic) || SEMANTICS[shape.mnemonic]?.endsBlock === true || shape.repeat !== "none";

export interface NamedPlan extends InterpreterPlan {
  /** Key of each handler number: the hot ones, then the cold ones. */
  readonly keys: readonly string[];
}

/** Every specialisation that the instruction table can ask for, each once. */
export function interpreterPlan(options: { readonly fuse: "compare-and-branch" | "nothing" }): NamedPlan {
  const shapes = new Map<string, Shape>(EXTRA.map((shape) => [shapeKey(shape), shape]));
  for (const form of FORMS) {
    for (const operandSize of OPERAND_SIZES) {
      for (const memory of [false, true]) {
        for (const repeat of REPEATS) {
          const shape = shapeOf(form, operandSize, memory, repeat);
          if (shape !== undefined) shapes.set(shapeKey(shape), shape);
        }
      }
    }
  }
  const all = [...shapes.values()];
  const hot: Handler[] = all.filter(isHot).map((shape) => ({ shapes: [shape] }));
  if (options.fuse === "compare-and-branch") {
    const jumps = all.filter((shape) => FUSED_CONDITIONS.some((condition) => shape.mnemonic === `j${condition}`));
    for (const first of all.filter(isFusable)) {
      for (const jump of jumps) hot.push({ shapes: [first, jump] });
    }
  }
  const cold: Handler[] = all.filter((shape) => !isHot(shape)).map((shape) => ({ shapes: [shape] }));
  return { hot, cold, keys: [...hot, ...cold].map(handlerKey) };
}
