export { CONTEXT, RFLAGS, SEGMENT } from "./context.ts";
export { Cpu, type CpuEvent, type CpuOptions, WINDOW } from "./cpu.ts";
export { ACCESS, INVALIDATION, MMIO_RESULT, MMU_RESULT, type Mmu } from "./mmu.ts";
export type { CpuSnapshot, SegmentSnapshot } from "./snapshot.ts";
export { CpuState, type SegmentRegister } from "./state.ts";
export { createStopDetails, INTERCEPT, STOP, type StopDetails } from "./stop.ts";
export { CPU_MODELS, type CpuidResult, type CpuModel, cpuidOf } from "./system/cpuid.ts";
export { createMsrValues, type MsrState, type MsrValues } from "./system/msr-state.ts";
export { MSR_TABLE, type MsrEntry, Msrs } from "./system/msrs.ts";
