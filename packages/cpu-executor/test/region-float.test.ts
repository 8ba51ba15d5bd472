import { describe, expect, it } from "vitest";
import { Random } from "./support/random.ts";
import { compareForm, EXTENSION_MNEMONICS, formsNamed, seedOf } from "./support/region-form.ts";

/** States for each form, at the borders between what regions do and what they leave to the interpreter; `pnpm fuzz jit` has more. */
const STATES = 14;
/** Of some 370 mnemonics; the others are left to the interpreter (data/region-shapes.txt). */
const MOST_ARE_COMPILED = 280;

/** The oracle is the interpreter, whose instructions are compared with a processor's elsewhere. */
describe("an instruction of a region leaves the interpreter's state, at the borders of floating point:", () => {
  const compiled = new Set<string>();
  it.each(EXTENSION_MNEMONICS)("%s", (mnemonic) => {
    const random = new Random(seedOf(mnemonic));
    for (const form of formsNamed(mnemonic)) {
      const { difference, executed } = compareForm(form, random, STATES);
      expect(difference).toBeUndefined();
      if (executed > 0) compiled.add(mnemonic);
    }
  });

  it("and most of them are compiled", () => {
    expect(compiled.size).toBeGreaterThan(MOST_ARE_COMPILED);
  });
});
