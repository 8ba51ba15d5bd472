import { type FunctionReference, type FunctionType, ModuleBuilder } from "@likex/wasm-emitter";
import { INTERPRETER_KEYS } from "../generated/interpreter.ts";
import { ROUTINE_TYPES } from "../generated/routine-types.ts";
import { importFlagFunctions } from "../interpreter/flag-functions.ts";
import { instantiateExtension } from "../interpreter/instance.ts";
import type { Selection } from "../predecode.ts";
import { REGION_TYPE } from "../region-type.ts";
import { readRoutineType } from "../routines/type-text.ts";
import { SEMANTICS } from "../semantics/index.ts";
import type { RegionInstruction } from "./instruction.ts";
import type { Region, RegionBase } from "./region.ts";
import { writeInstruction } from "./write-instruction.ts";

/** The type of a function of the second module that handlers call. */
export function routineType(name: string): FunctionType {
  const text = ROUTINE_TYPES[name];
  if (text === undefined) throw new RangeError(`${name} is no routine that the second module exports`);
  return readRoutineType(text);
}

/** By the instruction's selection: the same for all instructions of its shape. */
const known = new WeakMap<Selection, readonly string[]>();

/** The routines that an instruction calls, found by writing it once. */
function routinesOf(instruction: RegionInstruction, page: RegionBase): readonly string[] {
  const { selection } = instruction;
  if (SEMANTICS[selection.shape.mnemonic]?.extension !== true) return [];
  const found = known.get(selection);
  if (found !== undefined) return found;
  const names: string[] = [];
  const module = new ModuleBuilder();
  const flagFunctions = importFlagFunctions(module, "shared");
  const code = module.function("routines", REGION_TYPE.params, REGION_TYPE.results);
  const routine = (name: string): FunctionReference => {
    names.push(name);
    return { index: 0, type: routineType(name) };
  };
  writeInstruction(code, instruction, page, { flagFunctions, routine });
  known.set(selection, names);
  return names;
}

/** Imports the routines that regions call, before anything is defined in their module. */
export function importRoutines(
  module: ModuleBuilder,
  from: string,
  plans: readonly { readonly region: Region }[],
): (name: string) => FunctionReference {
  const imported = new Map<string, FunctionReference>();
  for (const { region } of plans)
    for (const { instructions } of region.blocks.values())
      for (const instruction of instructions)
        for (const name of routinesOf(instruction, region.page))
          if (!imported.has(name)) imported.set(name, module.importFunction(from, name, routineType(name)));
  return (name) => imported.get(name) as FunctionReference;
}

/**
 * The second module's routines for the regions of an arena. They are an instance of their own, because a region may run on any
 * processor of the arena. None of those that regions call reaches the slow path of memory.
 */
export function instantiateRoutines(memory: WebAssembly.Memory): WebAssembly.ModuleImports {
  const none = (): never => {
    throw new Error("a routine that regions call has asked for memory that is not in the soft TLB");
  };
  const slow = { read: none, write: none, probe: none, segment: none };
  const handlers = new WebAssembly.Table({ element: "anyfunc", initial: INTERPRETER_KEYS.split("\n").length });
  return instantiateExtension({ host: { memory }, slow, interpreter: { handlers } }) as WebAssembly.ModuleImports;
}
