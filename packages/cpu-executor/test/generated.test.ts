import { describe, expect, it } from "vitest";
import { INTERPRETER_BYTES, INTERPRETER_KEYS } from "../src/generated/interpreter.ts";
import { emitInterpreter } from "../src/interpreter/module.ts";
import { interpreterPlan } from "../src/plan.ts";

describe("the generated interpreter", () => {
  const plan = interpreterPlan({ fuse: "compare-and-branch" });

  it("is what the instruction table and the semantics give", () => {
    expect(INTERPRETER_KEYS.split("\n")).toEqual(plan.keys);
    expect(Buffer.from(emitInterpreter(plan)).equals(Buffer.from(INTERPRETER_BYTES, "base64"))).toBe(true);
  });

  it("has one handler for each key", () => {
    expect(new Set(plan.keys).size).toBe(plan.keys.length);
  });
});
