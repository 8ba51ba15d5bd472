import { readFileSync } from "node:fs";
import { EmulatedKvm } from "@likex/kvm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { play } from "../src/player.ts";
import { RUST_KVM_CASES } from "../src/rust-kvm/cases.ts";
import type { Answers } from "../src/steps.ts";

const expected = JSON.parse(readFileSync(new URL("../src/rust-kvm/expected.json", import.meta.url), "utf8")) as Answers;

describe("the emulated /dev/rust_kvm answers as expected", () => {
  let driver: EmulatedKvm;
  beforeAll(() => {
    driver = EmulatedKvm.create({ memoryBytes: 1 << 25, instructionsPerRun: 1_000_000 });
  });
  afterAll(() => driver.dispose());

  it.each(RUST_KVM_CASES)("$name", (one) => {
    expect(play(driver, one)).toEqual(expected[one.name]);
  });

  it("in no case that is not played", () => {
    expect(Object.keys(expected)).toEqual(RUST_KVM_CASES.map(({ name }) => name));
  });
});
