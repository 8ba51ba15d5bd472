// Runs one guest as `likex boot` does: node child-likex.ts IMAGE N auto|interpreter. A process of its own, so that each run is
// cold.
import { readFileSync } from "node:fs";
import { runInMicroVm } from "../../src/microvm.ts";
import { type LikexRun, Stopwatch } from "./measurement.ts";

const [image = "", n = "1", tier = "auto"] = process.argv.slice(2);
const stopwatch = new Stopwatch();
// Loaded when it is needed, as likex boot does.
const jit = tier === "auto" ? (await import("@likex/cpu-executor/jit")).createJit() : undefined;
let residentBytes = 0;
let compiled = { bytes: 0, regions: 0, modules: 0 };
const result = runInMicroVm({
  image: readFileSync(image),
  n: Number(n),
  jit,
  onLine: (line, instructions) => {
    stopwatch.line(line, instructions);
    residentBytes = process.memoryUsage.rss();
  },
  onEnd: ({ hostMemory }) => {
    if (jit !== undefined) compiled = jit.statistics(hostMemory);
  },
});
const report: LikexRun = {
  ...stopwatch.report(`${result.reason} at 0x${result.rip.toString(16)}`),
  residentBytes,
  peakResidentBytes: process.resourceUsage().maxRSS * 1024,
  compiled,
};
console.log(JSON.stringify(report));
