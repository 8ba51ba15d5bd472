import { closeSync, openSync } from "node:fs";
import type { EmulatedKvm } from "@likex/kvm";
import { createFormatter } from "../disassembly/syntax.ts";
import { CliError, UsageError } from "../errors.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { describeFileError } from "../input/program-file.ts";
import { writeFully } from "../terminal.ts";
import type { ChosenTier } from "../tier.ts";

/** The options of a dump as parsed. */
export interface DumpFlags {
  readonly dumpRegions?: string;
  readonly dumpCount?: number;
}

export const DEFAULT_DUMP_COUNT = 10;

/** Writes the regions that executed the most instructions. */
export interface RegionDump {
  write(kvm: EmulatedKvm): Promise<void>;
  close(): void;
}

/**
 * The dump that the options ask for. Its file is opened before the guest runs, which may be long.
 * @throws UsageError without a compiler, CliError for a file that cannot be written.
 */
export function openDump({ dumpRegions, dumpCount }: DumpFlags, { tier, jit }: ChosenTier): RegionDump | undefined {
  if (dumpRegions === undefined) {
    if (dumpCount === undefined) return undefined;
    throw new UsageError("--dump-count is for --dump-regions. Give a file to that, or drop --dump-count.");
  }
  if (jit === undefined) {
    const instead = tier === undefined ? "drop --kvm host" : "give --tier auto";
    throw new UsageError(`--dump-regions is for compiled code, and there will be none. Drop it, or ${instead}.`);
  }
  const fd = doing(dumpRegions, () => openSync(dumpRegions, "w"));
  const write = (text: string): void => doing(dumpRegions, () => writeFully(fd, text));
  return {
    async write({ hostMemory }) {
      const formatter = createFormatter("intel");
      const regions = jit.regions(hostMemory).slice(0, dumpCount ?? DEFAULT_DUMP_COUNT);
      if (regions.length === 0) write("Nothing was compiled.\n");
      for (const [i, region] of regions.entries()) {
        const text = await jit.dump(hostMemory, region, formatter);
        if (text !== undefined) write(`${i === 0 ? "" : "\n"}${text}`);
      }
    },
    close: () => closeSync(fd),
  };
}

function doing<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CliError(`Cannot write ${path}: ${describeFileError(error)}.`, EXIT_CODE.file);
  }
}
