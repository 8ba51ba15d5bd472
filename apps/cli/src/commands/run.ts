import type { TraceEvent } from "@likex/kvm";
import { renderJson, renderLog } from "@likex/kvm/trace";
import { MicroVm } from "@likex/vmm-runner";
import { type Command, Option } from "commander";
import { collect, createCommand, writeJson } from "../command.ts";
import { openDriver } from "../drivers.ts";
import { parseAddress, parseLimit, parseSize } from "../input/numbers.ts";
import { parseRegister } from "../input/registers.ts";
import { parseSlot } from "../input/slots.ts";
import type { OutputStream, Terminal } from "../terminal.ts";
import { addTierOptions, chooseTier, TIER_EXPLANATION, type Tier } from "../tier.ts";
import { resultJson } from "./result-json.ts";
import {
  checkFlags,
  memorySlots,
  programBytes,
  type RunFlags,
  registerValues,
  type TraceFormat,
} from "./run-options.ts";
import { describeStop, type StopReport } from "./stop-report.ts";

const EXIT_LIMIT = 1_000_000;
const INSTRUCTION_LIMIT = 1_000_000_000;
/** A program that ends soon ends before the compiler is loaded. */
const DEFAULT_TIER: Tier = "interpreter";

const EXAMPLES = [
  ["likex run", "the built-in program: adds rax and rbx, prints the digit"],
  ["likex run --reg rax=3 --trace log", "with another register, and every step on stderr"],
  ["likex run hello.bin --console serial", "a flat binary; prints the bytes it writes to port 0x3f8"],
  ["likex run boot.bin --load-address 0x7c00 --memory 1M", "somewhere else, with more memory"],
  ["likex run a.bin --slot 0=0:64K --slot 1=0x100000:4K:ro", "two memory slots, one of them read-only"],
  ["likex run a.bin --personality kvm --kvm host", "on this machine's /dev/kvm"],
  ["likex run long.bin --tier auto", "compiling what runs often, for a program that runs for more than a second"],
  ["cat a.bin | likex run - --json | jq .registers.rax", "from standard input, the result for a program"],
] as const;

const EXPLANATION = `
The guest starts in 16-bit real-address mode. Its output goes to stdout, trace and messages to stderr.
Numbers are decimal, or 0x, 0o, 0b; sizes take K, M or G; limits take "none".
The exit code says how the guest ended: 0 for HLT, see likex help exit-codes.
${TIER_EXPLANATION}`;

/** `likex run [FILE]`; `setExitCode` is told how the guest ended. */
export function runCommand(terminal: Terminal, setExitCode: (code: number) => void): Command {
  const command = createCommand("run", EXAMPLES)
    .summary("run a program in a virtual machine")
    .description(`Runs a flat binary in a virtual machine with one processor until it halts.\n${EXPLANATION}`)
    .argument("[FILE]", 'flat binary, "-" for standard input; without it the built-in program, with rax=2 and rbx=2')
    .option("-l, --load-address <address>", "guest-physical address of the first byte (default: 0)", (text) =>
      parseAddress("load address", text),
    )
    .option(
      "-e, --entry <address>",
      "guest-physical address of the first instruction (default: the load address)",
      (text) => parseAddress("entry", text),
    )
    .option(
      "-r, --reg <name=value>",
      "initial register: rax..r15, rip, rflags, cs, cs.base, cr0, ...; repeatable",
      collect(parseRegister),
    )
    .option("-m, --memory <size>", "memory slot 0, at address 0 (default: 64K, built-in program 4K)", (text) =>
      parseSize("memory size", text),
    )
    .option("-s, --slot <id=address:size[:ro]>", "a memory slot; repeatable", collect(parseSlot))
    .addOption(
      new Option("-p, --personality <device>", "/dev/kvm or /dev/rust_kvm (LiKeX)")
        .choices(["kvm", "rust_kvm"])
        .default("rust_kvm"),
    )
    .addOption(
      new Option(
        "-c, --console <kind>",
        'likex: "exit io:" and each byte written to a port; serial: bytes written to 0x3f8 (default: by personality, likex for rust_kvm)',
      ).choices(["likex", "serial", "none"]),
    )
    .addOption(new Option("-k, --kvm <driver>", "who runs the guest").choices(["emulated", "host"]).default("emulated"))
    .addOption(
      new Option("-t, --trace <format>", "what happens below the system calls, on stderr").choices(["log", "json"]),
    )
    .option(
      "--exit-limit <count>",
      "exits to the VMM after which to give up",
      (text) => parseLimit("exit limit", text),
      EXIT_LIMIT,
    )
    .option(
      "--instruction-limit <count>",
      "guest instructions without an exit after which to give up",
      (text) => parseLimit("instruction limit", text),
      INSTRUCTION_LIMIT,
    )
    .option("--json", "print the result as one JSON object instead of the output");
  return addTierOptions(command, DEFAULT_TIER).action(async (file: string | undefined, flags: RunFlags) => {
    setExitCode((await run(file, flags, terminal)).exitCode);
  });
}

async function run(file: string | undefined, flags: RunFlags, { output, errors }: Terminal): Promise<StopReport> {
  checkFlags(flags);
  const { tier, jit } = await chooseTier(flags, flags.kvm, DEFAULT_TIER);
  const hasFile = file !== undefined;
  const memory = memorySlots(flags, hasFile);
  const guestBytes = memory.reduce((sum, { size }) => sum + size, 0);
  const bytes = programBytes(file, guestBytes);
  const driver = openDriver({
    name: flags.kvm,
    devicePath: flags.personality === "kvm" ? "/dev/kvm" : "/dev/rust_kvm",
    guestBytes,
    instructionLimit: flags.instructionLimit,
    trace: flags.trace === undefined ? undefined : traceTo(errors, flags.trace),
    jit,
  });
  const { loadAddress, entry, console, personality, exitLimit, json } = flags;
  const vm = MicroVm.create(driver, {
    image: {
      bytes,
      ...(loadAddress === undefined ? {} : { loadAddress }),
      ...(entry === undefined ? {} : { entry }),
    },
    personality,
    memory,
    registers: registerValues(flags, hasFile),
    ...(console === undefined ? {} : { console }),
    ...(json === true ? {} : { onOutput: (piece) => output.write(piece) }),
  });
  try {
    const result = vm.run({ exitLimit });
    const report = describeStop(vm, result, flags);
    if (json === true) writeJson(output, { ...resultJson(result, report), ...(tier === undefined ? {} : { tier }) });
    else if (report.message !== undefined) errors.write(`${errors.colors.red("likex:")} ${report.message}\n`);
    return report;
  } finally {
    vm.dispose();
  }
}

function traceTo(stream: OutputStream, format: TraceFormat): (event: TraceEvent) => void {
  const { dim } = stream.colors;
  const render = format === "log" ? renderLog : (event: TraceEvent) => [renderJson(event)];
  return (event) => {
    for (const line of render(event)) stream.write(`${dim(line)}\n`);
  };
}
