import { EmulatedKvm, type EmulatedKvmOptions, type TraceEvent } from "@likex/kvm";
import type { KvmDriver } from "@likex/kvm-client";
import { HostKvm, HostKvmUnavailableError } from "@likex/kvm-host";
import { CliError } from "./errors.ts";
import { EXIT_CODE } from "./exit-codes.ts";

export type DriverName = "emulated" | "host";

/** What a run needs of the system below it. */
export interface DriverOptions {
  readonly name: DriverName;
  readonly devicePath: string;
  /** Bytes of guest memory: the emulated machine is made large enough. */
  readonly guestBytes: number;
  /** Guest instructions without an exit after which KVM_RUN is interrupted: emulated only. */
  readonly instructionLimit: number;
  readonly trace: ((event: TraceEvent) => void) | undefined;
  /** The compiler of hot guest code: emulated only. */
  readonly jit: EmulatedKvmOptions["jit"];
}

/** Milliseconds without an exit after which the real device's KVM_RUN is interrupted. */
export const HOST_RUN_TIMEOUT_MS = 10_000;

const ARENA_UNIT = 1 << 20;
const SMALLEST_ARENA = 64 << 20;
const LARGEST_ARENA = 2047 << 20;
/** For tables, the emulated processor's own records, and the frames that a copy-on-write needs. */
const ARENA_OVERHEAD = 32 << 20;

/** The smallest arena that surely holds the guest, or the largest there is: memory that a guest never writes takes none. */
function arenaBytes(guestBytes: number): number {
  const wanted = Math.ceil((guestBytes + ARENA_OVERHEAD) / ARENA_UNIT) * ARENA_UNIT;
  return Math.min(Math.max(wanted, SMALLEST_ARENA), LARGEST_ARENA);
}

/** @throws CliError when the real device is asked for and cannot be used. */
export function openDriver(options: DriverOptions): KvmDriver {
  if (options.name === "emulated") {
    const { guestBytes, instructionLimit, trace, jit } = options;
    return EmulatedKvm.create({
      memoryBytes: arenaBytes(guestBytes),
      instructionsPerRun: instructionLimit,
      ...(trace === undefined ? {} : { trace }),
      ...(jit === undefined ? {} : { jit }),
    });
  }
  try {
    return HostKvm.create({ path: options.devicePath, runTimeoutMs: HOST_RUN_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof HostKvmUnavailableError) throw new CliError(error.message, EXIT_CODE.device);
    throw error;
  }
}
