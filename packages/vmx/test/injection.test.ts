import { STOP, WINDOW } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import type { VmcsFieldName } from "../src/index.ts";
import { Machine, MSR_AREA, stopOnMmu, VMCS_A, VMCS_B } from "./machine.ts";
import { RealMachine } from "./real-machine.ts";

const RFLAGS_IF = 0x202n;

describe("event injection", () => {
  it.each([
    ["external interrupt", 0x80000020n, { vector: 0x20, type: 0, errorCode: -1, instructionLength: 0 }],
    ["NMI", 0x80000202n, { vector: 2, type: 2, errorCode: -1, instructionLength: 0 }],
    ["exception", 0x8000030dn, { vector: 13, type: 3, errorCode: -1, instructionLength: 0 }],
    ["software interrupt", 0x80000480n, { vector: 0x80, type: 4, errorCode: -1, instructionLength: 2 }],
  ])("delivers an %s before the first instruction", (_name, info, event) => {
    const machine = Machine.ready({}, { GUEST_RFLAGS: RFLAGS_IF });
    machine.write("VM_ENTRY_INTR_INFO", info);
    machine.write("VM_ENTRY_INSTRUCTION_LEN", 2n);
    machine.enter();
    expect(machine.cpu.delivered).toEqual([event]);
    expect(machine.number("VM_ENTRY_INTR_INFO")).toBe(Number(info & 0x7fffffffn));
    machine.enter();
    expect(machine.cpu.delivered).toHaveLength(1);
  });

  it("delivers the error code in protected mode", () => {
    const machine = Machine.ready(
      {},
      {
        GUEST_CR0: 0x31n,
        VM_ENTRY_INTR_INFO: 0x80000b0dn,
        VM_ENTRY_EXCEPTION_ERROR_CODE: 0x28n,
      },
    ).enter();
    expect(machine.cpu.delivered[0]?.errorCode).toBe(0x28);
  });

  it("keeps CR2, which software has set, for an injected #PF", () => {
    const machine = Machine.ready({}, { VM_ENTRY_INTR_INFO: 0x8000030en });
    machine.cpu.cr2 = 0x1234n;
    machine.mmu.guestLinearLow = 0x99;
    machine.enter();
    expect(machine.cpu.cr2).toBe(0x1234n);
  });

  it("blocks further NMIs after an NMI", () => {
    const machine = Machine.ready({}, { VM_ENTRY_INTR_INFO: 0x80000202n }).enter();
    expect(machine.number("GUEST_INTERRUPTIBILITY_INFO")).toBe(8);
  });

  it("reports the event again when its delivery meets an EPT violation", () => {
    const machine = Machine.ready({}, { GUEST_RFLAGS: RFLAGS_IF, VM_ENTRY_INTR_INFO: 0x80000480n });
    machine.write("VM_ENTRY_INSTRUCTION_LEN", 2n);
    machine.cpu.deliveries.push(stopOnMmu());
    machine.enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(48);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0x80000480);
    expect(machine.number("VM_EXIT_INSTRUCTION_LEN")).toBe(2);
    expect(machine.cpu.budgets).toEqual([]);
  });

  it("wakes a halted guest", () => {
    const machine = Machine.ready(
      {},
      {
        GUEST_RFLAGS: RFLAGS_IF,
        GUEST_ACTIVITY_STATE: 1n,
        VM_ENTRY_INTR_INFO: 0x80000020n,
      },
    ).enter();
    expect(machine.number("GUEST_ACTIVITY_STATE")).toBe(0);
    expect(machine.cpu.budgets).toEqual([1000]);
  });

  it("leaves a halted guest halted without an event", () => {
    const machine = Machine.ready({}, { GUEST_ACTIVITY_STATE: 1n }).enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
    expect(machine.number("GUEST_ACTIVITY_STATE")).toBe(1);
    expect(machine.cpu.budgets).toEqual([]);
  });

  it("exits at once for a pending monitor trap", () => {
    const machine = Machine.ready({}, { VM_ENTRY_INTR_INFO: 0x80000700n }).enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(37);
    expect(machine.cpu.budgets).toEqual([]);
  });

  it("raises a pending debug exception", () => {
    const machine = Machine.ready({}, { GUEST_PENDING_DBG_EXCEPTIONS: 0x1001n }).enter();
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000301);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(1);
  });
});

describe("windows and the monitor trap flag", () => {
  const controls = (bit: bigint): bigint => 0xa581e5f2n | (1n << bit);

  it("exits 7 at the first boundary where interrupts are open", () => {
    const machine = Machine.ready({}, { CPU_BASED_VM_EXEC_CONTROL: controls(2n) });
    const opens = (cpu: (typeof machine)["cpu"]): number => {
      expect(cpu.windowRequest).toBe(WINDOW.interrupt);
      cpu.instructionsRetired += 3;
      cpu.rip += 3n;
      cpu.rflagsNumber = 0x202;
      return STOP.window;
    };
    machine.enter(opens);
    expect(machine.number("VM_EXIT_REASON")).toBe(7);
    expect(machine.number("GUEST_RIP")).toBe(3);
    expect(machine.cpu.budgets).toEqual([1000]);
  });

  it("exits 7 behind the instruction after STI on the real processor, and at once where interrupts are open", () => {
    const machine = new RealMachine([0x90, 0xfb, 0x90, 0x90, 0xf4], { CPU_BASED_VM_EXEC_CONTROL: controls(2n) }).map();
    expect([machine.enter(), machine.number("GUEST_RIP")]).toEqual([7, 3]);
    expect([machine.enter(), machine.number("GUEST_RIP")]).toEqual([7, 3]);
    machine.write("CPU_BASED_VM_EXEC_CONTROL", 0xa581e5f2n);
    expect([machine.enter(), machine.number("GUEST_RIP")]).toEqual([12, 4]);
  });

  it("exits 8 when NMIs are not blocked", () => {
    const machine = Machine.ready(
      {},
      {
        PIN_BASED_VM_EXEC_CONTROL: 0x3fn,
        CPU_BASED_VM_EXEC_CONTROL: controls(22n),
      },
    ).enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(8);
  });

  it("exits 37 after one instruction", () => {
    const machine = Machine.ready({}, { CPU_BASED_VM_EXEC_CONTROL: controls(27n) }).enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(37);
    expect(machine.cpu.budgets).toEqual([1]);
  });
});

describe("MSR areas", () => {
  const area = (machine: Machine, ...entries: (readonly [number, bigint])[]): void => {
    for (const [i, [index, value]] of entries.entries()) {
      machine.memory.u32[(MSR_AREA + i * 16) / 4] = index;
      machine.memory.u64[(MSR_AREA + i * 16 + 8) / 8] = value;
    }
  };
  const LOAD = { VM_ENTRY_MSR_LOAD_ADDR: BigInt(MSR_AREA), VM_ENTRY_MSR_LOAD_COUNT: 2n };
  const STORE = { VM_EXIT_MSR_STORE_ADDR: BigInt(MSR_AREA), VM_EXIT_MSR_STORE_COUNT: 1n };

  it("are loaded at entry and stored at exit", () => {
    const machine = Machine.ready({}, LOAD);
    area(machine, [0xc0000081, 0x1234n], [0xc0000102, 0x5678n]);
    machine.enter();
    machine.write("VM_ENTRY_MSR_LOAD_COUNT", 0n);
    for (const [name, value] of Object.entries(STORE)) machine.write(name as VmcsFieldName, value);
    area(machine, [0xc0000102, 0n]);
    machine.enter();
    expect(machine.memory.u64[(MSR_AREA + 8) / 8]).toBe(0x5678n);
  });

  it.each<[string, readonly [number, bigint], bigint]>([
    ["FS_BASE", [0xc0000100, 0n], 2n],
    ["an x2APIC register", [0x808, 0n], 2n],
    ["IA32_SMM_MONITOR_CTL", [0x9b, 0n], 2n],
    ["an MSR that does not exist", [0x1fff, 0n], 2n],
    ["a value that #GPs", [0xc0000080, 1n << 40n], 2n],
  ])("fail the entry with exit 34 and the entry's number: %s", (_name, entry, number) => {
    const machine = Machine.ready({}, LOAD);
    area(machine, [0xc0000081, 0n], entry);
    machine.enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(0x80000022);
    expect(machine.read("EXIT_QUALIFICATION")).toBe(number);
    expect(machine.cpu.budgets).toEqual([]);
  });

  it("abort when an exit cannot store", () => {
    const machine = Machine.ready({}, STORE);
    area(machine, [0x1fff, 0n]);
    expect(() => machine.enter()).toThrow(/VMX abort 1/);
    expect(machine.memory.u32[(VMCS_A + 4) / 4]).toBe(1);
  });
});

describe("two VMCSs on one processor", () => {
  it("each keep their guest's state", () => {
    const machine = Machine.ready({}, { GUEST_RIP: 0x100n, GUEST_CS_BASE: 0x1000n });
    machine.enter((cpu) => {
      cpu.rip = 0x111n;
      return STOP.budget;
    });
    machine.use(VMCS_B, { GUEST_RIP: 0x200n, GUEST_CS_BASE: 0x2000n });
    machine.enter((cpu) => {
      expect([cpu.rip, cpu.segments[1]?.baseLow]).toEqual([0x200n, 0x2000]);
      cpu.rip = 0x222n;
      return STOP.budget;
    });
    machine.expectSuccess(machine.vmx.vmptrld(VMCS_A));
    machine.enter((cpu) => {
      expect([cpu.rip, cpu.segments[1]?.baseLow]).toEqual([0x111n, 0x1000]);
      return STOP.budget;
    });
    expect(machine.number("GUEST_RIP")).toBe(0x111);
  });
});
