// Runs one guest that tells its rounds in v86 with its JIT: node child-v86.ts IMAGE N.
import { printAndExit, startV86 } from "../guests/v86.ts";
import { RoundClock } from "./rounds.ts";

const [image = "", n = "1"] = process.argv.slice(2);
const clock = new RoundClock();
startV86({ image, n: Number(n), hasJit: true }, (line) => {
  clock.line(line);
  if (clock.isDone) printAndExit(clock.report());
});
