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
  /** Called with the process when its first output arrives. */
  readonly onOutput?: (child: ReturnType<typeof spawn>) => void;
}

/** Runs `likex` from source in a process of its own. */
export function likex(args: readonly string[], { stdin, onOutput }: RunOptions = {}): Promise<Finished> {
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=@likex/source", MAIN, ...args], {
    cwd: ROOT,
    timeout: 60_000,
  });
  const streams = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      streams[name] += text;
    });
  }
  if (onOutput !== undefined) child.stdout.once("data", () => onOutput(child));
  child.stdin.end(stdin);
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
