import { type FunctionReference, ModuleBuilder } from "@likex/wasm-emitter";
import { compileRoutines, type Routines } from "../routines/compile.ts";
import { ROUTINES } from "../routines/index.ts";
import { routineTypeText } from "../routines/type-text.ts";
import { importSlowPath } from "../semantics/memory-access.ts";
import { defineFlagFunctions } from "./flag-functions.ts";
import type { InterpreterPlan } from "./handlers.ts";
import { writeSlowFunctions } from "./slow-functions.ts";

/** The second module, and the types of the routines that it exports (routines/type-text.ts). */
export interface Extension {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly routineTypes: Readonly<Record<string, string>>;
}

/**
 * The second module: floating-point, vector and cryptographic instructions, a function each. They go into the table through
 * which the first module calls, behind its own.
 */
export function emitExtension({ hot, cold, extension }: InterpreterPlan): Extension {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const first = hot.length + cold.length;
  module.importTable("interpreter", "handlers", first + extension.length);
  const slow = importSlowPath(module);
  const flagFunctions = defineFlagFunctions(module);
  const imports = { slow_read: slow.read, slow_write: slow.write, slow_probe: slow.probe };
  const routines = compileRoutines(module, ROUTINES, imports);
  const called = new CalledRoutines(routines);
  module.elements(writeSlowFunctions(module, extension, { flagFunctions, slow, routines: called }), first);
  // Those of values are for regions alone.
  const ofValues = [...routines.functions.keys()].filter((name) => name.startsWith("x87_value_"));
  const names = [...called.names, ...ofValues].sort();
  for (const name of names) module.exportFunction(name, routines.functions.get(name) as FunctionReference);
  const typeOf = (name: string): string => routineTypeText((routines.functions.get(name) as FunctionReference).type);
  return { bytes: module.finish(), routineTypes: Object.fromEntries(names.map((name) => [name, typeOf(name)])) };
}

/** Notes which routines handlers call: regions call the same. */
class CalledRoutines implements Routines {
  readonly names = new Set<string>();
  readonly functions: Routines["functions"];
  readonly insert: Routines["insert"];

  constructor({ functions, insert }: Routines) {
    this.insert = insert;
    const { names } = this;
    this.functions = new Map(functions);
    this.functions.get = (name) => {
      names.add(name);
      return functions.get(name);
    };
  }
}
