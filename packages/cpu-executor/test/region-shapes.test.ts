import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { regionShapeLines } from "./support/region-shapes.ts";

const FILE = new URL("data/region-shapes.txt", import.meta.url);

/** `pnpm --filter @likex/cpu-executor regions --write` writes the list: a change of it is a change of what regions are. */
describe("what regions make of each shape of the instruction table", () => {
  it("is what the committed list says: WebAssembly instructions, or why it is left to the interpreter", () => {
    expect(regionShapeLines()).toEqual(readFileSync(FILE, "utf8").trimEnd().split("\n"));
  });
});
