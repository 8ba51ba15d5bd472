import type { HostMemory } from "@likex/host-memory";
import type { Mmu } from "../mmu.ts";
import type { SoftTlb } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";
import { SystemAccess } from "./access.ts";
import { CommonDelivery } from "./common-delivery.ts";
import { CommonDescriptors } from "./common-descriptors.ts";
import { CommonReturn } from "./common-return.ts";
import { ControlRegisters } from "./control-registers.ts";
import type { CpuModel } from "./cpuid.ts";
import { DescriptorTables } from "./descriptor-tables.ts";
import { EventDelivery } from "./events.ts";
import { FarTransfers } from "./far-transfer.ts";
import { FastCalls } from "./fast-calls.ts";
import { FlagInstructions } from "./flags.ts";
import { SystemInstructions } from "./instructions.ts";
import { InterceptedInstructions } from "./intercepted.ts";
import { InterruptReturn } from "./interrupt-return.ts";
import { Msrs } from "./msrs.ts";
import { SegmentLoads } from "./segment-load.ts";
import { type TaskIntercepts, TaskSwitch } from "./task-switch.ts";
import { Translations } from "./translations.ts";

export interface SystemOptions {
  readonly state: CpuState;
  readonly tlb: SoftTlb;
  readonly mmu: Mmu;
  readonly memory: HostMemory;
  readonly model: CpuModel;
  readonly taskIntercepts: TaskIntercepts;
  /** The time-stamp counter's clock. */
  readonly clock: () => bigint;
  readonly random: () => bigint;
  /** CR0, CR3, CR4 or EFER has changed: cached translations and what the Mmu knows of them are out of date. */
  readonly translationChanged: () => void;
  /** A task switch asks for a debug trap before the next instruction. */
  readonly taskTrap: () => void;
}

/** The parts of the processor that work outside emitted code, wired together. */
export interface System {
  readonly access: SystemAccess;
  readonly instructions: SystemInstructions;
  readonly intercepted: InterceptedInstructions;
  readonly events: EventDelivery;
  readonly commonDelivery: CommonDelivery;
  readonly commonReturn: CommonReturn;
  readonly translations: Translations;
  readonly tasks: TaskSwitch;
  readonly control: ControlRegisters;
  readonly msrs: Msrs;
}

export function createSystem(options: SystemOptions): System {
  const { state, tlb, mmu, memory, model, taskIntercepts, clock, random, translationChanged, taskTrap } = options;
  const access = new SystemAccess(state, tlb, memory);
  const loads = new SegmentLoads(access);
  const translations = new Translations(mmu, tlb, state);
  const control = new ControlRegisters(state, translations, translationChanged);
  const tasks = new TaskSwitch(access, loads, control, taskIntercepts, translationChanged, taskTrap);
  const events = new EventDelivery(access, loads, tasks);
  const far = new FarTransfers(access, loads, tasks);
  const returns = new InterruptReturn(access, loads, far, tasks);
  const flags = new FlagInstructions(access);
  const msrs = new Msrs(state, clock, translationChanged);
  const calls = new FastCalls(access, msrs);
  const descriptors = new CommonDescriptors(state, tlb, memory.i32);
  const tables = new DescriptorTables(access, loads);
  return {
    access,
    instructions: new SystemInstructions({
      access,
      loads,
      far,
      returns,
      events,
      flags,
      calls,
      msrs,
      translations,
      random,
    }),
    intercepted: new InterceptedInstructions({ access, tables, control, msrs, model, translations }),
    events,
    commonDelivery: new CommonDelivery(state, tlb, descriptors, memory.i32),
    commonReturn: new CommonReturn(state, tlb, descriptors, memory.i32),
    translations,
    tasks,
    control,
    msrs,
  };
}
