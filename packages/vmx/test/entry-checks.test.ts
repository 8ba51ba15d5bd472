import { describe, expect, it } from "vitest";
import { PROFILES, VMX_STATUS, type VmcsFieldName } from "../src/index.ts";
import { ENTRY_VECTORS, type EntryVector, PROTECTED_MODE, RESTRICTED } from "../vectors/entry-checks.ts";
import { Machine } from "./machine.ts";

const describeFields = (fields: EntryVector["fields"]): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value.toString(16)}`)
    .join(" ");

const machineFor = (vector: EntryVector): Machine => {
  const base =
    vector.base === "restricted"
      ? { ...PROTECTED_MODE, ...RESTRICTED }
      : vector.base === "protected"
        ? PROTECTED_MODE
        : {};
  return Machine.ready({ profile: PROFILES[vector.profile ?? "default"] }, base);
};

/** What the entry did, in the words of the vectors. */
const outcomeOf = (machine: Machine): string => {
  const status = machine.vmx.vmlaunch(1000);
  if (status === VMX_STATUS.failValid) return `error ${machine.number("VM_INSTRUCTION_ERROR")}`;
  const reason = machine.number("VM_EXIT_REASON");
  return reason >= 0x80000000
    ? `exit ${reason - 0x80000000} qualification ${machine.number("EXIT_QUALIFICATION")}`
    : "entered";
};

describe("VM entry", () => {
  it.each([
    ["real mode", {}],
    ["protected mode", PROTECTED_MODE],
    ["protected mode without unrestricted guest", { ...PROTECTED_MODE, ...RESTRICTED }],
  ])("enters the unchanged guest in %s", (_mode, fields) => {
    expect(outcomeOf(Machine.ready({ profile: PROFILES.default }, fields))).toBe("entered");
  });

  it.each(
    ENTRY_VECTORS.map((vector) => [`${describeFields(vector.fields)} (${vector.base ?? "real"})`, vector] as const),
  )("%s", (_name, vector) => {
    const machine = machineFor(vector);
    for (const [name, value] of Object.entries(vector.fields)) machine.write(name as VmcsFieldName, value);
    expect(outcomeOf(machine)).toBe(vector.expect);
  });

  it.each(
    ENTRY_VECTORS.map((vector) => [`${describeFields(vector.fields)} (${vector.base ?? "real"})`, vector] as const),
  )("notices a write after an exit, and its repair: %s", (_name, vector) => {
    const machine = machineFor(vector).enter();
    const before = Object.keys(vector.fields).map((name) => [name, machine.read(name as VmcsFieldName)] as const);
    for (const [name, value] of Object.entries(vector.fields)) machine.write(name as VmcsFieldName, value);
    const status = machine.vmx.vmresume(1000);
    const failed = status === VMX_STATUS.failValid || machine.number("VM_EXIT_REASON") >= 0x80000000;
    expect(failed).toBe(vector.expect !== "entered");
    for (const [name, value] of before) machine.write(name as VmcsFieldName, value);
    machine.expectSuccess(machine.vmx.vmresume(1000));
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
  });

  it("checks controls before host state before guest state", () => {
    const machine = Machine.ready({}, { PIN_BASED_VM_EXEC_CONTROL: 0n, HOST_CR0: 0n, GUEST_CR4: 0n });
    expect(outcomeOf(machine)).toBe("error 7");
    machine.write("PIN_BASED_VM_EXEC_CONTROL", 0x17n);
    expect(outcomeOf(machine)).toBe("error 8");
    machine.write("HOST_CR0", 0x80050033n);
    expect(outcomeOf(machine)).toBe("exit 33 qualification 0");
  });

  it("tells the trace which check failed", () => {
    const machine = Machine.ready({}, { GUEST_CR4: 0n });
    outcomeOf(machine);
    expect(machine.events.at(-1)).toMatchObject({ type: "vmexit", reason: 0x80000021, check: "guest CR4" });
  });

  it("leaves the launch state clear and the other exit fields alone when it fails", () => {
    const machine = Machine.ready({}, { GUEST_RFLAGS: 0n, VM_ENTRY_INTR_INFO: 0x80000306n });
    expect(outcomeOf(machine)).toBe("exit 33 qualification 0");
    expect(machine.read("VM_ENTRY_INTR_INFO")).toBe(0x80000306n);
    expect(machine.cpu.budgets).toEqual([]);
    machine.write("GUEST_RFLAGS", 2n);
    expect(outcomeOf(machine)).toBe("entered");
  });

  it("accepts a VMCS link pointer to a region with the revision, looked up again at each entry", () => {
    const machine = Machine.ready({}, { VMCS_LINK_POINTER: 0x3000n });
    expect(outcomeOf(machine)).toBe("entered");
    machine.memory.u32[0x3000 / 4] = 99;
    machine.expectSuccess(machine.vmx.vmresume(1));
    expect(machine.number("VM_EXIT_REASON")).toBe(0x80000021);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(4);
  });
});
