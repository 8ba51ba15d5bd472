import { STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { BACK_ENDS } from "../../../packages/cpu-executor/test/support/back-ends.ts";
import { BareMachine } from "../src/bare-machine.ts";
import { endOf, imageOf, notOk, PROGRAMS } from "../src/programs.ts";

const INSTRUCTIONS = 5_000_000;

describe.each(BACK_ENDS)("on the bare processor: $name", (backEnd) => {
  it.each(Object.entries(PROGRAMS))("%s finds nothing wrong and ends", (name, program) => {
    const machine = new BareMachine(imageOf(name), backEnd);
    const stop = machine.run(INSTRUCTIONS);
    expect(notOk(machine.output)).toEqual(endOf(program));
    expect(machine.exitCode).toBe(program.ends === "exit" ? 0 : -1);
    expect(stop).toBe(program.ends === "exit" ? STOP.budget : STOP.shutdown);
    machine.dispose();
  });
});
