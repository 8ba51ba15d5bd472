import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { INTERPRETER } from "../../../packages/cpu-executor/test/support/back-ends.ts";
import { BareMachine } from "../src/bare-machine.ts";
import { imageOf, PROGRAMS } from "../src/programs.ts";

const INSTRUCTIONS = 5_000_000;
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const rows = readme.split("\n").filter((line) => line.startsWith("| ") && line.includes("| `"));

/** What the table says of each program: names that begin checks. */
const named = new Map<string, string[]>();
for (const [, name = "", list = ""] of rows.join(" ").matchAll(/`(\w+)`((?:,? "[^"]*")+)/g)) {
  const checks = [...list.matchAll(/"([^"]*)"/g)].map(([, check = ""]) => check);
  named.set(name, [...(named.get(name) ?? []), ...checks]);
}

describe("the table of checks", () => {
  it("names every program", () => {
    expect([...named.keys()].sort()).toEqual(Object.keys(PROGRAMS).sort());
  });

  it.each([...named])("names checks that %s prints", (name, checks) => {
    const machine = new BareMachine(imageOf(name), INTERPRETER);
    machine.run(INSTRUCTIONS);
    const lines = machine.output.split("\n");
    expect(checks.filter((check) => !lines.some((line) => line.startsWith(`ok ${check}`)))).toEqual([]);
    machine.dispose();
  });
});
