export { CONTEXT, RFLAGS, SEGMENT } from "./context.ts";
export { Cpu, type CpuEvent, type CpuOptions } from "./cpu.ts";
export { FpuState, XSAVE_BYTES, XSTATE } from "./fpu-state.ts";
export { ACCESS, INVALIDATION, MMIO_RESULT, MMU_RESULT, type Mmu } from "./mmu.ts";
export { CpuState, type SegmentRegister } from "./state.ts";
export { createStopDetails, INTERCEPT, STOP, type StopDetails } from "./stop.ts";
