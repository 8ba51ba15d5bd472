// Runs one guest as `likex boot` does: node child-likex.ts IMAGE N. A process of its own, so that each run is cold.
import { readFileSync } from "node:fs";
import { runInMicroVm } from "../../src/microvm.ts";
import { Stopwatch } from "./measurement.ts";

const [image = "", n = "1"] = process.argv.slice(2);
const stopwatch = new Stopwatch();
const result = runInMicroVm(readFileSync(image), Number(n), (line, instructions) => stopwatch.line(line, instructions));
console.log(JSON.stringify(stopwatch.report(`${result.reason} at 0x${result.rip.toString(16)}`)));
