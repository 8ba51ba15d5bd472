import { EXTENSION_MODULE } from "../generated/extension.ts";
import { INTERPRETER_KEYS, INTERPRETER_MODULE } from "../generated/interpreter.ts";
import { RUN_OUTCOME } from "../region-type.ts";
import { unpack } from "../unpack.ts";

export interface InterpreterExports {
  /** Executes blocks from the one given; returns a STATUS. */
  readonly run: (context: number, block: number) => number;
  /**
   * The same from the instruction pointer, for `budget` instructions; returns a STATUS or what ENTER says. `held` is what the
   * budget is short of, added to what is left of it at a port access.
   */
  readonly enter: (context: number, budget: number, held: number) => number;
  /** The six arithmetic flags of a context, at their RFLAGS positions. */
  readonly flags: (context: number) => number;
  /** Functions by handler number; the second module adds its own. Behind them is a place for EmittedMmu.translate. */
  readonly handlers: WebAssembly.Table;
  /** The slow path of memory accesses, which fills the soft TLB by itself where it can. */
  readonly read: Slow;
  readonly write: Slow;
  readonly probe: Slow;
}

type Slow = (context: number, bytes: number, low: number, high: number) => number;

export interface SlowImports {
  readonly read: Slow;
  readonly write: Slow;
  readonly probe: Slow;
  readonly segment: Slow;
  /** Whether the frame of a host address holds decoded code: not 0. Else emitted code may write it from now on, by the page of an address. */
  readonly watched: (host: number, low: number) => number;
}

export interface Interpreter {
  readonly exports: InterpreterExports;
  /** Names the handlers by number. */
  readonly keys: readonly string[];
  /** Loads the second module, at most once; until then its handlers must not be run. */
  readonly loadExtension: () => void;
}

/** Runs compiled regions (REGION_RUN_TYPE). */
export type RunRegions = (context: number, block: number) => number;

/** One interpreter over an arena; without `runRegions` no block may be compiled. */
export function instantiateInterpreter(
  memory: WebAssembly.Memory,
  slow: SlowImports,
  runRegions: RunRegions = () => RUN_OUTCOME.lookup,
  bytes: Uint8Array<ArrayBuffer> = unpack(INTERPRETER_MODULE),
): Interpreter {
  const imports = { host: { memory }, slow: { ...slow }, regions: { run: runRegions } };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  const exports = instance.exports as unknown as InterpreterExports;
  let isLoaded = false;
  const loadExtension = (): void => {
    if (isLoaded) return;
    isLoaded = true;
    const { handlers, read, write, probe } = exports;
    const { segment } = slow;
    instantiateExtension({ host: { memory }, slow: { read, write, probe, segment }, interpreter: { handlers } });
  };
  return { exports, keys: INTERPRETER_KEYS.split("\n"), loadExtension };
}

/** The second module: gives the routines that its handlers call. */
export function instantiateExtension(imports: WebAssembly.Imports): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(unpack(EXTENSION_MODULE)), imports).exports;
}
