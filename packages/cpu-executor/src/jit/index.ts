import { Jit, type JitOptions, type JitParts } from "./jit.ts";

export type { Jit, JitOptions, JitParts, JitStatistics } from "./jit.ts";

/** A compiler of hot code for each processor that it is given to (CpuOptions.jit). */
export function createJit(options: JitOptions = {}): (parts: JitParts) => Jit {
  return (parts) => new Jit(parts, options);
}
