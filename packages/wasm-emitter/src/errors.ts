/** Thrown when a module is built in a way that could never validate. */
export class WasmEmitterError extends Error {
  override readonly name: string = "WasmEmitterError";
}

/** Thrown by the disassembler for bytes that are no module that it can read, and for a function that the module lacks. */
export class UnreadableModuleError extends WasmEmitterError {
  override readonly name: string = "UnreadableModuleError";
}
