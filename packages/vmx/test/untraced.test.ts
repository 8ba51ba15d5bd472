import { STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { NoCurrentVmcsError, VMCS_FIELDS, VMX_STATUS } from "../src/index.ts";
import type { FakeCpu } from "./fake-processor.ts";
import { Machine, MSR_AREA, stopOnException, stopOnMmu, stopOnPort, VMCS_A, VMCS_B } from "./machine.ts";

// With a sink every exit saves all of the guest's state. Without one most of it stays in the processor until somebody reads
// or writes it in the VMCS: everything that these files say must hold then, too.
Machine.trace = "none";
await import("./guest-state.test.ts");
await import("./exits.test.ts");
await import("./injection.test.ts");
await import("./pdptes.test.ts");
await import("./paging-registers.test.ts");
await import("./real-mode.test.ts");
await import("./carried-out.test.ts");

/** A guest that has changed its state, but for RIP and what no field shows. */
const change = (cpu: FakeCpu): void => {
  cpu.rip += 0x10n;
  cpu.setRegister(4, 0x1234n);
  cpu.rflagsNumber = 0x246;
  cpu.cr0 = 0x3b;
  cpu.cr3 = 0x5000n;
  cpu.cr4 = 0x2050;
  cpu.efer = 0x801;
  cpu.dr7 = 0x401;
  cpu.gdtrBase = 0x9000n;
  cpu.gdtrLimit = 0x27;
  cpu.idtrBase = 0xa000n;
  cpu.idtrLimit = 0x3ff;
  for (let index = 0; index < 8; index++) cpu.setSegmentRaw(index, 8 * index, 0x1000 * index, 0, 0xfff0 + index, 0x93);
};

const exit = (cpu: FakeCpu): number => {
  change(cpu);
  return stopOnPort({ port: 0x80 })(cpu);
};

/** Every field's value after the exit, from a machine whose exits save all. */
const saved = (): ReadonlyMap<string, bigint> => {
  Machine.trace = "events";
  const machine = Machine.ready().enter(exit);
  Machine.trace = "none";
  return new Map(VMCS_FIELDS.map(({ name }) => [name, machine.read(name)]));
};

const NAMED = VMCS_FIELDS.map((field) => [field.name, field] as const);

describe("a field of the VMCS after an exit", () => {
  const expected = saved();

  it.each(NAMED)("%s reads as if all had been saved, whichever is read first", (name) => {
    expect(Machine.ready().enter(exit).read(name)).toBe(expected.get(name));
    expect(BigInt(Machine.ready().enter(exit).number(name))).toBe(BigInt(Number(expected.get(name))));
  });

  it.each(NAMED.filter(([, { kind }]) => kind !== "readonly"))("%s written first changes no other", (name) => {
    const machine = Machine.ready().enter(exit);
    machine.write(name, 0x80n);
    for (const { name: other } of VMCS_FIELDS) {
      expect(machine.read(other), other).toBe(other === name ? 0x80n : expected.get(other));
    }
  });

  it("is in the region after VMCLEAR, VMPTRLD of another and VMXOFF", () => {
    const region = (machine: Machine): number[] => {
      const { u32 } = machine.memory;
      // The launch state before the fields differs.
      return [...u32.slice((VMCS_A + 16) / 4, (VMCS_A + 4096) / 4)];
    };
    const reference = Machine.ready().enter(exit);
    for (const { name } of VMCS_FIELDS) reference.read(name);
    for (const leave of [
      (machine: Machine) => machine.vmx.vmclear(VMCS_A),
      (machine: Machine) => machine.vmx.vmptrld(VMCS_B),
      (machine: Machine) => machine.vmx.vmxoff(),
    ]) {
      const machine = Machine.ready().enter(exit);
      expect(leave(machine)).toBe(VMX_STATUS.succeed);
      expect(region(machine)).toEqual(region(reference));
    }
  });

  it("shows RFLAGS.IF without the other flags", () => {
    const machine = Machine.ready().enter(exit);
    expect(machine.vmx.interruptFlag).toBe(true);
    expect(machine.number("GUEST_RFLAGS")).toBe(0x246);
    expect(machine.vmx.interruptFlag).toBe(true);
    machine.write("GUEST_RFLAGS", 2n);
    expect(machine.vmx.interruptFlag).toBe(false);
  });
});

describe("what is asked at every exit", () => {
  const asked = ({ vmx }: Machine): unknown => ({
    ...vmx.lastExit,
    at: vmx.isGuestAt(LOW, -1),
    state: vmx.interruptState,
  });
  const LOW = 0x81000000 | 0;
  const high = (cpu: FakeCpu): number => {
    cpu.rip = 0xffff_ffff_8100_0000n;
    cpu.interruptShadow = 2;
    cpu.rflagsNumber = 0x202;
    return stopOnPort({ port: 0xfff0, size: 2, isIn: true, length: 2 })(cpu);
  };
  const inLongMode = (): Machine =>
    Machine.ready(
      {},
      {
        ...{ VM_ENTRY_CONTROLS: 0xd3ffn, GUEST_CR0: 0x80000031n, GUEST_CR4: 0x2060n, GUEST_IA32_EFER: 0x500n },
        ...{ GUEST_CS_AR_BYTES: 0xa09bn, GUEST_CS_LIMIT: 0xffffffffn },
      },
    ).enter(high);
  const expected = {
    ...{ reason: 30, portQualification: 0xfff00009 | 0, instructionLength: 2, ripLow: LOW, ripHigh: -1 },
    ...{ at: true, state: 0x202 },
  };

  it("is there before and after it has been saved", () => {
    const machine = inLongMode();
    expect(asked(machine)).toEqual(expected);
    expect(machine.read("GUEST_RIP")).toBe(0xffff_ffff_8100_0000n);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(0xfff00009);
    expect(asked(machine)).toEqual(expected);
  });

  it("is of the last exit, whatever the one before was", () => {
    const machine = inLongMode().enter(() => STOP.shutdown);
    expect(machine.vmx.lastExit.reason).toBe(2);
    expect(asked(machine.enter(high))).toEqual(expected);
    expect(machine.number("VM_EXIT_REASON")).toBe(30);
  });

  it("needs a current VMCS where it is asked of the guest", () => {
    const machine = inLongMode();
    machine.vmx.vmclear(VMCS_A);
    expect(() => machine.vmx.isGuestAt(LOW, -1)).toThrow(NoCurrentVmcsError);
  });

  it("has the instruction that software has completed behind it, and the guest goes on there", () => {
    const machine = inLongMode();
    machine.vmx.completeInstruction(2);
    expect([machine.vmx.isGuestAt(LOW + 2, -1), machine.vmx.interruptState]).toEqual([true, 0x200]);
    machine.enter(stopOnPort({ port: 0x80 }));
    expect(machine.cpu.rip).toBe(0xffff_ffff_8100_0002n);
    expect(machine.cpu.interruptShadow).toBe(0);
    machine.vmx.completeInstruction(1);
    expect(machine.read("GUEST_RIP")).toBe(0xffff_ffff_8100_0003n);
    expect(machine.number("GUEST_INTERRUPTIBILITY_INFO")).toBe(0);
  });

  it("counts into the upper half of RIP, and in 32-bit code from the start again", () => {
    const atEnd = (cpu: FakeCpu): number => {
      cpu.rip = 0xffff_fffen;
      return stopOnPort({ port: 0x80 })(cpu);
    };
    const wide = inLongMode().enter(atEnd);
    wide.vmx.completeInstruction(2);
    expect(wide.read("GUEST_RIP")).toBe(0x1_0000_0000n);
    const narrow = Machine.ready().enter(atEnd);
    narrow.vmx.completeInstruction(2);
    expect(narrow.read("GUEST_RIP")).toBe(0n);
  });

  it("has nothing of the exception and of the injected event before it", () => {
    for (const name of ["VM_EXIT_INTR_INFO", "VM_ENTRY_INTR_INFO"] as const) {
      const machine = Machine.ready({}, { EXCEPTION_BITMAP: 0x40n }).enter(stopOnException(6, -1, 2));
      expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000306);
      machine.write("VM_ENTRY_INTR_INFO", 0x80000306n);
      machine.enter(exit);
      expect(machine.number(name) & 0x80000000, name).toBe(0);
    }
  });

  it("is saved with debug exceptions that wait", () => {
    const machine = Machine.ready({}, { GUEST_RFLAGS: 0x102n }).enter((cpu) => {
      cpu.pendingDebug = 0x4000;
      cpu.interruptShadow = 2;
      return stopOnPort({ port: 0x80 })(cpu);
    });
    expect(machine.number("GUEST_PENDING_DBG_EXCEPTIONS")).toBe(0x4000);
    const loaded: number[] = [];
    machine.enter(({ pendingDebug }) => {
      loaded.push(pendingDebug);
      return STOP.budget;
    });
    expect(loaded).toEqual([0x4000]);
  });

  it("is saved where the exit has MSRs to store", () => {
    const machine = Machine.ready({}, { VM_EXIT_MSR_STORE_COUNT: 1n, VM_EXIT_MSR_STORE_ADDR: BigInt(MSR_AREA) });
    machine.memory.u32[MSR_AREA / 4] = 0x10;
    machine.cpu.instructionsRetired = 77;
    machine.enter(exit);
    expect(machine.memory.u64[MSR_AREA / 8 + 1]).toBe(77n);
    expect(machine.vmx.lastExit.reason).toBe(30);
  });
});

describe("an entry after nothing but RIP was written", () => {
  const resume = (machine: Machine): { rip: bigint; loads: number } => {
    const { configurations } = machine.mmu;
    const before = configurations.length;
    machine.enter();
    return { rip: machine.cpu.rip, loads: configurations.length - before };
  };

  it("goes on there with the state that the processor has", () => {
    const machine = Machine.ready().enter(exit);
    machine.write("GUEST_RIP", 0x77n);
    expect(resume(machine)).toEqual({ rip: 0x77n, loads: 0 });
    expect(machine.cpu.cr3).toBe(0x5000n);
    expect(machine.number("GUEST_CR3")).toBe(0x5000);
  });

  it("fails for a RIP that the mode does not have, with the state saved", () => {
    const machine = Machine.ready().enter(exit);
    machine.write("GUEST_RIP", 0x1_0000_0000n);
    machine.enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(0x80000021);
    expect(machine.number("GUEST_CR3")).toBe(0x5000);
  });

  it.each([
    [0x7fff_ffff_ffffn, true],
    [0x8000_0000_0000n, false],
    [0xffff_7fff_ffff_ffffn, false],
    [0xffff_8000_0000_0000n, true],
  ])("to %s in 64-bit mode succeeds only where that is canonical", (rip, isCanonical) => {
    const machine = Machine.ready(
      {},
      {
        VM_ENTRY_CONTROLS: 0xd3ffn,
        GUEST_CR0: 0x80000031n,
        GUEST_CR4: 0x2060n,
        GUEST_IA32_EFER: 0x500n,
        GUEST_CS_AR_BYTES: 0xa09bn,
        GUEST_CS_LIMIT: 0xffffffffn,
      },
    ).enter(stopOnPort({ port: 0x80 }));
    machine.write("GUEST_RIP", rip);
    machine.enter(stopOnPort({ port: 0x80 }));
    expect(machine.number("VM_EXIT_REASON")).toBe(isCanonical ? 30 : 0x80000021);
  });

  it("delivers the debug exceptions that the exit saved", () => {
    const machine = Machine.ready({}, { EXCEPTION_BITMAP: 2n }).enter((cpu) => {
      cpu.pendingDebug = 0x4000;
      return STOP.budget;
    });
    expect(machine.number("GUEST_PENDING_DBG_EXCEPTIONS")).toBe(0x4000);
    machine.enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(0);
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000301);
  });

  it("stops at what the fields written in between say", () => {
    const machine = Machine.ready().enter(exit);
    machine.write("EXCEPTION_BITMAP", 0x4000n);
    machine.enter();
    expect(machine.cpu.exceptionBitmap & 0x4000).toBe(0x4000);
  });

  it("is not repeated after software has used the processor", () => {
    const machine = Machine.ready().enter(exit);
    machine.vmx.loadGuestState();
    machine.cpu.exceptionBitmap = 0xffffffff;
    machine.cpu.windowRequest = 3;
    machine.enter();
    expect([machine.cpu.exceptionBitmap, machine.cpu.windowRequest]).toEqual([0x60142, 0]);
  });

  it("stops at what the controls say of an entry that did not come to the guest's first instruction", () => {
    const machine = Machine.ready({}, { GUEST_RFLAGS: 0x202n }).enter(stopOnPort({ port: 0x80 }));
    machine.write("CPU_BASED_VM_EXEC_CONTROL", machine.read("CPU_BASED_VM_EXEC_CONTROL") | 4n);
    machine.write("VM_ENTRY_INTR_INFO", 0x80000040n);
    machine.cpu.deliveries.push(stopOnMmu());
    expect(machine.enter().number("VM_EXIT_REASON")).toBe(48);
    machine.write("GUEST_RIP", 0x77n);
    expect(machine.enter().number("VM_EXIT_REASON")).toBe(7);
  });

  it("refuses a budget that is none, as ever", () => {
    const machine = Machine.ready().enter(exit);
    for (const budget of [0, -1, 0.5, Number.NaN, 2 ** 31]) expect(() => machine.vmx.vmresume(budget)).toThrow();
  });
});

describe("completeInstruction", () => {
  it("counts in the width of the instruction pointer", () => {
    const machine = Machine.ready().enter(exit);
    machine.write("GUEST_RIP", 0xffff_ffffn);
    machine.vmx.completeInstruction(2);
    expect(machine.read("GUEST_RIP")).toBe(1n);
    const long = { VM_ENTRY_CONTROLS: 0xd3ffn, GUEST_CS_AR_BYTES: 0xa09bn };
    const wide = Machine.ready({}, { ...long, GUEST_RIP: 0xffff_ffffn });
    wide.vmx.completeInstruction(2);
    expect(wide.read("GUEST_RIP")).toBe(0x1_0000_0001n);
    wide.write("GUEST_RIP", 0xffff_ffff_ffff_ffffn);
    wide.vmx.completeInstruction(2);
    expect(wide.read("GUEST_RIP")).toBe(1n);
  });

  it("ends blocking by STI and MOV SS, and leaves that of NMIs", () => {
    const machine = Machine.ready({}, { GUEST_RFLAGS: 0x202n }).enter((cpu) => {
      cpu.interruptShadow = 1;
      cpu.nmiBlocked = true;
      return stopOnPort({ port: 0x80 })(cpu);
    });
    expect(machine.number("GUEST_INTERRUPTIBILITY_INFO")).toBe(9);
    machine.vmx.completeInstruction(1);
    expect(machine.number("GUEST_INTERRUPTIBILITY_INFO")).toBe(8);
    machine.enter();
    expect([machine.cpu.interruptShadow, machine.cpu.nmiBlocked]).toEqual([0, true]);
  });
});
