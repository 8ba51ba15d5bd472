import { type FunctionBuilder, i32, type ModuleBuilder } from "@likex/wasm-emitter";
import { CONTEXT } from "../context.ts";
import type { Shape } from "../semantics/builder.ts";
import { LocalPool } from "../semantics/memory-access.ts";
import type { Exits } from "./builder.ts";
import { type Handler, type Parts, writeHandler } from "./handlers.ts";

/**
 * Parameters and result of the functions beside the main one, each of which carries out one instruction: context, record,
 * block; an OUTCOME. They are functions of their own so that the engine compiles only those that a program needs: it
 * optimises a function as a whole, and soon, when the function is large.
 */
export const SLOW_FUNCTION_TYPE = { params: ["i32", "i32", "i32"], results: ["i32"] } as const;

/**
 * What they return: to go on with the next record, to go on where CONTEXT.rip says (and keep the link at CONTEXT.linkSite), to
 * enter the block at CONTEXT.linkSite (either with another budget in the context: `counted`), to return a status because the instruction has happened (`leave` plus it) or
 * because it has not (`stop` plus it).
 */
export const OUTCOME = {
  next: 0,
  stop: 1,
  jump: 64,
  enter: 65,
  jumpCounted: 66,
  enterCounted: 67,
  leave: 128,
} as const;

/** What one call of a function does of a repeated string instruction: several elements need the budget in the context. */
type Elements = "one" | "several";

/** The function of one instruction with all its cases, which calls the slow path of memory accesses. */
function writeSlowFunction(
  module: ModuleBuilder,
  shape: Shape,
  parts: Parts,
  elements: Elements = "one",
): FunctionBuilder {
  const code = module.function(shape.mnemonic, SLOW_FUNCTION_TYPE.params, SLOW_FUNCTION_TYPE.results);
  const [context, record, block] = [code.param(0, "i32"), code.param(1, "i32"), code.param(2, "i32")];
  const [enter, jump] =
    elements === "one" ? [OUTCOME.enter, OUTCOME.jump] : [OUTCOME.enterCounted, OUTCOME.jumpCounted];
  const exits: Exits = {
    stop: (status) => code.return(i32.add(status, i32.const(OUTCOME.stop))),
    enter: (target) => {
      code.store("i32", code.get(context), target, CONTEXT.linkSite);
      code.return(i32.const(enter));
    },
    jump: (target, linkSite) => {
      code.store("i64", code.get(context), target, CONTEXT.rip);
      code.store("i32", code.get(context), linkSite, CONTEXT.linkSite);
      code.return(i32.const(jump));
    },
    leave: (status) => code.return(i32.const(OUTCOME.leave + status)),
  };
  const { flagFunctions, routines, slow } = parts;
  const slowCases = { kind: "call", slow, elements } as const;
  const frame = { code, context, record, block, pool: new LocalPool(code), exits, flagFunctions, routines, slowCases };
  writeHandler(frame, { shapes: [shape] });
  code.return(i32.const(OUTCOME.next));
  code.unreachable();
  return code;
}

/** The functions of instructions that the main function does not have. */
export const writeSlowFunctions = (
  module: ModuleBuilder,
  handlers: readonly Handler[],
  parts: Parts,
): FunctionBuilder[] => handlers.map(({ shapes: [shape] }) => writeSlowFunction(module, shape as Shape, parts));

/**
 * For each hot handler the function that carries out its instruction once its fast path has ended; of a fused pair the
 * comparison alone. Handlers that are not in `leaving` always get by with the fast path, and share a function that is never
 * called.
 */
export function writeRepeats(
  module: ModuleBuilder,
  handlers: readonly Handler[],
  leaving: ReadonlySet<number>,
  parts: Parts,
): FunctionBuilder[] {
  const none = module.function("interpreter.noRepeat", SLOW_FUNCTION_TYPE.params, SLOW_FUNCTION_TYPE.results);
  none.unreachable();
  const known = new Map<Shape, FunctionBuilder>();
  return handlers.map(({ shapes: [shape] }, position) => {
    if (shape === undefined || !leaving.has(position)) return none;
    const elements = shape.repeat === "none" ? "one" : "several";
    const found = known.get(shape) ?? writeSlowFunction(module, shape, parts, elements);
    known.set(shape, found);
    return found;
  });
}
