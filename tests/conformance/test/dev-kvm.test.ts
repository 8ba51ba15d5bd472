import { EmulatedKvm } from "@likex/kvm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KVM_CASES } from "../src/cases/index.ts";
import { compare, fieldCount } from "../src/compare.ts";
import { covers, DIFFERENCES } from "../src/differences.ts";
import { play } from "../src/player.ts";
import { readRecording, reference } from "../src/reference.ts";
import type { CaseAnswers } from "../src/steps.ts";

const device = reference();
const recording = readRecording();

console.info(`conformance: the emulated /dev/kvm is compared with ${device.description}`);

describe(`the emulated /dev/kvm answers as ${device.description}`, () => {
  let driver: EmulatedKvm;
  let framesAtStart: number;
  const answers: { [name: string]: CaseAnswers } = {};
  beforeAll(() => {
    driver = EmulatedKvm.create({ memoryBytes: 1 << 26, instructionsPerRun: 1_000_000 });
    // What the driver makes once, for the first VM, stays.
    for (const one of KVM_CASES.slice(0, 5)) play(driver, one);
    framesAtStart = driver.hostMemory.framesInUse;
  });
  afterAll(() => driver.dispose());

  it.each(KVM_CASES)("$name", (one) => {
    const mine = play(driver, one);
    answers[one.name] = mine;
    const expected = device.answers[one.name];
    if (expected === undefined) throw new Error(`the reference has no case "${one.name}"; record it again`);
    const differ = compare({ [one.name]: expected }, { [one.name]: mine });
    expect(differ.filter((found) => !DIFFERENCES.some((known) => covers(known, found)))).toEqual([]);
  });

  it("gives back all host memory when the files of a case are closed", () => {
    expect(driver.hostMemory.framesInUse).toBe(framesAtStart);
  });

  it("is compared in thousands of fields", () => {
    expect(fieldCount(device.answers)).toBeGreaterThan(8000);
  });

  it("has no listed difference that the recording does not show", () => {
    const disagreements = compare(recording.answers, answers);
    const unneeded = DIFFERENCES.filter((known) => !disagreements.some((found) => covers(known, found)));
    expect(unneeded).toEqual([]);
  });

  it("has a recording of exactly these cases", () => {
    expect(Object.keys(recording.answers)).toEqual(KVM_CASES.map(({ name }) => name));
  });
});
