import { describe, expect, it } from "vitest";
import { EXIT_CODE, EXIT_CODE_MEANING } from "../src/exit-codes.ts";
import { runHere as run } from "./run-here.ts";

describe("help", () => {
  it.each([
    ["--help"],
    ["help"],
    ["run", "--help"],
    ["help", "run"],
    ["help", "disasm"],
    ["help", "doctor"],
    ["help", "exit-codes"],
  ])("has examples: likex %s %s", async (...args) => {
    const { code, output, errors } = await run(...args);
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(output).toMatch(/\nExamples:\n {2}\$ likex /);
  });

  it("is what likex alone prints, on stderr, as nothing was asked", async () => {
    const { code, output, errors } = await run();
    expect({ code, output }).toEqual({ code: EXIT_CODE.usage, output: "" });
    expect(errors).toMatch(/^Usage: likex/);
  });

  it("suggests the option that was meant", async () => {
    expect((await run("run", "--exit-limits", "3")).errors).toMatch(/Did you mean --exit-limit\?/);
  });
});

describe("exit codes", () => {
  it("all have a meaning, in the list that likex prints", async () => {
    const { output } = await run("exit-codes");
    const listed = output.split("\n").flatMap((line) => /^ *(\d+) {2}\S/.exec(line)?.[1] ?? []);
    expect(listed.map(Number)).toEqual(EXIT_CODE_MEANING.map(([code]) => code));
    for (const code of Object.values(EXIT_CODE)) expect(listed).toContain(String(code));
  });
});

describe("doctor", () => {
  it("says what there is and what is used instead", async () => {
    const { code, output } = await run("doctor");
    expect(code).toBe(0);
    expect(output).toMatch(/Node +v\d+/);
    expect(output).toMatch(/WebAssembly +sign extension \(required\)/);
    expect(output).toMatch(/\/dev\/kvm/);
    expect(output).toMatch(/What runs guests\n {2}likex run /);
  });

  it("tells programs the same", async () => {
    const report: unknown = JSON.parse((await run("doctor", "--json")).output);
    expect(report).toMatchObject({
      ok: true,
      node: { version: process.version, ok: true },
      devices: [{ path: "/dev/kvm" }, { path: "/dev/rust_kvm" }],
    });
  });
});

describe("--version", () => {
  it("is the package's", async () => {
    expect((await run("--version")).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
