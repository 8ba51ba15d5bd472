export { CONTEXT, RFLAGS, SEGMENT } from "./context.ts";
export { Cpu, WINDOW } from "./cpu.ts";
export type { CpuEvent, CpuOptions, TaskSwitchRequest } from "./cpu-types.ts";
export { CpuError, InvalidCpuOptionError } from "./errors.ts";
export { createFpuImage, FpuState, XSAVE_BYTES, XSTATE } from "./fpu-state.ts";
export {
  ACCESS,
  EMITTED_RESULT,
  type EmittedMmu,
  INVALIDATION,
  MMIO_RESULT,
  MMU_RESULT,
  type Mmu,
  PDPTE_LOAD,
} from "./mmu.ts";
export type { CpuSnapshot, SegmentSnapshot } from "./snapshot.ts";
export { CpuState, type SegmentRegister } from "./state.ts";
export { createStopDetails, INTERCEPT, STOP, type StopDetails, TASK_SOURCE } from "./stop.ts";
export {
  CPU_MODELS,
  type CpuidEntry,
  type CpuidResult,
  type CpuidState,
  type CpuModel,
  currentCpuid,
  findCpuid,
  readCpuid,
} from "./system/cpuid.ts";
export { createMsrValues, type MsrState, type MsrValues } from "./system/msr-state.ts";
export { MSR_TABLE, type MsrEntry, Msrs } from "./system/msrs.ts";
