import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** One figure, and the same of the machine's own KVM where it has one. */
export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: "us" | "exits/s" | "bytes";
  readonly theirs: number | undefined;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of live JavaScript objects and of buffers outside the heap. */
export function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Bytes that this process and the kernel take: all that is in use on the machine, but the page cache and what other
 * processes have allocated.
 */
export function kernelAndOwnBytes(): number {
  collectGarbage();
  const kilobytes = (file: string, name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(file, "utf8"));
    return Number(found?.[1]);
  };
  const machine = (name: string): number => kilobytes("/proc/meminfo", name);
  const others = ["MemFree", "Buffers", "Cached", "AnonPages"].reduce((sum, name) => sum + machine(name), 0);
  return (machine("MemTotal") - others + kilobytes("/proc/self/status", "RssAnon")) * 1024;
}

/** Our time or bytes over theirs: below 1 we are faster or smaller. */
function ratio({ value, unit, theirs }: Result): number | undefined {
  if (theirs === undefined) return undefined;
  return unit === "exits/s" ? theirs / value : value / theirs;
}

/** Prints a table, or one JSON object. */
export function report(name: string, results: readonly Result[], skipped: readonly string[], json: boolean): void {
  if (json) {
    const plain = results.map((result) => {
      const { name: called, value, unit } = result;
      const over = ratio(result);
      return over === undefined
        ? { name: called, value, unit }
        : { name: called, value, unit, peer: "kvm", ratio: over };
    });
    console.log(JSON.stringify({ name, ok: true, skipped, results: plain }));
    return;
  }
  const shown = (value: number | undefined): string =>
    value === undefined ? "-" : value.toLocaleString("en", { maximumFractionDigits: value < 1000 ? 1 : 0 });
  console.log(`${"".padEnd(20)}${"ours".padStart(14)}${"/dev/kvm".padStart(14)}${"ratio".padStart(9)}  unit`);
  for (const result of results) {
    const over = ratio(result);
    const columns = [shown(result.value).padStart(14), shown(result.theirs).padStart(14)].join("");
    console.log(`${result.name.padEnd(20)}${columns}${(over?.toFixed(3) ?? "-").padStart(9)}  ${result.unit}`);
  }
  for (const line of skipped) console.log(line);
}
