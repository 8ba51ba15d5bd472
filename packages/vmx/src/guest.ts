import type { GuestState } from "./guest-state.ts";
import type { VmxCpu, VmxMemory, VmxMmu } from "./processor.ts";
import type { Capabilities } from "./profile.ts";
import type { Vmcs } from "./vmcs.ts";

/** The guest that runs in non-root operation: what the parts of this package that act on it share. */
export interface Guest {
  readonly vmcs: Vmcs;
  readonly cpu: VmxCpu;
  readonly mmu: VmxMmu;
  readonly memory: VmxMemory;
  readonly state: GuestState;
  readonly capabilities: Capabilities;
  /** First physical address that does not exist. */
  readonly physicalLimit: number;
}

/** What became of a stop of the processor. */
export const OUTCOME = {
  /** The guest goes on at RIP. */
  resume: 0,
  /** A VM exit was recorded. */
  exited: 1,
  /** The instruction at RIP was carried out here: the guest goes on after it. */
  advance: 2,
} as const;
