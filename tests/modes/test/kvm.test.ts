import { describe, expect, it } from "vitest";
import { KvmMachine } from "../src/kvm-machine.ts";
import { endOf, imageOf, isBad, notOk, PROGRAMS } from "../src/programs.ts";

const programs = Object.entries(PROGRAMS).filter(([, { needsInterrupts }]) => needsInterrupts !== true);

describe.each(programs)("%s through KVM calls", (name, program) => {
  it("finds nothing wrong and ends", () => {
    const machine = KvmMachine.emulated(imageOf(name));
    expect(machine.run()).toMatch(program.ends === "exit" ? /^end$/ : /^shutdown at /);
    const differs = program.kvmDiffers ?? [];
    const lines = notOk(machine.output);
    expect(lines.filter((line) => !differs.some((check) => isBad(line, check)))).toEqual(endOf(program));
    expect(lines.length).toBe(endOf(program).length + differs.length);
    machine.close();
  });
});
