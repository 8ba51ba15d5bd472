import { writeSync } from "node:fs";
import { attempt } from "./attempt.ts";
import { SEED_PIPE } from "./watched.ts";

/**
 * Makes attempts until the time is over: worker.ts FIRST_SEED SECONDS LOG. Before each it writes its seed to SEED_PIPE, so that
 * whoever watches this process knows which attempt hangs or ends the process. Exits 1 at the first that finds something.
 */
function main([firstSeed, seconds, log]: readonly string[]): number {
  const [first, stop] = [Number(firstSeed), performance.now() + Number(seconds) * 1000];
  let attempts = 0;
  do {
    const seed = first + attempts;
    writeSync(SEED_PIPE, `${seed}\n`);
    try {
      const problem = attempt(seed, log === "log" ? console.log : undefined);
      if (problem !== undefined) {
        console.error(`seed ${seed}: ${problem}`);
        return 1;
      }
    } catch (error) {
      console.error(`seed ${seed}: threw`, error);
      return 1;
    }
    attempts++;
  } while (performance.now() < stop);
  console.log(`${attempts} attempts from seed ${first} on, nothing wrong`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
