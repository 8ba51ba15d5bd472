import { describe, expect, it } from "vitest";
import { attempt } from "../src/attempt.ts";
import { createScenario } from "../src/scenario.ts";

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed);

describe("a random guest", () => {
  it("follows from its seed alone", () => {
    expect(createScenario(5)).toEqual(createScenario(5));
    expect(createScenario(5)).not.toEqual(createScenario(6));
  });

  it.each(SEEDS)(
    "is nothing that the processor or the hypervisor cannot stand (seed %i)",
    (seed) => {
      expect(attempt(seed)).toBeUndefined();
    },
    60_000,
  );
});
