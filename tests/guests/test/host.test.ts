import { HostKvm } from "@likex/kvm-host";
import { describe, expect, it } from "vitest";
import { EXPECTATIONS, MACHINE_DEPENDENT } from "../src/expectations.ts";
import { GUESTS } from "../src/guests.ts";
import { observe } from "../src/observe.ts";
import { expectObservation, keysOf } from "./expect-observation.ts";

const { available, reason } = HostKvm.availability();
const guests = keysOf(GUESTS).filter((key) => !MACHINE_DEPENDENT.has(key));

describe(`guests on this machine's KVM: ${reason}`, () => {
  it.skipIf(!available).each(guests)("%s does what it does on the emulated /dev/kvm", (key) => {
    const driver = HostKvm.create();
    const observation = observe(driver, GUESTS[key], "kvm", { exitLimit: 1000 });
    const { rflags: _, ...registers } = EXPECTATIONS.kvm[key]?.registers ?? {};
    const expected = EXPECTATIONS.kvm[key];
    expectObservation(observation, expected === undefined ? undefined : { ...expected, registers });
    observation.vm.dispose();
  });

  it("says why it is or is not used", () => {
    expect(reason).toMatch(/\.$/);
  });
});
