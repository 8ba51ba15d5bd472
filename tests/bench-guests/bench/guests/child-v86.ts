// Runs one guest in v86: node child-v86.ts IMAGE N jit|interpreter.
import { Stopwatch } from "./measurement.ts";
import { printAndExit, startV86 } from "./v86.ts";

const [image = "", n = "1", tier = "jit"] = process.argv.slice(2);
const stopwatch = new Stopwatch();
startV86({ image, n: Number(n), hasJit: tier === "jit" }, (line) => {
  stopwatch.line(line);
  if (stopwatch.run !== undefined) printAndExit(stopwatch.run);
});
