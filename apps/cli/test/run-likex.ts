import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "likex-cli-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** What a run of the command left. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: Uint8Array;
  /** Leaves standard input open and silent. */
  readonly keepsStdinOpen?: true;
  /** Called with the process when its first output arrives. */
  readonly onOutput?: (child: ReturnType<typeof spawn>) => void;
}

/** The command line that runs `likex` from source, in this repository. */
export const command = (...args: readonly string[]): readonly string[] => [
  process.execPath,
  ...["--import", "tsx", "--conditions=@likex/source", MAIN],
  ...args,
];

/** Runs a shell command at a terminal of its own (script(1)); types `keys` when it has printed `prompt`. Returns what was shown. */
export function inTerminal(shellCommand: string, prompt: string, keys: string): Promise<string> {
  const child = spawn("script", ["-qec", shellCommand, "/dev/null"], {
    cwd: ROOT,
    env: { ...process.env, SHELL: "/bin/sh" },
    timeout: 60_000,
  });
  let shown = "";
  let typed = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    if (typed || !shown.includes(prompt)) return;
    typed = true;
    child.stdin.write(keys);
  });
  return new Promise((resolve) => {
    child.on("close", () => resolve(shown));
  });
}

/** Runs `likex` from source in a process of its own. */
export function likex(
  args: readonly string[],
  { stdin, keepsStdinOpen, onOutput }: RunOptions = {},
): Promise<Finished> {
  const [program = "", ...rest] = command(...args);
  const child = spawn(program, rest, { cwd: ROOT, timeout: 60_000 });
  const streams = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      streams[name] += text;
    });
  }
  if (onOutput !== undefined) child.stdout.once("data", () => onOutput(child));
  if (keepsStdinOpen === undefined) child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, ...streams }));
  });
}

let files = 0;

/** Path of a new file that is removed after the tests. */
export function scratchFile(name: string): string {
  files += 1;
  return join(scratch, `${files}-${name}`);
}

/** A file with these bytes, written in hexadecimal. */
export function programFile(hex: string): string {
  const path = scratchFile("program.bin");
  writeFileSync(path, Buffer.from(hex.replaceAll(" ", ""), "hex"));
  return path;
}
