import { Command } from "commander";
import type { OutputStream } from "./terminal.ts";

/** A subcommand whose errors `main` reports, with its examples after the options of its `--help`. */
export function createCommand(
  name: string,
  examples: readonly (readonly [command: string, effect: string])[],
): Command {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, effect]) => `  $ ${command.padEnd(width)}  # ${effect}`);
  return new Command(name)
    .showHelpAfterError("(--help shows the options and examples)")
    .addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** An option that may be given several times. */
export function collect<T>(
  parse: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before = []) => [...before, parse(text)];
}

/** Prints an object for programs to read; bigints, which JSON lacks, are strings in hexadecimal. */
export function writeJson(stream: OutputStream, value: object): void {
  const text = JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === "bigint" ? `0x${item.toString(16)}` : item),
    2,
  );
  stream.write(`${text}\n`);
}
