import { describe, expect, it } from "vitest";
import { BareMachine } from "../src/bare-machine.ts";
import { imageOf, PROGRAMS } from "../src/programs.ts";

const INSTRUCTIONS = 5_000_000;

describe.each(Object.keys(PROGRAMS))("%s on the bare processor", (name) => {
  it("finds nothing wrong and ends", () => {
    const machine = new BareMachine(imageOf(name));
    machine.run(INSTRUCTIONS);
    const lines = machine.output.split("\n");
    expect(lines.filter((line) => !line.startsWith("ok "))).toEqual(["done", ""]);
    expect(machine.exitCode).toBe(0);
    machine.dispose();
  });
});
