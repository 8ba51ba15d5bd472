import { describe, expect, it } from "vitest";
import { kvm_run, kvm_segment, kvm_sregs, offsetOf, sizeOf } from "../../packages/kvm-abi/src/index.ts";
import { withStructureConstants } from "../lib/structure-constants.ts";

const IMPORT = 'import { kvm_run, offsetOf } from "@likex/kvm-abi";\n';

describe("places in KVM's structures", () => {
  it.each([
    ['offsetOf(kvm_run, "exit_reason")', offsetOf(kvm_run, "exit_reason")],
    ['offsetOf(kvm_run, "io.data_offset")', offsetOf(kvm_run, "io.data_offset")],
    ['offsetOf(\n  kvm_segment,\n  "unusable",\n)', offsetOf(kvm_segment, "unusable")],
    ["sizeOf(kvm_sregs)", sizeOf(kvm_sregs)],
  ])("are numbers in bundles: %s", (call, value) => {
    expect(withStructureConstants(`${IMPORT}const a = ${call};`)).toBe(`${IMPORT}const a = ${value};`);
  });

  it.each([
    ["another structure's", `${IMPORT}const a = offsetOf(kvm_other, "field");`],
    ["one that is worked out", `${IMPORT}const a = offsetOf(kvm_run, name);`],
    ["a flexible array's", `${IMPORT}const a = sizeOf(kvm_cpuid2, 3);`],
    ["another function's", 'const a = offsetOf(kvm_run, "exit_reason");'],
  ])("stay as they are: %s", (_, source) => {
    expect(withStructureConstants(source)).toBe(source);
  });
});
