import { type FunctionBuilder, type FunctionReference, i32, ModuleBuilder } from "@likex/wasm-emitter";
import { compileRoutines } from "../routines/compile.ts";
import { ROUTINES } from "../routines/index.ts";
import { SEMANTICS } from "../semantics/index.ts";
import { importSlowPath, LocalPool, type SlowPath } from "../semantics/memory-access.ts";
import { type Exits, InterpreterBuilder } from "./builder.ts";
import { defineFlagFunctions } from "./flag-functions.ts";
import type { Handler } from "./module.ts";

/** Parameters and result of a handler of the second module: context, record, block; 0 or a STATUS plus 1. */
export const EXTENSION_TYPE = { params: ["i32", "i32", "i32"], results: ["i32"] } as const;

const refuse = (): never => {
  throw new RangeError("a handler of the second module cannot branch");
};

/**
 * The second module: floating-point, vector and cryptographic instructions. Each handler is a function of its own, so that
 * the engine compiles only those that a program uses; together they fill the table through which the first module calls.
 */
export function emitExtension(handlers: readonly Handler[]): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  module.importTable("interpreter", "handlers", handlers.length);
  const slow = importSlowPath(module);
  const flagFunctions = defineFlagFunctions(module);
  const imports = { slow_read: slow.read, slow_write: slow.write, slow_probe: slow.probe };
  const routines = compileRoutines(module, ROUTINES, imports);
  const functions = handlers.map((handler) => writeHandler(module, handler, { flagFunctions, slow, routines }));
  module.elements(functions);
  return module.finish();
}

interface Parts {
  readonly flagFunctions: ReturnType<typeof defineFlagFunctions>;
  readonly slow: SlowPath;
  readonly routines: ReadonlyMap<string, FunctionReference>;
}

function writeHandler(module: ModuleBuilder, handler: Handler, parts: Parts): FunctionBuilder {
  const [shape] = handler.shapes;
  const entry = shape === undefined ? undefined : SEMANTICS[shape.mnemonic];
  if (shape === undefined || entry === undefined) throw new RangeError("a handler without semantics");
  const code = module.function(shape.mnemonic, EXTENSION_TYPE.params, EXTENSION_TYPE.results);
  const exits: Exits = {
    stop: (status) => code.return(i32.add(status, i32.const(1))),
    enter: refuse,
    jump: refuse,
    leave: refuse,
  };
  const [context, record, block] = [code.param(0, "i32"), code.param(1, "i32"), code.param(2, "i32")];
  const frame = { code, context, record, block, pool: new LocalPool(code), exits, ...parts };
  entry.write(new InterpreterBuilder(frame, shape));
  code.return(i32.const(0));
  code.unreachable();
  return code;
}
