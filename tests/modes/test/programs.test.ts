import { describe, expect, it } from "vitest";
import { assemble, formatImage, hasNasm, imageOf, PROGRAMS } from "../src/programs.ts";

describe("the programs that check modes", () => {
  it.skipIf(!hasNasm()).each(Object.keys(PROGRAMS))(
    "%s is what nasm makes of its source (skipped where nasm is not installed)",
    (name) => {
      expect(formatImage(imageOf(name))).toBe(formatImage(assemble(name)));
    },
  );
});
