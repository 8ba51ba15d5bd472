import { describe, expect, it } from "vitest";
import { claims } from "../scripts/header/claims.ts";
import { compare, undescribed } from "../scripts/header/compare.ts";
import { ask, findCompiler, macros, recording } from "../scripts/header/compiler.ts";

const all = claims();
const compiler = findCompiler();

describe("the layout table and linux/kvm.h", () => {
  it("agree in every number with the recorded answers of the C compiler", () => {
    const { compared, differences } = compare(all, recording());
    expect(differences).toEqual([]);
    expect(compared.length).toBeGreaterThan(1800);
  });

  it("leave uncompared only what the recorded header is too old for, or what no header has", () => {
    const subjects = new Set(compare(all, recording()).notCompared.map(({ claim }) => claim.id.split(" ")[0]));
    expect([...subjects].sort()).toEqual([
      "ENOTSUPP",
      "KVM_CAP_MEMORY_FAULT_INFO",
      "KVM_EXIT_LOONGARCH_IOCSR",
      "KVM_EXIT_MEMORY_FAULT",
      "KVM_MEMORY_EXIT_FLAG_PRIVATE",
      "KVM_MEM_GUEST_MEMFD",
      "kvm_run.memory_fault",
      "kvm_run.memory_fault.flags",
      "kvm_run.memory_fault.gpa",
      "kvm_run.memory_fault.size",
    ]);
  });

  it("make a claim under each name once", () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  it("count a wrong number and an unknown name as differences", () => {
    const { linux, compiler: by, values } = recording();
    const wrong = { linux, compiler: by, values: { ...values, "kvm_run size": 2351, "kvm_run.io.port offset": null } };
    expect(compare(all, wrong).differences.map(({ claim }) => claim.id)).toEqual([
      "kvm_run size",
      "kvm_run.io.port offset",
    ]);
  });

  it.skipIf("missing" in compiler)("agree in every number with this machine's C compiler", () => {
    if ("missing" in compiler) throw new Error(compiler.missing);
    const { compared, differences } = compare(all, ask(compiler, all));
    expect(differences).toEqual([]);
    expect(compared.length).toBeGreaterThan(1800);
  });

  it.skipIf("missing" in compiler)("leave out no x86 capability, exit reason or errno that the 6.1 header has", () => {
    if ("missing" in compiler) throw new Error(compiler.missing);
    const { values } = recording();
    // These three are second names of numbers that have a first one.
    const aliases = ["EDEADLOCK", "ENOTSUP", "EWOULDBLOCK"];
    const missing = undescribed(all, macros(compiler)).filter((name) => name in values || aliases.includes(name));
    expect(missing).toEqual(aliases);
  });
});
