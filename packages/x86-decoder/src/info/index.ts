export { CPUID_FEATURES } from "../generated/info-tables.ts";
export {
  type FlagName,
  type InstructionDescription,
  type InstructionInfoOptions,
  instructionInfo,
  type UseAccess,
} from "./describe.ts";
export { ACCESS, CLASS, FLAG, FLOW } from "./facts.ts";
export { createInstructionInfo, type InstructionInfo } from "./instruction-info.ts";
export { readInfo } from "./read-info.ts";
