import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GUESTS } from "../src/guests.ts";
import { assemble, hasNasm } from "../src/nasm.ts";
import { formatHex, programBytes } from "../src/program.ts";

const names = Object.values(GUESTS).map(({ name }) => name);

describe("guest programs", () => {
  it("have a source, bytes and a machine each", () => {
    const files = readdirSync(new URL("../programs", import.meta.url)).sort();
    expect(files).toEqual(names.flatMap((name) => [`${name}.asm`, `${name}.hex`]).sort());
  });

  it.skipIf(!hasNasm()).each(names)(
    "%s.hex is what nasm makes of %s.asm (skipped where nasm is not installed)",
    (name) => {
      expect(formatHex(programBytes(name))).toBe(formatHex(assemble(name)));
    },
  );
});
