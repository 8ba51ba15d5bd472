import { EmulatedKvm } from "@likex/kvm";
import type { KvmDriver } from "@likex/kvm-client";
import { hasMultibootHeader, isElf } from "@likex/loaders";
import { type Image, MicroVm } from "@likex/vmm-runner";
import { type Command, Option } from "commander";
import { createCommand, writeJson } from "../command.ts";
import { type DriverName, openDriver } from "../drivers.ts";
import { UsageError } from "../errors.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { type GuestInput, openGuestInput } from "../input/guest-input.ts";
import { parseCount, parseLimit, parseSize } from "../input/numbers.ts";
import { readProgramFile } from "../input/program-file.ts";
import type { Terminal } from "../terminal.ts";
import { addTierOptions, type ChosenTier, chooseTier, TIER_EXPLANATION, type Tier, type TierFlags } from "../tier.ts";
import { describeStatistics, RunRecorder } from "./boot-statistics.ts";
import { tierStatistics } from "./compiler-statistics.ts";
import { DEFAULT_DUMP_COUNT, type DumpFlags, openDump, type RegionDump } from "./region-dump.ts";
import { resultJson } from "./result-json.ts";
import { describeStop, type StopReport } from "./stop-report.ts";

const MEMORY = 128 << 20;
const DEFAULT_TIER: Tier = "auto";
const LARGEST_IMAGE = 1 << 30;
const LARGEST_DUMP = 1 << 20;
/** Where the debug-exit device is: QEMU's users and the guests written for it expect it here. */
const DEBUG_EXIT_PORT = 0xf4;

const EXAMPLES = [
  ["likex boot kernel.elf", "boot a multiboot kernel with 128 MiB of memory"],
  ['likex boot kernel.elf --append "n=3 quiet"', "with a command line"],
  ["likex boot kernel.elf --memory 512M --stats", "with more memory; what the run took, on stderr"],
  ["likex boot kernel.elf --json | jq .reason", "the result for a program"],
  ["likex boot kernel.elf --instruction-limit 1_000_000", "give up on a guest that does not end"],
  ["likex boot kernel.elf --tier interpreter", "without compiling guest code"],
  ["likex boot kernel.elf --jit-threshold 50 --jit-delay 0", "compiling it sooner"],
  ["likex boot kernel.elf --dump-regions hot.txt", "what its hottest code was compiled to"],
] as const;

const EXPLANATION = `
The kernel starts in 32-bit protected mode as multiboot 1 says: paging off, flat segments, EAX = 0x2badb002, EBX = the
information structure. An ELF file without a multiboot header starts the same way, with all registers 0.
It finds a 16550 UART at port 0x3f8, whose output goes to stdout as it comes, and a debug-exit device at port 0xf4:
a write of N ends the machine, and likex, with exit code (N * 2 + 1) modulo 256. HLT ends it with exit code 0.
The UART receives standard input: from a terminal each key as it is typed, except for those that send signals (Ctrl-C).
There is no interrupt controller yet, so the guest has to look for it.
Other exit codes: likex help exit-codes. Nothing bounds the run unless a limit is given, on the real device 10 seconds
without an exit; Ctrl-C ends it with exit code 130.
${TIER_EXPLANATION}`;

/** The options of `likex boot` as parsed. */
interface BootFlags extends TierFlags, DumpFlags {
  readonly append?: string;
  readonly memory: number;
  readonly serial: "stdout" | "none";
  readonly input: "stdin" | "none";
  readonly kvm: DriverName;
  readonly exitLimit: number;
  readonly instructionLimit: number;
  readonly json?: boolean;
  readonly stats?: boolean;
}

/** `likex boot IMAGE`; `setExitCode` is told how the guest ended. */
export function bootCommand(terminal: Terminal, setExitCode: (code: number) => void): Command {
  const command = createCommand("boot", EXAMPLES)
    .summary("boot a multiboot kernel in a virtual machine")
    .description(`Boots a multiboot 1 image or an ELF program in a virtual machine with one processor.\n${EXPLANATION}`)
    .argument("<IMAGE>", 'multiboot image or ELF program, "-" for standard input')
    .option("-a, --append <text>", "the kernel's command line")
    .addOption(
      new Option("-m, --memory <size>", "guest memory from address 0 on")
        .argParser((text) => parseSize("memory size", text))
        .default(MEMORY, "128M"),
    )
    .addOption(
      new Option("-s, --serial <where>", "where the serial port's output goes")
        .choices(["stdout", "none"])
        .default("stdout"),
    )
    .addOption(
      new Option("-i, --input <from>", "where the serial port's input comes from")
        .choices(["stdin", "none"])
        .default("stdin"),
    )
    .addOption(new Option("-k, --kvm <driver>", "who runs the guest").choices(["emulated", "host"]).default("emulated"))
    .addOption(
      new Option("--exit-limit <count>", "exits to the VMM after which to give up")
        .argParser((text) => parseLimit("exit limit", text))
        .default(Number.POSITIVE_INFINITY, "none"),
    )
    .addOption(
      new Option("--instruction-limit <count>", "guest instructions without an exit after which to give up")
        .argParser((text) => parseLimit("instruction limit", text))
        .default(Number.POSITIVE_INFINITY, "none"),
    )
    .option("--json", "print the result as one JSON object instead of the output")
    .option(
      "--stats",
      "tell when the guest has ended what it took: time, exits, instructions by tier, what was compiled and what could not be; on stderr, or in the JSON object",
    )
    .option("--dump-regions <file>", "write the hottest compiled code as text, guest instructions above WebAssembly")
    .option("--dump-count <count>", `regions to write there (default: ${DEFAULT_DUMP_COUNT})`, (text) =>
      parseCount("dump count", text, LARGEST_DUMP),
    );
  return addTierOptions(command, DEFAULT_TIER).action(async (file: string, flags: BootFlags) => {
    setExitCode((await boot(file, flags, terminal)).exitCode);
  });
}

async function boot(file: string, flags: BootFlags, terminal: Terminal): Promise<StopReport> {
  const tier = await chooseTier(flags, flags.kvm, DEFAULT_TIER);
  const image = readImage(file, flags.append);
  const driver = openDriver({
    name: flags.kvm,
    devicePath: "/dev/kvm",
    guestBytes: flags.memory,
    instructionLimit: flags.instructionLimit,
    trace: undefined,
    jit: tier.jit,
  });
  const dump = openDump(flags, tier);
  // The image itself may be what standard input has.
  const input = flags.input === "stdin" && file !== "-" ? openGuestInput() : undefined;
  try {
    return await runToEnd(driver, image, { flags, tier, terminal, input, dump });
  } finally {
    input?.close();
    dump?.close();
  }
}

/** What a run is told. */
interface BootRun {
  readonly flags: BootFlags;
  readonly tier: ChosenTier;
  readonly terminal: Terminal;
  readonly input: GuestInput | undefined;
  readonly dump: RegionDump | undefined;
}

async function runToEnd(
  driver: KvmDriver,
  image: Image,
  { flags, tier, terminal, input, dump }: BootRun,
): Promise<StopReport> {
  const { output, errors } = terminal;
  const kvm = driver instanceof EmulatedKvm ? driver : undefined;
  const recorder = new RunRecorder(
    kvm && {
      instructions: () => kvm.instructionsRetired,
      tiers: (instructions) => tierStatistics(kvm, tier.jit, instructions),
    },
  );
  const vm = MicroVm.create(driver, {
    image,
    memory: [{ slot: 0, guestAddress: 0, size: flags.memory }],
    console: "serial",
    debugExitPort: DEBUG_EXIT_PORT,
    ...(input === undefined ? {} : { input: input.next }),
    ...(flags.json === true || flags.serial === "none" ? {} : { onOutput: (piece) => output.write(piece) }),
    ...(flags.stats === true ? { onExit: (exit) => recorder.count(exit.reason) } : {}),
  });
  try {
    recorder.start();
    const result = vm.run({ exitLimit: flags.exitLimit });
    const statistics = flags.stats === true ? recorder.finish() : undefined;
    const report = describeStop(vm, result, flags);
    if (flags.json === true) {
      writeJson(output, {
        ...resultJson(result, report),
        ...(tier.tier === undefined ? {} : { tier: tier.tier }),
        ...(statistics === undefined ? {} : { statistics }),
      });
    } else {
      const label = errors.colors.red("likex:");
      if (report.message !== undefined) errors.write(`${label} ${report.message}\n`);
      if (statistics !== undefined) errors.write(`${describeStatistics(statistics).join("\n")}\n`);
    }
    if (kvm !== undefined) await dump?.write(kvm);
    return report;
  } finally {
    vm.dispose();
  }
}

/** @throws UsageError for a file that is neither kind, CliError for one that cannot be read. */
function readImage(file: string, append: string | undefined): Image {
  const bytes = readProgramFile(file, LARGEST_IMAGE, {
    message: `${LARGEST_IMAGE} bytes, which is no kernel. Give a smaller file.`,
    exitCode: EXIT_CODE.imageOutsideMemory,
  });
  if (hasMultibootHeader(bytes)) {
    return { format: "multiboot", bytes, ...(append === undefined ? {} : { commandLine: append }) };
  }
  if (!isElf(bytes)) {
    throw new UsageError(
      `${file} has neither a multiboot header nor that of an ELF file. Use likex run for a flat binary.`,
    );
  }
  if (append !== undefined) {
    throw new UsageError(`${file} has no multiboot header, so it gets no command line. Drop --append.`);
  }
  return { format: "elf", bytes };
}
