import type { JIT_DEFAULTS } from "@likex/cpu-executor/jit";
import type { EmulatedKvmOptions } from "@likex/kvm";
import { type Command, Option } from "commander";
import type { DriverName } from "./drivers.ts";
import { UsageError } from "./errors.ts";
import { parseCount } from "./input/numbers.ts";

/** How the emulated processor runs guest code. */
export type Tier = "interpreter" | "jit" | "auto";

/** The options that `addTierOptions` adds, as parsed. */
export interface TierFlags {
  readonly tier?: Tier;
  readonly jitThreshold?: number;
  readonly jitBatch?: number;
  readonly jitDelay?: number;
}

/** A tier, and the compiler that it needs. */
export interface ChosenTier {
  /** Undefined on the real device, which has none. */
  readonly tier: Tier | undefined;
  readonly jit: EmulatedKvmOptions["jit"];
}

/** The most that the compiler takes of any. */
const LARGEST = 0x3fff_ffff;

/** For the help, without loading the compiler. That they are the compiler's own is checked: their types are these numbers. */
const DEFAULTS: Pick<typeof JIT_DEFAULTS, "threshold" | "batch" | "delay"> = {
  ...{ threshold: 4000, batch: 16, delay: 12_000_000 },
};

/**
 * What `createJit` of @likex/cpu-executor is given, whose defaults `auto` leaves as they are. `jit` compiles each block that is
 * entered again, alone and at once: slow, but nearly everything runs compiled.
 */
const COMPILER_OPTIONS = { auto: {}, jit: { threshold: 2, batch: 1, shortest: 1, delay: 0 } } as const;

export const TIER_EXPLANATION = `
Tiers: interpreter compiles no guest code; auto compiles what runs often, in batches; jit compiles each block that runs
a second time, at once, to find faults of the compiler. Which one it is changes nothing of what the guest computes.`;

/** Adds --tier, --jit-threshold, --jit-batch and --jit-delay. */
export function addTierOptions(command: Command, defaultTier: Tier): Command {
  return command
    .addOption(
      new Option(
        "--tier <tier>",
        `how the emulated processor runs guest code (default: ${defaultTier}; not for the real device)`,
      ).choices(["interpreter", "jit", "auto"]),
    )
    .option(
      "--jit-threshold <count>",
      `entries of a block of guest code after which it is compiled (default: ${DEFAULTS.threshold}, for jit 2)`,
      (text) => parseCount("JIT threshold", text, LARGEST),
    )
    .option(
      "--jit-batch <count>",
      `blocks that wait until they are compiled together (default: ${DEFAULTS.batch}, for jit 1)`,
      (text) => parseCount("JIT batch", text, LARGEST),
    )
    .option(
      "--jit-delay <count>",
      `guest instructions before which nothing is compiled (default: ${DEFAULTS.delay}, for jit 0)`,
      (text) => parseCount("JIT delay", text, LARGEST, 0),
    );
}

/**
 * The tier that the options ask for. The compiler is loaded here and not before: it brings the semantics of all
 * instructions, which the interpreter starts without.
 * @throws UsageError for options that exclude each other.
 */
export async function chooseTier(
  { tier, jitThreshold, jitBatch, jitDelay }: TierFlags,
  kvm: DriverName,
  defaultTier: Tier,
): Promise<ChosenTier> {
  const numbers = { "--jit-threshold": jitThreshold, "--jit-batch": jitBatch, "--jit-delay": jitDelay };
  const [compilerOption] = Object.entries(numbers).find(([, value]) => value !== undefined) ?? [];
  if (kvm === "host") {
    const given = tier !== undefined ? "--tier" : compilerOption;
    if (given === undefined) return { tier: undefined, jit: undefined };
    throw new UsageError(
      `${given} is for the emulated processor; the real device has its own. Drop ${given} or --kvm host.`,
    );
  }
  const chosen = tier ?? defaultTier;
  if (chosen === "interpreter") {
    if (compilerOption === undefined) return { tier: chosen, jit: undefined };
    throw new UsageError(
      `${compilerOption} is for a compiler, which --tier interpreter does without. Drop it, or give --tier auto.`,
    );
  }
  const { createJit } = await import("@likex/cpu-executor/jit");
  return {
    tier: chosen,
    jit: createJit({
      ...COMPILER_OPTIONS[chosen],
      ...(jitThreshold === undefined ? {} : { threshold: jitThreshold }),
      ...(jitBatch === undefined ? {} : { batch: jitBatch }),
      ...(jitDelay === undefined ? {} : { delay: jitDelay }),
    }),
  };
}
