import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

/** The file descriptor that a watched process writes its seeds to, one a line. */
export const SEED_PIPE = 3;

const POLL_MILLISECONDS = 250;

export interface WatchedEnd {
  /** What it returned, or -1 when it was ended: by `limit`, or by itself with a signal. */
  readonly exitCode: number;
  /** For an end that it did not tell of itself. */
  readonly problem: string | undefined;
}

/**
 * Runs a module in a process of its own with this process's Node options, and ends it when it has written no new seed for `limit`
 * milliseconds. A hang or an abort cannot be told by the process that suffers it.
 */
export function runWatched(module: string, args: readonly string[], limit: number): Promise<WatchedEnd> {
  const child = spawn(process.execPath, [...process.execArgv, module, ...args], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  let seed = "none";
  let since = performance.now();
  let isHung = false;
  (child.stdio[SEED_PIPE] as Readable).setEncoding("utf8").on("data", (text: string) => {
    seed = text.trimEnd().split("\n").at(-1) ?? seed;
    since = performance.now();
  });
  const timer = setInterval(() => {
    if (performance.now() - since < limit) return;
    isHung = true;
    child.kill("SIGKILL");
  }, POLL_MILLISECONDS);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(timer);
      if (isHung) resolve({ exitCode: -1, problem: `seed ${seed}: still running after ${limit / 1000} s` });
      else if (code === null) resolve({ exitCode: -1, problem: `seed ${seed}: the process ended with ${signal}` });
      else resolve({ exitCode: code, problem: code > 1 ? `seed ${seed}: the process ended with ${code}` : undefined });
    });
  });
}
