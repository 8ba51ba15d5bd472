/** The compiler of hot guest code, for `EmulatedKvm.create({ jit })` of this package. */

export { createJit, JIT_DEFAULTS, type JitOptions } from "@likex/cpu-executor/jit";
