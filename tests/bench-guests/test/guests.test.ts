import { readFileSync } from "node:fs";
import { createJit } from "@likex/cpu-executor/jit";
import { afterAll, describe, expect, it } from "vitest";
import { GuestBuilder, guestsMissing } from "../src/build.ts";
import { GUESTS, type GuestSpec, SHORT_PROGRAMS } from "../src/catalogue.ts";
import { type GuestRun, runInMicroVm } from "../src/microvm.ts";

const missing = guestsMissing();
const timeout = 60_000;
/** More than any of them executes between two exits at quick n. */
const INSTRUCTION_LIMIT = 200_000_000;
/** The least work too is compiled. */
const SOON = { threshold: 20, batch: 2, shortest: 1, delay: 0 };

describe.skipIf(missing !== undefined)(`benchmark guests (${missing ?? "built with gcc"})`, () => {
  const builder = new GuestBuilder();
  afterAll(() => builder.dispose());

  describe.each(GUESTS.map((guest) => [guest.name, guest] as const))("%s", (name, guest) => {
    const { n, sum } = guest.least;
    const run = (file: string, jit?: GuestRun["jit"]): unknown => {
      const lines: string[] = [];
      let instructions = 0;
      const result = runInMicroVm({
        image: readFileSync(file),
        n,
        jit,
        instructionLimit: INSTRUCTION_LIMIT,
        onLine: (line, until) => {
          lines.push(line);
          instructions = until;
        },
      });
      return { reason: result.reason, code: "code" in result ? result.code : undefined, lines, instructions };
    };
    const expected = {
      reason: "debugExit",
      code: 1,
      lines: [`start ${name} n=${n}`, `done ${name} sum=${sum}`],
    };

    it("prints its checksum in protected mode, after as many instructions when compiled", { timeout }, () => {
      const image = builder.build(guest, 32);
      const interpreted = run(image);
      expect(interpreted).toMatchObject(expected);
      expect(run(image, createJit(SOON))).toEqual(interpreted);
    });

    it("prints its checksum in long mode too, from a file with 32- or 64-bit addresses", { timeout }, () => {
      const image = builder.build(guest, 64);
      const interpreted = run(image);
      expect(interpreted).toMatchObject(expected);
      expect(run(image, createJit(SOON))).toEqual(interpreted);
      if (name === "smc") expect(run(`${image}64`)).toEqual(interpreted);
    });
  });

  it("tells its rounds when it is built to", { timeout }, () => {
    const calls = GUESTS.find(({ name }) => name === "calls") as GuestSpec;
    const lines: string[] = [];
    const image = readFileSync(builder.buildWithRounds(calls, 32));
    runInMicroVm({ image, n: 3, instructionLimit: INSTRUCTION_LIMIT, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(["start calls n=3", "round", "round", "round", expect.stringMatching(/^done calls sum=/)]);
  });

  it.each(SHORT_PROGRAMS.map((program) => [program.guest.name, program] as const))(
    "%s executes ten million instructions as a short program",
    { timeout },
    (name, { guest, work: { n, sum } }) => {
      for (const bits of [32, 64] as const) {
        const image = readFileSync(builder.build({ ...guest, name: `${name}-short` }, bits));
        const counts: number[] = [];
        const lines: string[] = [];
        const onLine = (line: string, instructions: number): void => {
          lines.push(line);
          counts.push(instructions);
        };
        runInMicroVm({ image, n, instructionLimit: INSTRUCTION_LIMIT, onLine });
        expect(lines).toEqual([`start ${name} n=${n}`, `done ${name} sum=${sum}`]);
        const [start = 0, done = 0] = counts;
        expect(Math.round((done - start) / 1e6)).toBeGreaterThanOrEqual(9);
        expect(Math.round((done - start) / 1e6)).toBeLessThanOrEqual(11);
      }
    },
  );
});
