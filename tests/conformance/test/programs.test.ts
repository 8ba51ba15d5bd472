import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { assembleAll, hasAssembler } from "../src/assemble.ts";
import { KVM_CASES } from "../src/cases/index.ts";
import { program, programNames } from "../src/programs.ts";

describe("guest programs", () => {
  it.skipIf(!hasAssembler())("are what GNU as makes of their sources (needs as and objcopy)", () => {
    expect(assembleAll()).toEqual(Object.fromEntries(programNames.map((name) => [name, program(name)])));
  });

  it("contain the seed's program, byte for byte", () => {
    expect(program("seed")).toBe("baf80300d80430eeb00aeef4");
    expect(program("seed-cpuid")).toBe("baf80300d80430eeb00aeeb8000000000fa2f4");
  });

  it("are all used", () => {
    const written = JSON.stringify(KVM_CASES);
    expect(programNames.filter((name) => !written.includes(program(name)))).toEqual([]);
  });
});

describe("cases", () => {
  it("have names of their own, and no name asks twice", () => {
    expect(new Set(KVM_CASES.map(({ name }) => name)).size).toBe(KVM_CASES.length);
    for (const { steps } of KVM_CASES) {
      const asked = steps.flatMap((step) => ("ask" in step && step.ask !== undefined ? [step.ask] : []));
      expect(new Set(asked).size).toBe(asked.length);
    }
  });

  it("ask for every request of the first tier", () => {
    const written = JSON.stringify(KVM_CASES) + readFileSync(new URL("../src/player.ts", import.meta.url), "utf8");
    for (const name of [
      ...["KVM_GET_API_VERSION", "KVM_CHECK_EXTENSION", "KVM_GET_VCPU_MMAP_SIZE", "KVM_CREATE_VM", "KVM_CREATE_VCPU"],
      ...["KVM_SET_USER_MEMORY_REGION", "KVM_RUN", "KVM_GET_REGS", "KVM_SET_REGS", "KVM_GET_SREGS", "KVM_SET_SREGS"],
    ]) {
      expect(written).toContain(name);
    }
  });
});
