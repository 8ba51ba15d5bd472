import { describe, expect, it } from "vitest";
import { EXTENSION_MODULE } from "../src/generated/extension.ts";
import { INSTRUCTION_FACTS } from "../src/generated/instruction-facts.ts";
import { INTERPRETER_KEYS, INTERPRETER_MODULE } from "../src/generated/interpreter.ts";
import { REGION_RUNNER } from "../src/generated/region-runner.ts";
import { emitExtension } from "../src/interpreter/extension.ts";
import { emitInterpreter } from "../src/interpreter/module.ts";
import { emitRunner } from "../src/jit/emit-runner.ts";
import { interpreterPlan } from "../src/plan.ts";
import { factsOf } from "../src/semantics/facts.ts";
import { SEMANTICS } from "../src/semantics/index.ts";
import { unpack } from "../src/unpack.ts";

describe("the generated interpreter", () => {
  const facts = factsOf(SEMANTICS);
  const plan = interpreterPlan({ fuse: "compare-and-branch", facts });

  it("knows of the semantics what they state", () => {
    expect(INSTRUCTION_FACTS).toEqual(facts);
  });

  it("is what the instruction table and the semantics give", () => {
    expect(INTERPRETER_KEYS.split("\n")).toEqual(plan.keys);
    expect(Buffer.from(emitInterpreter(plan)).equals(unpack(INTERPRETER_MODULE))).toBe(true);
  });

  it("has the second module that they give", () => {
    expect(Buffer.from(emitExtension(plan).bytes).equals(unpack(EXTENSION_MODULE))).toBe(true);
  });

  it("has the module that runs regions", () => {
    expect(Buffer.from(emitRunner()).equals(Buffer.from(REGION_RUNNER, "base64"))).toBe(true);
  });

  it("has one handler for each key", () => {
    expect(new Set(plan.keys).size).toBe(plan.keys.length);
  });
});
