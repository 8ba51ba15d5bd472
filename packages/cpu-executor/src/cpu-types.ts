import type { HostMemory } from "@likex/host-memory";
import type { RegionCompiler } from "./jit/index.ts";
import type { Mmu } from "./mmu.ts";
import type { CpuModel } from "./system/cpuid.ts";

/** What a processor is made of. */
export interface CpuOptions {
  readonly memory: HostMemory;
  readonly mmu: Mmu;
  /** What CPUID answers where it is not intercepted. Default CPU_MODELS.likex. */
  readonly model?: CpuModel;
  /** Clock of the time-stamp counter: 64 bits. Default: counts retired instructions. */
  readonly clock?: () => bigint;
  /** Compiles hot code (createJit of "@likex/cpu-executor/jit"). Absent: everything is interpreted. */
  readonly jit?: RegionCompiler;
  /** 64 random bits for RDRAND and RDSEED. Default: a generator that starts alike in every Cpu. */
  readonly random?: () => bigint;
}

/** An event to deliver to the guest. */
export interface CpuEvent {
  readonly vector: number;
  /** VMX interruption type: 0 external, 2 NMI, 3 hardware exception, 4 software interrupt, 5 privileged software exception, 6 software exception. */
  readonly type: number;
  /** -1 when the event has none; real mode pushes none in any case. */
  readonly errorCode: number;
  /** Of the instruction that caused a software event, in bytes. */
  readonly instructionLength: number;
}

/** A task switch that was stopped at. */
export interface TaskSwitchRequest {
  /** Of the TSS. */
  readonly selector: number;
  /** TASK_SOURCE.*. */
  readonly source: number;
  /** Of the instruction that asked for it, in bytes; 0 for an exception or interrupt. */
  readonly instructionLength: number;
  /** Of the event that goes through the task gate, -1 for none. */
  readonly errorCode: number;
}
