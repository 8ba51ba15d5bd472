import { INTERPRETER_BYTES, INTERPRETER_KEYS } from "../generated/interpreter.ts";

export interface InterpreterExports {
  /** Executes blocks from the one given; returns a STATUS. */
  readonly run: (context: number, block: number) => number;
  /** The six arithmetic flags of a context, at their RFLAGS positions. */
  readonly flags: (context: number) => number;
}

type Slow = (context: number, bytes: number, low: number, high: number) => number;

export interface SlowImports {
  readonly read: Slow;
  readonly write: Slow;
  readonly probe: Slow;
  readonly segment: Slow;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** One interpreter over an arena. `keys` names its handlers by number. */
export function instantiateInterpreter(
  memory: WebAssembly.Memory,
  slow: SlowImports,
  bytes: Uint8Array<ArrayBuffer> = decodeBase64(INTERPRETER_BYTES),
): { readonly exports: InterpreterExports; readonly keys: readonly string[] } {
  const imports = { host: { memory }, slow: { ...slow } };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  return { exports: instance.exports as unknown as InterpreterExports, keys: INTERPRETER_KEYS.split("\n") };
}
