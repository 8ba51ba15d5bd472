import { describe, expect, it } from "vitest";
import { runLockstep } from "./support/lockstep.ts";
import { Random } from "./support/random.ts";

const GROUPS = Array.from({ length: 15 }, (_, i) => 1 + i * 10);

/** The oracle is the interpreter, whose instructions are compared with a processor's elsewhere. `pnpm fuzz jit` runs more. */
describe("compiled regions", () => {
  it.each(GROUPS)(
    "leave the interpreter's state after every budget, in ten random programs from seed %i on",
    (first) => {
      let regions = 0;
      for (let seed = first; seed < first + 10; seed++) {
        const result = runLockstep(new Random(BigInt(seed)));
        expect(result.difference, `seed ${seed}`).toBeUndefined();
        regions += result.regions;
      }
      // Otherwise nothing has been tested.
      expect(regions).toBeGreaterThan(0);
    },
  );

  it.each([421871235, 2000175, 900018231])("do so where a program only writes to itself (seed %i)", (seed) => {
    expect(runLockstep(new Random(BigInt(seed))).difference).toBeUndefined();
  });
});
