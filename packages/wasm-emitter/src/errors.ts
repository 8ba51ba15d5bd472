/** Thrown when a module is built in a way that could never validate. */
export class WasmEmitterError extends Error {
  override readonly name: string = "WasmEmitterError";
}
