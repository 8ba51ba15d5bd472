// Runs one guest that tells its rounds, with hot code compiled: node child-likex.ts IMAGE N.
import { readFileSync } from "node:fs";
import { createJit } from "@likex/cpu-executor/jit";
import { runInMicroVm } from "../../src/microvm.ts";
import { RoundClock } from "./rounds.ts";

const [image = "", n = "1"] = process.argv.slice(2);
const clock = new RoundClock();
runInMicroVm({ image: readFileSync(image), n: Number(n), jit: createJit(), onLine: (line) => clock.line(line) });
console.log(JSON.stringify(clock.report()));
