import { STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { BareMachine } from "../src/bare-machine.ts";
import { endOf, imageOf, notOk, PROGRAMS } from "../src/programs.ts";

const INSTRUCTIONS = 5_000_000;

describe.each(Object.entries(PROGRAMS))("%s on the bare processor", (name, program) => {
  it("finds nothing wrong and ends", () => {
    const machine = new BareMachine(imageOf(name));
    const stop = machine.run(INSTRUCTIONS);
    expect(notOk(machine.output)).toEqual(endOf(program));
    expect(machine.exitCode).toBe(program.ends === "exit" ? 0 : -1);
    expect(stop).toBe(program.ends === "exit" ? STOP.budget : STOP.shutdown);
    machine.dispose();
  });
});
