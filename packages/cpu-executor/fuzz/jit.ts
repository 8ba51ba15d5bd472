import { parseArgs } from "node:util";
import { runLockstep } from "../test/support/lockstep.ts";
import { Random } from "../test/support/random.ts";
import { compareForm, randomForm } from "../test/support/region-form.ts";

const USAGE = `Runs random programs on two processors, one that interprets and one that compiles, with the same random budgets, and
compares registers, flags, x87 and vector state, memory, instruction counts and stops after each. Of each seed there is also one
vector or x87 instruction from many states at the borders of floating point.

  pnpm fuzz jit [--seconds N] [--seed N]

  --seconds N   how long (default 10)
  --seed N      first seed (default: from the clock); a failure prints the seed that repeats it at once

Exits 0 if nothing differs, 1 otherwise.`;

const FORM_STATES = 40;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 0x7fff_ffff) },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(USAGE);
else {
  const first = Number(values.seed);
  const end = performance.now() + Number(values.seconds) * 1000;
  let seed = first;
  let instructions = 0;
  let regions = 0;
  /** What one seed shows; that it throws, too: no guest may make a processor do that. */
  const differenceOf = (of: number): string | undefined => {
    try {
      const result = runLockstep(new Random(BigInt(of)));
      instructions += result.instructions;
      regions += result.regions;
      const random = new Random(BigInt(of));
      return result.difference ?? compareForm(randomForm(random), random, FORM_STATES).difference;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  };
  for (; seed === first || performance.now() < end; seed++) {
    const difference = differenceOf(seed);
    if (difference === undefined) continue;
    console.error(`seed ${seed}: ${difference}\nrepeat it with: pnpm fuzz jit --seconds 0 --seed ${seed}`);
    process.exitCode = 1;
    break;
  }
  const counts = `${instructions} instructions, ${regions} regions`;
  console.log(
    `${seed - first + (process.exitCode === 1 ? 1 : 0)} programs from seed ${first} on, ${counts}, ${process.exitCode === 1 ? "1 differs" : "none differs"}`,
  );
}
