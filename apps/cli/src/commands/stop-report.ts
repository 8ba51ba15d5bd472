import { type MicroVm, OutsideMemoryError, type RunResult } from "@likex/vmm-runner";
import { firstInstruction } from "../disassembly/first-instruction.ts";
import type { Bits } from "../disassembly/program.ts";
import { type DriverName, HOST_RUN_TIMEOUT_MS } from "../drivers.ts";
import { EXIT_CODE } from "../exit-codes.ts";

/** How a run ended: the exit code, and for every end but HLT a sentence or two. */
export interface StopReport {
  /** One of EXIT_CODE, or what the guest chose with the debug-exit device. */
  readonly exitCode: number;
  readonly message?: string;
}

/** The options that bounded the run. */
export interface RunBounds {
  readonly kvm: DriverName;
  readonly instructionLimit: number;
}

const LONGEST_INSTRUCTION = 15;
const CR0_PG = 1n << 31n;
const EFER_LMA = 1n << 10n;
/** KVM_INTERNAL_ERROR_EMULATION. */
const EMULATION = 1;
/** KVM_INTERNAL_ERROR_DELIVERY_EV. */
const DELIVERY_EVENT = 3;
/** VM-exit reason "exception or NMI" and the vector of #UD in the VM-exit interruption information. */
const EXCEPTION_EXIT = 0n;
const VECTOR_UD = 6n;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Where the guest is, and what is there: the instruction that it was about to execute, or has just executed. */
interface CodePlace {
  readonly place: string;
  /** A sentence after a blank; empty where nothing can be read. */
  readonly code: string;
}

function codeAt(vm: MicroVm, { rip, specialRegisters: { cs, cr0, efer } }: RunResult): CodePlace {
  const linear = cs.base + rip;
  const place = cs.base === 0n ? hex(rip) : `${hex(linear)} (${cs.selector.toString(16)}:${rip.toString(16)})`;
  if ((cr0 & CR0_PG) !== 0n || linear > 0xffff_ffffn) return { place, code: "" };
  const bytes = readUpTo(vm, Number(linear), LONGEST_INSTRUCTION);
  const bits: Bits = (efer & EFER_LMA) !== 0n && cs.l === 1 ? 64 : cs.db === 1 ? 32 : 16;
  if (bytes.length === 0) return { place, code: "" };
  const instruction = firstInstruction(bytes, bits, rip);
  const shown = Array.from(instruction?.bytes ?? bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return {
    place,
    code: instruction === undefined ? ` The bytes there: ${shown}.` : ` There: ${shown}, ${instruction.text}.`,
  };
}

/** As many bytes of guest memory as there are, up to `length`. */
function readUpTo(vm: MicroVm, address: number, length: number): Uint8Array {
  for (let available = length; available > 0; available -= 1) {
    try {
      return vm.readMemory(address, available);
    } catch (error) {
      if (!(error instanceof OutsideMemoryError)) throw error;
    }
  }
  return new Uint8Array(0);
}

/** What to tell the user about a run. */
export function describeStop(vm: MicroVm, result: RunResult, bounds: RunBounds): StopReport {
  if (result.reason === "hlt") return { exitCode: EXIT_CODE.ok };
  // A process has eight bits of exit code.
  if (result.reason === "debugExit") return { exitCode: result.code & 0xff };
  const { place, code } = codeAt(vm, result);
  switch (result.reason) {
    case "shutdown":
      return {
        exitCode: EXIT_CODE.shutdown,
        message: `The guest shut down at ${place}: an exception could not be delivered (triple fault).${code}`,
      };
    case "exitLimit":
      return {
        exitCode: EXIT_CODE.exitLimit,
        message: `The guest made ${result.exits} exits without halting; it is at ${place}. Raise --exit-limit to let it go on.`,
      };
    case "interrupted":
      return {
        exitCode: EXIT_CODE.instructionLimit,
        message:
          bounds.kvm === "host"
            ? `The guest ran ${HOST_RUN_TIMEOUT_MS / 1000} seconds without an exit; it is at ${place}.${code}`
            : `The guest executed ${bounds.instructionLimit} instructions without an exit; it is at ${place}. Raise --instruction-limit to let it go on.${code}`,
      };
    case "failEntry":
      return {
        exitCode: EXIT_CODE.entryFailure,
        message: `The processor refused the guest's state (VM entry failed, ${hex(result.hardwareEntryFailureReason)}). Check the values given with --reg.`,
      };
    case "internalError":
      return describeInternalError(result, place, code);
    case "deviceMemory":
      return {
        exitCode: EXIT_CODE.unknownExit,
        message: `The guest ${result.isWrite ? "wrote to" : "read from"} ${hex(result.physAddr)} (at ${place}), which no memory slot backs${result.isWrite ? " with writable memory" : ""}. Give it a --slot, or use --personality kvm, which treats it as a device.`,
      };
    case "systemEvent":
      return {
        exitCode: EXIT_CODE.unknownExit,
        message: `The guest asked for system event ${result.type} at ${place}.`,
      };
    case "stopped":
      return { exitCode: EXIT_CODE.unknownExit, message: `The run was stopped at ${place}.` };
    case "unhandledExit":
      return {
        exitCode: EXIT_CODE.unknownExit,
        message: `The guest stopped at ${place} with an exit that likex does not handle: ${result.exit} ${hex(result.code)}.`,
      };
  }
}

function describeInternalError(
  { suberror, data }: Extract<RunResult, { reason: "internalError" }>,
  place: string,
  code: string,
): StopReport {
  if (suberror === DELIVERY_EVENT) return describeUndelivered(data, place, code);
  const [, exitReason, , , interruption = 0n] = data;
  if (suberror === EMULATION && exitReason === EXCEPTION_EXIT && (interruption & 0xffn) === VECTOR_UD) {
    return {
      exitCode: EXIT_CODE.undefinedInstruction,
      message: `The guest executed an undefined instruction at ${place}.${code}`,
    };
  }
  const what = suberror === EMULATION ? "the instruction there cannot be emulated" : `suberror ${suberror}`;
  const words = data.map(hex).join(" ");
  return {
    exitCode: EXIT_CODE.internalError,
    message: `KVM cannot go on with the guest at ${place}: ${what} (data ${words}).${code}`,
  };
}

/** An event that could not be delivered, by its IDT-vectoring information: most often there is no stack. */
function describeUndelivered(data: readonly bigint[], place: string, code: string): StopReport {
  const vector = (data[0] ?? 0n) & 0xffn;
  const why = `could not be delivered, as its stack or its handler is not in memory.${code}`;
  if (vector === VECTOR_UD) {
    return {
      exitCode: EXIT_CODE.undefinedInstruction,
      message: `The guest executed an undefined instruction at ${place}, and the exception ${why}`,
    };
  }
  return {
    exitCode: EXIT_CODE.internalError,
    message: `Interrupt or exception ${vector} of the guest at ${place} ${why}`,
  };
}
