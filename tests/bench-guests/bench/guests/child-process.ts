import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const TIMEOUT_SECONDS = 600;

/** What a child process printed, or why there is nothing. */
export type ChildResult<T> =
  | { readonly report: T; readonly problem?: undefined }
  | { readonly report?: undefined; readonly problem: string };

/**
 * Runs a script that prints one line of JSON. It finds the packages as npm would give them, built: sources that are translated
 * at load take up to 1.4 times as long in code that exits often.
 */
export function runChild<T>(script: URL, args: readonly string[]): Promise<ChildResult<T>> {
  const child = spawn(process.execPath, ["--import", "tsx", fileURLToPath(script), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_SECONDS * 1000,
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      const report = output.split("\n").find((line) => line.startsWith("{"));
      if (report !== undefined) resolve({ report: JSON.parse(report) as T });
      else resolve({ problem: `ended with ${signal ?? code}: ${errors.trim().split("\n").at(-1) ?? ""}` });
    });
  });
}
