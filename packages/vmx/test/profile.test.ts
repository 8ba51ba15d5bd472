import { describe, expect, it } from "vitest";
import { PROFILES, VMX_MSR, type Vmx } from "../src/index.ts";
import { Machine } from "./machine.ts";

/** How LiKeX and other hypervisors choose a control: what they want, and default1 bits for what they do not know (SDM Vol 3D, appendix A.2, algorithm 3). */
const control = (vmx: Vmx, plain: number, precise: number, set: number): number => {
  const old = Number((vmx.readMsr(plain) ?? 0n) & 0xffffffffn);
  const msr = vmx.readMsr(precise) ?? 0n;
  const allowed0 = Number(msr & 0xffffffffn);
  const allowed1 = Number(msr >> 32n);
  if ((allowed1 & set) >>> 0 !== set) throw new Error("can not set vmcs controls");
  const unknown = (allowed0 ^ allowed1) & ~set;
  return (allowed0 | (unknown & old) | set) >>> 0;
};

describe("the likex profile", () => {
  const { vmx } = new Machine({ profile: PROFILES.likex });

  it("has revision 4, a 4 KiB region and write-back memory", () => {
    const basic = vmx.readMsr(VMX_MSR.IA32_VMX_BASIC) ?? 0n;
    expect(basic & 0xffffffffn).toBe(4n);
    expect((basic >> 32n) & 0x1fffn).toBe(4096n);
    expect((basic >> 50n) & 15n).toBe(6n);
  });

  it("gives the controls of the published log", () => {
    expect(control(vmx, 0x481, 0x48d, 0x3)).toBe(0x17);
    expect(control(vmx, 0x482, 0x48e, 0xa1800480)).toBe(0xa581e5f2);
    expect(control(vmx, 0x48b, 0x48b, 0x82)).toBe(0x82);
    expect(control(vmx, 0x483, 0x48f, 0x3c8200)).toBe(0x3fefff);
    expect(control(vmx, 0x484, 0x490, 0xc000)).toBe(0xd1ff);
  });

  it("enters a guest with the EPTP of the published log: root, write-back, walk length 4", () => {
    const machine = Machine.ready({ profile: PROFILES.likex }, { EPT_POINTER: 0x801en });
    machine.enter();
    expect(machine.mmu.configurations.at(-1)?.eptPointer).toBe(0x801e);
  });

  it("offers EPT with the capabilities that LiKeX asks for", () => {
    const capability = vmx.readMsr(VMX_MSR.IA32_VMX_EPT_VPID_CAP) ?? 0n;
    for (const bit of [0n, 6n, 14n, 16n, 20n, 21n, 25n, 26n]) expect((capability >> bit) & 1n, `bit ${bit}`).toBe(1n);
  });

  it("has no MSR outside the capability range", () => {
    expect(vmx.readMsr(0x47f)).toBeUndefined();
    expect(vmx.readMsr(0x492)).toBeUndefined();
    expect(vmx.readMsr(VMX_MSR.IA32_VMX_VMFUNC)).toBeUndefined();
  });
});

describe("the default profile", () => {
  it("leaves CR3 exiting and the debug controls to software", () => {
    const { vmx } = new Machine({ profile: PROFILES.default });
    const precise = vmx.readMsr(VMX_MSR.IA32_VMX_TRUE_PROCBASED_CTLS) ?? 0n;
    expect(precise & 0xffffffffn).toBe(0x04006172n);
    expect((precise >> 32n) & 0x18000n).toBe(0x18000n);
  });
});

describe("every profile", () => {
  it.each(Object.values(PROFILES).map((profile) => [profile.name, profile] as const))(
    "%s: what must be 1 may be 1, in the TRUE MSRs as in the others",
    (_name, profile) => {
      for (const [name, value] of Object.entries(profile.msrs)) {
        if (!name.endsWith("_CTLS") && !name.endsWith("_CTLS2")) continue;
        expect(value & 0xffffffffn & ~(value >> 32n), name).toBe(0n);
      }
    },
  );
});
