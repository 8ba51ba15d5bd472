import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { failed, type Run } from "./measurement.ts";

const QEMU = "qemu-system-x86_64";
const TIMEOUT_SECONDS = 600;
const CLOCK_TICKS = 100;

/** Why there is no QEMU here, or undefined. */
export const qemuMissing = (): string | undefined =>
  spawnSync(QEMU, ["--version"]).status === 0 ? undefined : `no ${QEMU} (Debian: qemu-system-x86)`;

/**
 * CPU seconds of a process of ours, all its threads. The scheduler counts nanoseconds for each (schedstat's first number,
 * where the kernel has it); fields 14 and 15 of proc_pid_stat(5) are clock ticks, as long as some guests run.
 */
function cpuSecondsOf(pid: number): number {
  if (existsSync(`/proc/${pid}/schedstat`)) {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce(
      (sum, id) => sum + Number.parseInt(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8"), 10) / 1e9,
      0,
    );
  }
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** Without the debug-exit device the guest halts for ever after its last line, so that its CPU time can be read. */
export function runQemu(image: string, n: number): Promise<Run> {
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
