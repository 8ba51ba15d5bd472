import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { bootCommand } from "./commands/boot.ts";
import { disasmCommand } from "./commands/disasm.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { exitCodesCommand } from "./commands/exit-codes.ts";
import { runCommand } from "./commands/run.ts";
import { describeError } from "./describe-error.ts";
import { EXIT_CODE } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

const HELP = `
Examples:
  $ likex run                # run the built-in program
  $ likex run hello.bin      # run a flat binary
  $ likex boot kernel.elf    # boot a multiboot kernel
  $ likex run --trace log    # show every step below the system calls
  $ likex disasm hello.bin   # list its instructions
  $ likex doctor             # show what this machine offers
  $ likex help run           # options and examples of a command
  $ likex help exit-codes    # what the exit codes say`;

function version(): string {
  const manifest: unknown = createRequire(import.meta.url)("@likex/cli/package.json");
  return (manifest as { version: string }).version;
}

/** Runs the command line (without `node` and the script) and returns the exit code. Nothing is thrown. */
export async function likex(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT_CODE.ok;
  const setExitCode = (code: number): void => {
    exitCode = code;
  };
  const program = new Command("likex")
    .description("A light, KVM-compatible hypervisor that brings its own processor.")
    .version(version(), "-V, --version")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", HELP);
  const commands = [
    runCommand(terminal, setExitCode),
    bootCommand(terminal, setExitCode),
    disasmCommand(terminal),
    doctorCommand(terminal, setExitCode),
    exitCodesCommand(terminal),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.output.write(text),
      writeErr: (text) => terminal.errors.write(text),
      outputError: (text, write) =>
        write(text.replace(/^error: (.)/, (_, first: string) => `${label(terminal)} ${first.toUpperCase()}`)),
    });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error, terminal);
  }
}

const label = ({ errors }: Terminal): string => errors.colors.red("likex:");

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
  const known = describeError(error);
  if (known?.exitCode === EXIT_CODE.brokenPipe) return known.exitCode;
  const message = known?.message ?? `This is a bug in likex: ${error instanceof Error ? error.message : String(error)}`;
  terminal.errors.write(`${label(terminal)} ${message}\n`);
  return known?.exitCode ?? EXIT_CODE.likexFailed;
}
