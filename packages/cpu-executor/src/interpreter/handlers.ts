import type { FunctionBuilder, I32, Label } from "@likex/wasm-emitter";
import type { Routines } from "../routines/compile.ts";
import type { FlagFunctions, Shape } from "../semantics/builder.ts";
import { SEMANTICS } from "../semantics/index.ts";
import type { SlowPath } from "../semantics/memory-access.ts";
import type { SemanticsEntry } from "../semantics/table.ts";
import { InterpreterBuilder, type InterpreterFrame } from "./builder.ts";

/** What a handler carries out: one instruction, or a comparison and the conditional jump behind it. */
export interface Handler {
  readonly shapes: readonly Shape[];
}

export interface InterpreterPlan {
  /** Cases of the main function, most of the instructions that programs execute. */
  readonly hot: readonly Handler[];
  /** Functions of their own. Their numbers follow the hot ones. */
  readonly cold: readonly Handler[];
  /** Functions of the second module. Their numbers follow the cold ones. */
  readonly extension: readonly Handler[];
}

/** What the functions of a module share. */
export interface Parts {
  readonly flagFunctions: FlagFunctions;
  readonly slow: SlowPath;
  /** src/routines: those of the second module. */
  readonly routines: Routines;
}

export type CreateBuilder = (
  frame: InterpreterFrame,
  shape: Shape,
  previous: InterpreterBuilder | undefined,
) => InterpreterBuilder;

const entryOf = (shape: Shape): SemanticsEntry => {
  const entry = SEMANTICS[shape.mnemonic];
  if (entry === undefined) throw new RangeError(`no semantics for ${shape.mnemonic}`);
  return entry;
};

export const endsBlock = (handler: Handler): boolean =>
  handler.shapes.some((shape) => entryOf(shape).endsBlock === true || shape.repeat !== "none");

/** Writes a branch table with one nested block per case; `body` writes the code of a case and must not fall through. */
export function dispatch(
  code: FunctionBuilder,
  selector: I32,
  cases: number,
  body: (position: number) => void,
  otherwise: () => void,
): void {
  const nest = (depth: number, labels: readonly Label[]): void => {
    if (depth === cases + 1) {
      code.brTable(labels.slice(1).reverse(), labels[0] as Label, selector);
      return;
    }
    code.block((label) => nest(depth + 1, [...labels, label]));
    if (depth === 0) otherwise();
    else body(cases - depth);
  };
  nest(0, []);
}

export function writeHandler(
  frame: InterpreterFrame,
  handler: Handler,
  createBuilder: CreateBuilder = (f, shape, previous) => new InterpreterBuilder(f, shape, previous),
): void {
  frame.pool.reset();
  let previous: InterpreterBuilder | undefined;
  for (const shape of handler.shapes) {
    const builder: InterpreterBuilder = createBuilder(frame, shape, previous);
    entryOf(shape).write(builder);
    previous = builder;
  }
}
