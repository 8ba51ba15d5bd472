import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runWatched } from "../src/watched.ts";

const USAGE = `Runs random guests: in any mode and in states that are none, with random paging structures, descriptors, EPT entries,
interception and events from outside, on the processor with its MMU and, one of four, through KVM's system calls. No guest may
throw, exceed its budget, hang, or change host memory that is not its own; another processor beside it must compute what it
always does; its state must survive moving to another processor; and it must end alike when its budget comes in pieces.

  pnpm fuzz cpu [--seconds N] [--seed N] [--log]

  --seconds N   how long (default 10)
  --seed N      first seed (default: from the clock); a failure prints its seed, and --seconds 0 --seed N repeats it
  --log         tell of every step of every attempt

Exits 0 if nothing is wrong, 1 otherwise.`;

/** An attempt takes some milliseconds. */
const LIMIT_MILLISECONDS = 60_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 0x7fff_ffff) },
    log: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds >= 0 && Number.isSafeInteger(seed) && seed >= 0)) {
    console.error(`fuzz cpu: --seconds ${values.seconds} --seed ${values.seed}: numbers from 0 on are wanted`);
    return 2;
  }
  const worker = fileURLToPath(new URL("../src/worker.ts", import.meta.url));
  const args = [String(seed), String(seconds), values.log ? "log" : "quiet"];
  const { exitCode, problem } = await runWatched(worker, args, LIMIT_MILLISECONDS);
  if (problem !== undefined) console.error(problem);
  return exitCode === 0 ? 0 : 1;
}

process.exitCode = await main();
