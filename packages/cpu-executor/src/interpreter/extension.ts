import { ModuleBuilder } from "@likex/wasm-emitter";
import { compileRoutines } from "../routines/compile.ts";
import { ROUTINES } from "../routines/index.ts";
import { importSlowPath } from "../semantics/memory-access.ts";
import { defineFlagFunctions } from "./flag-functions.ts";
import type { InterpreterPlan } from "./handlers.ts";
import { writeSlowFunctions } from "./slow-functions.ts";

/**
 * The second module: floating-point, vector and cryptographic instructions, a function each. They go into the table through
 * which the first module calls, behind its own.
 */
export function emitExtension({ hot, cold, extension }: InterpreterPlan): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const first = hot.length + cold.length;
  module.importTable("interpreter", "handlers", first + extension.length);
  const slow = importSlowPath(module);
  const flagFunctions = defineFlagFunctions(module);
  const imports = { slow_read: slow.read, slow_write: slow.write, slow_probe: slow.probe };
  const routines = compileRoutines(module, ROUTINES, imports);
  module.elements(writeSlowFunctions(module, extension, { flagFunctions, slow, routines }), first);
  return module.finish();
}
