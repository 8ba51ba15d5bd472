/** A virtual machine monitor: builds a microVM from a configuration, wires its devices, and runs it to a stop. */

export type { MmioHandler, MmioRange, PortHandler, PortRange, PortSize } from "@likex/devices";
export type { CpuidEntry } from "@likex/kvm-client";
export type {
  ElfImage,
  FlatImage,
  Image,
  MicroVmConfig,
  MmioDevice,
  MultibootImage,
  Personality,
  PortDevice,
} from "./config.ts";
export type { Console, InputSource } from "./console.ts";
export {
  CpuidUnavailableError,
  DisposedError,
  EntryOutsideMemoryError,
  ImageOutsideMemoryError,
  InvalidLimitError,
  InvalidMemorySlotError,
  InvalidRegisterValueError,
  OutsideMemoryError,
  OverlappingMemorySlotsError,
  UnknownRegisterError,
  VmmError,
} from "./errors.ts";
export type { MemorySlot } from "./memory-layout.ts";
export { MicroVm } from "./micro-vm.ts";
export {
  CONTROL_REGISTERS,
  GENERAL_REGISTERS,
  type RegisterName,
  type RegisterValues,
  SEGMENT_REGISTERS,
} from "./registers.ts";
export type { RunOptions, RunResult, Stop } from "./run-result.ts";
