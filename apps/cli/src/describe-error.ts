import { OutOfHostMemoryError } from "@likex/host-memory";
import { KvmError } from "@likex/kvm-client";
import {
  InvalidElfError,
  InvalidMultibootError,
  LoaderError,
  NoRoomError,
  NotBootableError,
  UnsupportedElfError,
  UnsupportedMultibootError,
} from "@likex/loaders";
import {
  EntryOutsideMemoryError,
  ImageOutsideMemoryError,
  InvalidMemorySlotError,
  InvalidRegisterValueError,
  OverlappingMemorySlotsError,
  UnknownRegisterError,
} from "@likex/vmm-runner";
import { CliError } from "./errors.ts";
import { EXIT_CODE, type ExitCode } from "./exit-codes.ts";
import { printable } from "./printable.ts";

type ErrorClass = abstract new (...parameters: never[]) => Error;

const EXIT_CODES: readonly (readonly [ErrorClass, ExitCode])[] = [
  [ImageOutsideMemoryError, EXIT_CODE.imageOutsideMemory],
  [EntryOutsideMemoryError, EXIT_CODE.entryOutsideMemory],
  [InvalidMemorySlotError, EXIT_CODE.memorySlots],
  [OverlappingMemorySlotsError, EXIT_CODE.memorySlots],
  [UnknownRegisterError, EXIT_CODE.register],
  [InvalidRegisterValueError, EXIT_CODE.register],
  [NoRoomError, EXIT_CODE.imageOutsideMemory],
  [InvalidElfError, EXIT_CODE.fileFormat],
  [UnsupportedElfError, EXIT_CODE.fileFormat],
  [InvalidMultibootError, EXIT_CODE.fileFormat],
  [UnsupportedMultibootError, EXIT_CODE.fileFormat],
  [NotBootableError, EXIT_CODE.fileFormat],
  [LoaderError, EXIT_CODE.usage],
  [OutOfHostMemoryError, EXIT_CODE.hostMemory],
];

/** An error of the packages below in this command's terms; undefined for what nobody foresaw. */
export function describeError(error: unknown): CliError | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof KvmError) {
    if (error.code === "ENOMEM") {
      return new CliError(
        "The guest's memory does not fit in the emulated machine, which has 2 GiB at most. Give the guest less.",
        EXIT_CODE.hostMemory,
      );
    }
    return new CliError(error.message, EXIT_CODE.device);
  }
  const [, code] = EXIT_CODES.find(([type]) => error instanceof type) ?? [];
  return code === undefined ? undefined : new CliError(printable((error as Error).message), code);
}
