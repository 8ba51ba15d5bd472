import type { Case } from "../steps.ts";
import { CAPABILITY_CASES } from "./capabilities.ts";
import { CPUID_CASES } from "./cpuid.ts";
import { FILE_CASES } from "./files.ts";
import { MEMORY_REGION_CASES } from "./memory-regions.ts";
import { MMIO_CASES } from "./mmio.ts";
import { MODE_CASES } from "./modes.ts";
import { PORT_CASES } from "./ports.ts";
import { REGISTER_CASES } from "./registers.ts";
import { STOP_CASES } from "./stops.ts";

/** The suite for `/dev/kvm`. */
export const KVM_CASES: readonly Case[] = [
  ...FILE_CASES,
  ...CAPABILITY_CASES,
  ...MEMORY_REGION_CASES,
  ...REGISTER_CASES,
  ...PORT_CASES,
  ...MMIO_CASES,
  ...STOP_CASES,
  ...MODE_CASES,
  ...CPUID_CASES,
];
