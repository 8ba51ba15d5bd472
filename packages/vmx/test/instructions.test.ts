import { describe, expect, it } from "vitest";
import { INVEPT_TYPE, NotInVmxOperationError, PROFILES, VM_INSTRUCTION_ERROR, VMCS, VMX_STATUS } from "../src/index.ts";
import { Machine, VMCS_A, VMCS_B, VMXON_REGION } from "./machine.ts";

const { succeed, failInvalid, failValid } = VMX_STATUS;

/** What an instruction did: its status, and the error number after VMfailValid. */
const outcome = (machine: Machine, status: number): string =>
  status === failValid ? `failValid ${machine.number("VM_INSTRUCTION_ERROR")}` : ["succeed", "failInvalid"][status]!;

describe("VMXON", () => {
  it("succeeds on a region with the processor's revision", () => {
    const { vmx } = new Machine();
    expect(vmx.vmxon(VMXON_REGION)).toBe(succeed);
    expect(vmx.inVmxOperation).toBe(true);
  });

  it.each([
    ["unaligned", VMXON_REGION + 8],
    ["beyond the physical-address width", 2 ** 46],
    ["with another revision", 0x8000],
    ["where there is no memory", 0x40000],
  ])("fails without a VMCS for a region %s", (_what, region) => {
    expect(new Machine().vmx.vmxon(region)).toBe(failInvalid);
  });

  it("fails with the shadow-VMCS indicator in the revision", () => {
    const machine = new Machine();
    machine.memory.u32[VMXON_REGION / 4] = 0x80000004;
    expect(machine.vmx.vmxon(VMXON_REGION)).toBe(failInvalid);
  });

  it("is error 15 in VMX root operation", () => {
    const machine = Machine.ready();
    expect(outcome(machine, machine.vmx.vmxon(VMXON_REGION))).toBe("failValid 15");
  });
});

describe("outside VMX operation", () => {
  it.each<[string, (machine: Machine) => unknown]>([
    ["vmxoff", ({ vmx }) => vmx.vmxoff()],
    ["vmclear", ({ vmx }) => vmx.vmclear(VMCS_A)],
    ["vmptrld", ({ vmx }) => vmx.vmptrld(VMCS_A)],
    ["vmptrst", ({ vmx }) => vmx.vmptrst()],
    ["vmread", ({ vmx }) => vmx.vmread(VMCS.GUEST_RIP)],
    ["vmwrite", ({ vmx }) => vmx.vmwrite(VMCS.GUEST_RIP, 0n)],
    ["vmlaunch", ({ vmx }) => vmx.vmlaunch(1)],
    ["vmresume", ({ vmx }) => vmx.vmresume(1)],
    ["invept", ({ vmx }) => vmx.invept(2, 0)],
  ])("%s is refused where a processor raises #UD", (_name, use) => {
    expect(() => use(new Machine())).toThrow(NotInVmxOperationError);
  });
});

describe("without a current VMCS", () => {
  const machine = (): Machine => {
    const made = new Machine();
    made.expectSuccess(made.vmx.vmxon(VMXON_REGION));
    return made;
  };

  it("fails invalid where an error number has no place", () => {
    const { vmx } = machine();
    expect(vmx.vmread(VMCS.GUEST_RIP)).toBeUndefined();
    expect(vmx.vmwrite(VMCS.GUEST_RIP, 0n)).toBe(failInvalid);
    expect(vmx.vmlaunch(1)).toBe(failInvalid);
    expect(vmx.vmresume(1)).toBe(failInvalid);
    expect(vmx.vmclear(1)).toBe(failInvalid);
    expect(vmx.vmptrld(1)).toBe(failInvalid);
    expect(vmx.invept(9, 0)).toBe(failInvalid);
    expect(vmx.vmptrst()).toBe(-1);
  });
});

describe("VM-instruction errors", () => {
  it.each<[number, string, (machine: Machine) => number]>([
    [VM_INSTRUCTION_ERROR.VMCLEAR_INVALID_ADDRESS, "VMCLEAR of an unaligned address", ({ vmx }) => vmx.vmclear(0x2001)],
    [VM_INSTRUCTION_ERROR.VMCLEAR_INVALID_ADDRESS, "VMCLEAR beyond the width", ({ vmx }) => vmx.vmclear(2 ** 46)],
    [VM_INSTRUCTION_ERROR.VMCLEAR_VMXON_POINTER, "VMCLEAR of the VMXON region", ({ vmx }) => vmx.vmclear(VMXON_REGION)],
    [VM_INSTRUCTION_ERROR.VMPTRLD_INVALID_ADDRESS, "VMPTRLD of an unaligned address", ({ vmx }) => vmx.vmptrld(0x2001)],
    [VM_INSTRUCTION_ERROR.VMPTRLD_VMXON_POINTER, "VMPTRLD of the VMXON region", ({ vmx }) => vmx.vmptrld(VMXON_REGION)],
    [VM_INSTRUCTION_ERROR.VMPTRLD_INCORRECT_REVISION, "VMPTRLD of zeros", ({ vmx }) => vmx.vmptrld(0x8000)],
    [VM_INSTRUCTION_ERROR.VMPTRLD_INCORRECT_REVISION, "VMPTRLD of no memory", ({ vmx }) => vmx.vmptrld(0x100000)],
    [VM_INSTRUCTION_ERROR.UNSUPPORTED_COMPONENT, "VMWRITE of no field", ({ vmx }) => vmx.vmwrite(0x7ffe, 0n)],
    [VM_INSTRUCTION_ERROR.UNSUPPORTED_COMPONENT, "high access to 32 bits", ({ vmx }) => vmx.vmwrite(0x4001, 0n)],
    [VM_INSTRUCTION_ERROR.UNSUPPORTED_COMPONENT, "an encoding of over 15 bits", ({ vmx }) => vmx.vmwrite(0x1681e, 0n)],
    [VM_INSTRUCTION_ERROR.VMWRITE_READ_ONLY_COMPONENT, "VMWRITE of a result", ({ vmx }) => vmx.vmwrite(0x4402, 0n)],
    [VM_INSTRUCTION_ERROR.VMRESUME_NON_LAUNCHED_VMCS, "VMRESUME before VMLAUNCH", ({ vmx }) => vmx.vmresume(1)],
    [VM_INSTRUCTION_ERROR.INVALID_OPERAND_TO_INVEPT_INVVPID, "INVEPT of no type", ({ vmx }) => vmx.invept(0, 0x801e)],
    [
      VM_INSTRUCTION_ERROR.INVALID_OPERAND_TO_INVEPT_INVVPID,
      "INVEPT single with a bad EPTP",
      ({ vmx }) => vmx.invept(INVEPT_TYPE.singleContext, 0x8016),
    ],
  ])("%i: %s", (error, _what, use) => {
    const machine = Machine.ready();
    expect(outcome(machine, use(machine))).toBe(`failValid ${error}`);
  });

  it("4: VMLAUNCH of a VMCS that was launched", () => {
    const machine = Machine.ready().enter();
    expect(outcome(machine, machine.vmx.vmlaunch(1))).toBe("failValid 4");
  });

  it("5: VMRESUME after VMCLEAR", () => {
    const machine = Machine.ready().enter();
    machine.use(VMCS_A);
    expect(outcome(machine, machine.vmx.vmresume(1))).toBe("failValid 5");
  });

  it("6: VMRESUME of a VMCS launched before VMXOFF and VMXON", () => {
    const machine = Machine.ready().enter();
    machine.vmx.vmxoff();
    machine.expectSuccess(machine.vmx.vmxon(VMXON_REGION));
    machine.expectSuccess(machine.vmx.vmptrld(VMCS_A));
    expect(outcome(machine, machine.vmx.vmresume(1))).toBe("failValid 6");
  });

  it("12: VMREAD of no field, in every form", () => {
    const machine = Machine.ready();
    expect(machine.vmx.vmread(0x7ffe)).toBeUndefined();
    expect(machine.number("VM_INSTRUCTION_ERROR")).toBe(12);
    expect(machine.vmx.vmread32(0x7ffe)).toBe(0);
    expect(machine.vmx.vmreadNumber(0x7ffe)).toBe(0);
  });
});

describe("the current VMCS", () => {
  it("is what VMPTRLD loaded, until VMCLEAR of it", () => {
    const { vmx } = Machine.ready();
    expect(vmx.vmptrst()).toBe(VMCS_A);
    expect(vmx.vmptrld(VMCS_B)).toBe(succeed);
    expect(vmx.vmptrst()).toBe(VMCS_B);
    expect(vmx.vmclear(VMCS_A)).toBe(succeed);
    expect(vmx.vmptrst()).toBe(VMCS_B);
    expect(vmx.vmclear(VMCS_B)).toBe(succeed);
    expect(vmx.vmptrst()).toBe(-1);
  });

  it("keeps its fields in its own frame", () => {
    const machine = Machine.ready();
    machine.write("GUEST_RIP", 0x1111n);
    machine.use(VMCS_B, { GUEST_RIP: 0x2222n });
    machine.expectSuccess(machine.vmx.vmptrld(VMCS_A));
    expect(machine.read("GUEST_RIP")).toBe(0x1111n);
    const bytes = Buffer.from(machine.memory.u8.subarray(VMCS_B, VMCS_B + 4096));
    expect(bytes.includes(Buffer.from([0x22, 0x22, 0, 0, 0, 0, 0, 0]))).toBe(true);
  });
});

describe("INVEPT", () => {
  it("drops the processor's translations", () => {
    const { vmx, cpu } = Machine.ready();
    const before = cpu.flushes;
    expect(vmx.invept(INVEPT_TYPE.singleContext, 0x801e)).toBe(succeed);
    expect(vmx.invept(INVEPT_TYPE.allContexts, 0)).toBe(succeed);
    expect(cpu.flushes).toBe(before + 2);
  });
});

describe("budget", () => {
  it.each([0, -1, 1.5, 2 ** 31, Number.NaN])("%d is refused", (budget) => {
    expect(() => Machine.ready({ profile: PROFILES.default }).vmx.vmlaunch(budget)).toThrow(/budget/);
  });
});
