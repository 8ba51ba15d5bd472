import { describe, expect, it } from "vitest";
import { KvmMachine } from "../src/kvm-machine.ts";
import { imageOf, PROGRAMS } from "../src/programs.ts";

describe.each(Object.keys(PROGRAMS))("%s through KVM calls", (name) => {
  it("finds nothing wrong and ends", () => {
    const machine = KvmMachine.emulated(imageOf(name));
    expect(machine.run()).toBe("end");
    const lines = machine.output.split("\n");
    expect(lines.filter((line) => !line.startsWith("ok "))).toEqual(["done", ""]);
    machine.close();
  });
});
