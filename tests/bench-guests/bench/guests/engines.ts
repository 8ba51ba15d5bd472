import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Bits } from "../../src/catalogue.ts";
import type { Run, RunReport } from "./measurement.ts";

/** What runs guests. */
export interface Engine {
  readonly name: "likex" | "v86-interpreter" | "qemu-tcg";
  readonly bits: readonly Bits[];
  /** Why it cannot run here, or undefined. */
  missing(): string | undefined;
  run(image: string, n: number): Promise<Run>;
}

const TIMEOUT_SECONDS = 600;
const failed = (problem: string): Run => ({ sum: undefined, problem, cpu: Number.NaN, wall: Number.NaN });

/**
 * Runs a script that prints a RunReport. It finds the packages as npm would give them, built: sources that are translated
 * at load take up to 1.4 times as long in code that exits often.
 */
function runChild(script: URL, image: string, n: number): Promise<Run> {
  const file = fileURLToPath(script);
  const args = ["--import", "tsx", file, image, String(n)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_SECONDS * 1000 });
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
      if (report !== undefined) resolve(JSON.parse(report) as RunReport);
      else resolve(failed(`ended with ${signal ?? code}: ${errors.trim().split("\n").at(-1) ?? ""}`));
    });
  });
}

const CLOCK_TICKS = 100;

/** CPU seconds of a process of ours, all its threads: fields 14 and 15 of proc_pid_stat(5), in clock ticks. */
function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

const QEMU = "qemu-system-x86_64";

/** Without the debug-exit device the guest halts for ever after its last line, so that its CPU time can be read. */
function runQemu(image: string, n: number): Promise<Run> {
  const machine = ["-accel", "tcg,thread=single", "-display", "none", "-nodefaults", "-no-reboot", "-m", "128"];
  const child = spawn(QEMU, [...machine, "-serial", "stdio", "-append", `n=${n}`, "-kernel", image], {
    stdio: ["ignore", "pipe", "ignore"],
    timeout: TIMEOUT_SECONDS * 1000,
  });
  let text = "";
  let start: { readonly cpu: number; readonly wall: number } | undefined;
  let run: Run | undefined;
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    const { pid } = child;
    if (pid === undefined || run !== undefined) return;
    text += piece;
    if (start === undefined && text.includes("start ") && text.includes("\n")) {
      start = { cpu: cpuSecondsOf(pid), wall: performance.now() };
    }
    const sum = /done \w+ sum=([0-9a-f]{8})\n/.exec(text)?.[1];
    if (sum === undefined || start === undefined) return;
    run = { sum, cpu: cpuSecondsOf(pid) - start.cpu, wall: (performance.now() - start.wall) / 1000 };
    child.kill("SIGKILL");
  });
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(failed(error.message)));
    child.on("close", (code, signal) => resolve(run ?? failed(`ended with ${signal ?? code}`)));
  });
}

export const ENGINES: readonly Engine[] = [
  {
    name: "likex",
    bits: [32, 64],
    missing: () => undefined,
    run: (image, n) => runChild(new URL("./child-likex.ts", import.meta.url), image, n),
  },
  {
    name: "v86-interpreter",
    bits: [32],
    missing: () => undefined,
    run: (image, n) => runChild(new URL("./child-v86.ts", import.meta.url), image, n),
  },
  {
    name: "qemu-tcg",
    bits: [32, 64],
    missing: () => (spawnSync(QEMU, ["--version"]).status === 0 ? undefined : `no ${QEMU} (Debian: qemu-system-x86)`),
    run: runQemu,
  },
];
