import type { Console, MemorySlot, Personality } from "@likex/vmm-runner";
import { BUILTIN_PROGRAM } from "../builtin-program.ts";
import type { DriverName } from "../drivers.ts";
import { UsageError } from "../errors.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { readProgramFile } from "../input/program-file.ts";
import type { SlotOption } from "../input/slots.ts";
import type { TierFlags } from "../tier.ts";

export type TraceFormat = "log" | "json";

/** The options of `likex run` as parsed. */
export interface RunFlags extends TierFlags {
  readonly loadAddress?: number;
  readonly entry?: number;
  readonly reg?: readonly (readonly [name: string, value: bigint])[];
  readonly memory?: number;
  readonly slot?: readonly SlotOption[];
  readonly personality: Personality;
  readonly console?: Console;
  readonly kvm: DriverName;
  readonly trace?: TraceFormat;
  readonly exitLimit: number;
  readonly instructionLimit: number;
  readonly json?: boolean;
}

const FILE_MEMORY = 64 << 10;

/** The memory slots: `--memory` is slot 0 at address 0; without either option the program's default is. */
export function memorySlots(flags: RunFlags, hasFile: boolean): readonly MemorySlot[] {
  const slots: MemorySlot[] = [...(flags.slot ?? [])];
  const size = flags.memory ?? (slots.length > 0 ? undefined : hasFile ? FILE_MEMORY : BUILTIN_PROGRAM.memory);
  if (size !== undefined) slots.unshift({ slot: 0, guestAddress: 0, size });
  return slots;
}

/** The program's bytes: of the file, which may not be larger than the memory, or the built-in ones. */
export function programBytes(file: string | undefined, guestBytes: number): Uint8Array {
  if (file === undefined) return BUILTIN_PROGRAM.bytes;
  return readProgramFile(file, guestBytes, {
    message: `the ${guestBytes} bytes of guest memory. Give more with --memory or --slot.`,
    exitCode: EXIT_CODE.imageOutsideMemory,
  });
}

/** Register values by name; the built-in program's own come first. */
export function registerValues(flags: RunFlags, hasFile: boolean): Readonly<Record<string, bigint>> {
  return { ...(hasFile ? {} : BUILTIN_PROGRAM.registers), ...Object.fromEntries(flags.reg ?? []) };
}

/** @throws UsageError for options that exclude each other. */
export function checkFlags({ kvm, trace }: RunFlags): void {
  if (kvm === "host" && trace !== undefined) {
    throw new UsageError(
      "--trace shows what the emulated machine does; the real device does not tell. Drop --trace or --kvm host.",
    );
  }
}
