import { EmulatedKvm } from "@likex/kvm";
import { describe, expect, it } from "vitest";
import { EXPECTATIONS } from "../src/expectations.ts";
import { GUESTS } from "../src/guests.ts";
import { observe } from "../src/observe.ts";
import { expectObservation, keysOf } from "./expect-observation.ts";

describe.each(["kvm", "rust_kvm"] as const)("guests on the emulated /dev/%s", (personality) => {
  it.each(keysOf(GUESTS))("%s does what it must", (key) => {
    const driver = EmulatedKvm.create({ memoryBytes: 8 << 20, instructionsPerRun: 1000 });
    const observation = observe(driver, GUESTS[key], personality);
    expectObservation(observation, EXPECTATIONS[personality][key]);
    observation.vm.dispose();
    driver.dispose();
  });

  it("loops go on where they were interrupted", () => {
    const driver = EmulatedKvm.create({ memoryBytes: 8 << 20, instructionsPerRun: 1000 });
    const { vm } = observe(driver, GUESTS.loop, personality);
    const result = vm.run();
    expect(result).toMatchObject({ reason: "interrupted", exits: 1 });
    expect(result.registers.rax).toBe(1000n);
    vm.dispose();
  });

  it("a disposed machine leaves no frame behind", () => {
    const driver = EmulatedKvm.create({ memoryBytes: 8 << 20, instructionsPerRun: 1000 });
    // The first to read a page that nobody has written makes the frame of zeros that all share.
    for (const key of keysOf(GUESTS)) observe(driver, GUESTS[key], personality).vm.dispose();
    const before = driver.hostMemory.framesInUse;
    for (const key of keysOf(GUESTS)) observe(driver, GUESTS[key], personality).vm.dispose();
    expect(driver.hostMemory.framesInUse).toBe(before);
  });
});
