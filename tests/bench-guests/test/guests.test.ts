import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { GuestBuilder, guestsMissing } from "../src/build.ts";
import { GUESTS } from "../src/catalogue.ts";
import { runInMicroVm } from "../src/microvm.ts";

const missing = guestsMissing();
const timeout = 60_000;
/** More than any of them executes between two exits at quick n. */
const INSTRUCTION_LIMIT = 200_000_000;

describe.skipIf(missing !== undefined)(`benchmark guests (${missing ?? "built with gcc"})`, () => {
  const builder = new GuestBuilder();
  afterAll(() => builder.dispose());

  describe.each(GUESTS.map((guest) => [guest.name, guest] as const))("%s", (name, guest) => {
    const { n, sum } = guest.quick;
    const run = (file: string): unknown => {
      const lines: string[] = [];
      const result = runInMicroVm(readFileSync(file), n, (line) => lines.push(line), INSTRUCTION_LIMIT);
      return { reason: result.reason, code: "code" in result ? result.code : undefined, lines };
    };
    const expected = { reason: "debugExit", code: 1, lines: [`start ${name} n=${n}`, `done ${name} sum=${sum}`] };

    it("prints its checksum in protected mode", { timeout }, () => {
      expect(run(builder.build(guest, 32))).toEqual(expected);
    });

    it("prints its checksum in long mode, from a file with 32- or 64-bit addresses", { timeout }, () => {
      const image = builder.build(guest, 64);
      expect(run(image)).toEqual(expected);
      if (name === "smc") expect(run(`${image}64`)).toEqual(expected);
    });
  });
});
