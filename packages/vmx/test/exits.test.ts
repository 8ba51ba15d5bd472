import { INTERCEPT, STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { EXIT_REASON, PROFILES, type VmcsFieldName } from "../src/index.ts";
import type { Step } from "./fake-processor.ts";
import {
  BITMAP_A,
  BITMAP_B,
  Machine,
  MSR_BITMAP,
  type PortAccess,
  stopOnException,
  stopOnInstruction,
  stopOnMmu,
  stopOnPort,
} from "./machine.ts";

type Fields = Partial<Record<VmcsFieldName, bigint>>;

const exitOf = (machine: Machine): Record<string, number> => ({
  reason: machine.number("VM_EXIT_REASON"),
  qualification: machine.number("EXIT_QUALIFICATION"),
  length: machine.number("VM_EXIT_INSTRUCTION_LEN"),
});

const UNRESTRICTED_IO = { CPU_BASED_VM_EXEC_CONTROL: 0xa481e5f2n };
const BITMAPS = {
  CPU_BASED_VM_EXEC_CONTROL: 0xa681e5f2n,
  IO_BITMAP_A: BigInt(BITMAP_A),
  IO_BITMAP_B: BigInt(BITMAP_B),
};

describe("I/O exits", () => {
  it.each<[string, PortAccess, number]>([
    ["out dx, al", { port: 0x3f8 }, 0x3f80000],
    ["out 0x80, al", { port: 0x80, isImmediate: true, length: 2 }, 0x800040],
    ["in ax, dx", { port: 0x3f8, size: 2, isIn: true }, 0x3f80009],
    ["in eax, dx", { port: 0xcfc, size: 4, isIn: true, length: 2 }, 0xcfc000b],
    ["rep outsb", { port: 4, isString: true, isRep: true, length: 2 }, 0x40030],
  ])("%s", (_name, access, qualification) => {
    const machine = Machine.ready().enter(stopOnPort(access));
    expect(exitOf(machine)).toEqual({ reason: 30, qualification, length: access.length ?? 1 });
  });

  it("describes the memory operand of OUTS and INS", () => {
    const machine = Machine.ready({}, { GUEST_DS_BASE: 0x10000n, GUEST_ES_BASE: 0x20000n });
    machine.cpu.registers[6] = 0x1_2345n;
    machine.cpu.registers[7] = 0xffff_8000n;
    machine.enter(stopOnPort({ port: 4, isString: true, segment: 3 }));
    expect(machine.number("VMX_INSTRUCTION_INFO")).toBe(3 << 15);
    expect(machine.number("GUEST_LINEAR_ADDRESS")).toBe(0x12345);
    machine.enter(stopOnPort({ port: 4, isString: true, isIn: true, addressSize: 32 }));
    expect(machine.number("VMX_INSTRUCTION_INFO")).toBe(1 << 7);
    expect(machine.number("GUEST_LINEAR_ADDRESS")).toBe(0x18000);
  });

  it.each<[string, number, number, number, boolean]>([
    ["a set bit of bitmap A", 0x3f8, 1, 0x3f8, true],
    ["a clear bit", 0x3f9, 1, 0x3f8, false],
    ["one set bit of several", 0x3f5, 4, 0x3f8, true],
    ["a set bit of bitmap B", 0x8001, 1, 0x8001, true],
    ["an access from A into B", 0x7fff, 2, 0x8000, true],
    ["an access that wraps", 0xffff, 2, 0, true],
  ])("I/O bitmaps: %s", (_name, port, size, bit, exits) => {
    const machine = Machine.ready({}, BITMAPS);
    const bitmap = bit < 0x8000 ? BITMAP_A : BITMAP_B;
    machine.memory.u8[bitmap + ((bit & 0x7fff) >> 3)] = 1 << (bit & 7);
    machine.enter(stopOnPort({ port, size }));
    expect(machine.number("VM_EXIT_REASON")).toBe(exits ? 30 : 1);
  });

  it("gives a port that does not exit to the ports option, and goes on", () => {
    const written: unknown[] = [];
    const ports = {
      read: () => 0x1234_5678,
      write: (...access: unknown[]) => {
        written.push(access);
      },
    };
    const machine = Machine.ready({ ports }, UNRESTRICTED_IO);
    machine.cpu.registers[0] = 0xffff_ffff_ffff_ffffn;
    machine.enter(
      stopOnPort({ port: 5, size: 2, isIn: true, length: 1 }),
      stopOnPort({ port: 6, size: 4, isIn: true, length: 2 }),
      stopOnPort({ port: 7, size: 1, length: 1 }),
    );
    expect(machine.cpu.registers[0]).toBe(0x1234_5678n);
    expect(written).toEqual([[7, 1, 0x78]]);
    expect(machine.number("GUEST_RIP")).toBe(4);
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
  });

  it("reads all ones from a port that does not exit and has no device", () => {
    const machine = Machine.ready({}, UNRESTRICTED_IO).enter(stopOnPort({ port: 5, size: 2, isIn: true }));
    expect(machine.cpu.registers[0]).toBe(0xffffn);
  });
});

describe("EPT exits", () => {
  it("reports qualification, guest-physical and guest-linear address of a violation, with RF for the repetition", () => {
    const machine = Machine.ready();
    Object.assign(machine.mmu, {
      stopReason: 48,
      qualification: 0x184,
      guestPhysicalAddress: 0x9_0000_0123,
      guestLinearLow: 0x7000_0123,
      guestLinearHigh: -1,
    });
    machine.enter(stopOnMmu());
    expect(exitOf(machine)).toEqual({ reason: 48, qualification: 0x184, length: 0 });
    expect(machine.number("GUEST_PHYSICAL_ADDRESS")).toBe(0x9_0000_0123);
    expect(machine.read("GUEST_LINEAR_ADDRESS")).toBe(0xffffffff_70000123n);
    expect(machine.read("GUEST_RFLAGS")).toBe(0x10002n);
  });

  it("reports a misconfiguration without a qualification", () => {
    const machine = Machine.ready();
    Object.assign(machine.mmu, { stopReason: 49, qualification: 7, guestPhysicalAddress: 0x5000 });
    machine.enter(stopOnMmu());
    expect(exitOf(machine)).toEqual({ reason: 49, qualification: 0, length: 0 });
    expect(machine.number("GUEST_PHYSICAL_ADDRESS")).toBe(0x5000);
  });
});

describe("instruction exits", () => {
  const clear = (bit: bigint): Fields => ({ CPU_BASED_VM_EXEC_CONTROL: 0xa581e5f2n & ~(1n << bit) });
  const set = (bit: bigint): Fields => ({ CPU_BASED_VM_EXEC_CONTROL: 0xa581e5f2n | (1n << bit) });
  const secondary = (value: bigint): Fields => ({ SECONDARY_VM_EXEC_CONTROL: 0x82n | value });

  it.each<[keyof typeof INTERCEPT, number, Fields]>([
    ["hlt", EXIT_REASON.HLT, {}],
    ["cpuid", EXIT_REASON.CPUID, {}],
    ["rdtsc", EXIT_REASON.RDTSC, set(12n)],
    ["rdtscp", EXIT_REASON.RDTSCP, { ...set(12n), ...secondary(8n) }],
    ["rdmsr", EXIT_REASON.RDMSR, {}],
    ["wrmsr", EXIT_REASON.WRMSR, {}],
    ["invlpg", EXIT_REASON.INVLPG, set(9n)],
    ["monitor", EXIT_REASON.MONITOR, {}],
    ["mwait", EXIT_REASON.MWAIT, {}],
    ["pause", EXIT_REASON.PAUSE, set(30n)],
    ["rdpmc", EXIT_REASON.RDPMC, set(11n)],
    ["wbinvd", EXIT_REASON.WBINVD, secondary(0x40n)],
    ["invd", EXIT_REASON.INVD, {}],
    ["xsetbv", EXIT_REASON.XSETBV, {}],
    ["lgdt", EXIT_REASON.GDTR_IDTR_ACCESS, secondary(4n)],
    ["ltr", EXIT_REASON.LDTR_TR_ACCESS, secondary(4n)],
    ["vmcall", EXIT_REASON.VMCALL, {}],
    ["vmxon", EXIT_REASON.VMXON, {}],
    ["vmread", EXIT_REASON.VMREAD, {}],
    ["invept", EXIT_REASON.INVEPT, {}],
  ])("%s is exit %i", (name, reason, controls) => {
    const machine = Machine.ready({ profile: PROFILES.default }, controls);
    machine.enter(stopOnInstruction(INTERCEPT[name], 3));
    expect(exitOf(machine)).toEqual({ reason, qualification: 0, length: 3 });
    expect(machine.number("GUEST_RIP")).toBe(0);
    expect(machine.number("GUEST_RFLAGS")).toBe(2);
  });

  it.each<[keyof typeof INTERCEPT, Fields]>([
    ["pause", {}],
    ["wbinvd", {}],
    ["invlpg", {}],
    ["monitor", clear(29n)],
    ["mwait", clear(10n)],
  ])("%s that is not intercepted is passed over", (name, controls) => {
    const machine = Machine.ready({}, controls).enter(stopOnInstruction(INTERCEPT[name], 3));
    expect(exitOf(machine).reason).toBe(1);
    expect(machine.number("GUEST_RIP")).toBe(3);
  });

  it.each<keyof typeof INTERCEPT>(["rdtscp", "lgdt", "smsw", "rsm"])("%s without support raises #UD", (name) => {
    const machine = Machine.ready().enter(stopOnInstruction(INTERCEPT[name], 3, 4, -1));
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000306);
  });

  it("adds the TSC offset", () => {
    const fields = { ...set(3n), TSC_OFFSET: 0x2_0000_0001n };
    const machine = Machine.ready({ readTsc: () => 0x10n }, fields);
    machine.enter(stopOnInstruction(INTERCEPT.rdtsc, 2));
    expect([machine.cpu.registers[0], machine.cpu.registers[2]]).toEqual([0x11n, 2n]);
  });

  it("halts a guest whose HLT does not exit until the host's interrupt", () => {
    const machine = Machine.ready({}, clear(7n)).enter(stopOnInstruction(INTERCEPT.hlt, 1));
    expect(exitOf(machine).reason).toBe(1);
    expect(machine.number("GUEST_ACTIVITY_STATE")).toBe(1);
    expect(machine.number("GUEST_RIP")).toBe(1);
    machine.enter();
    expect(exitOf(machine).reason).toBe(1);
    expect(machine.cpu.budgets).toHaveLength(1);
  });

  it("raises #GP for a privileged instruction above CPL 0", () => {
    const machine = Machine.ready(
      {},
      {
        EXCEPTION_BITMAP: 1n << 13n,
        GUEST_CR0: 0x31n,
        GUEST_CS_AR_BYTES: 0xfbn,
        GUEST_SS_AR_BYTES: 0xf3n,
      },
    ).enter(stopOnInstruction(INTERCEPT.hlt, 1));
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000b0d);
  });
});

describe("MSR exits", () => {
  const controls: Fields = {
    CPU_BASED_VM_EXEC_CONTROL: 0xb581e5f2n,
    MSR_BITMAP: BigInt(MSR_BITMAP),
    EXCEPTION_BITMAP: 1n << 13n,
  };
  const access = (instruction: number, index: bigint, set: number): Machine => {
    const machine = Machine.ready({}, controls);
    machine.memory.u8[MSR_BITMAP + set] = 0xff;
    machine.cpu.registers.set([0x500n, index, 0n]);
    return machine.enter(stopOnInstruction(instruction, 2));
  };

  it.each([
    ["rdmsr of 0x174", INTERCEPT.rdmsr, 0x174n, 0x174 >> 3, 31],
    ["rdmsr of EFER", INTERCEPT.rdmsr, 0xc0000080n, 1024 + 0x10, 31],
    ["wrmsr of 0x174", INTERCEPT.wrmsr, 0x174n, 2048 + (0x174 >> 3), 32],
    ["wrmsr of EFER", INTERCEPT.wrmsr, 0xc0000080n, 3072 + 0x10, 32],
    ["rdmsr of an MSR that the bitmaps do not cover", INTERCEPT.rdmsr, 0x40000000n, 0, 31],
    ["wrmsr of 0x174 without its bit", INTERCEPT.wrmsr, 0x174n, 0x174 >> 3, 1],
    ["wrmsr of EFER without its bit", INTERCEPT.wrmsr, 0xc0000080n, 1024 + 0x10, 1],
    ["rdmsr of an unknown MSR raises #GP", INTERCEPT.rdmsr, 0x1ffn, 0, 0],
  ])("%s", (_name, instruction, index, set, reason) => {
    expect(exitOf(access(instruction, index, set)).reason).toBe(reason);
  });

  it("reads and writes the guest's own MSRs in the VMCS and the processor", () => {
    const machine = access(INTERCEPT.wrmsr, 0x175n, 0);
    expect(machine.number("GUEST_SYSENTER_ESP")).toBe(0x500);
    machine.cpu.registers.set([0n, 0x175n, 0n]);
    machine.enter(stopOnInstruction(INTERCEPT.rdmsr, 2));
    expect(machine.cpu.registers[0]).toBe(0x500n);
    const fs = access(INTERCEPT.wrmsr, 0xc0000100n, 0);
    expect(fs.number("GUEST_FS_BASE")).toBe(0x500);
  });
});

describe("control-register exits", () => {
  const rax = 0;
  const run = (instruction: number, register: number, value: bigint, fields: Fields = {}): Machine => {
    const machine = Machine.ready({ profile: PROFILES.default }, fields);
    machine.cpu.registers[rax] = value;
    return machine.enter(stopOnInstruction(instruction, 3, register, rax));
  };
  const cr = (qualification: number): object => ({ reason: 28, qualification, length: 3 });

  it.each([
    ["mov cr0 with a host bit changed", INTERCEPT.movToCr, 0, 0x60000011n, 0],
    ["mov cr4 with a host bit changed", INTERCEPT.movToCr, 4, 1n, 4],
    ["mov cr3", INTERCEPT.movToCr, 3, 0x1000n, 3],
    ["mov from cr3", INTERCEPT.movFromCr, 3, 0n, 0x13],
  ])("%s", (_name, instruction, register, value, qualification) => {
    expect(exitOf(run(instruction, register, value))).toEqual(cr(qualification));
  });

  it("names the general register in the qualification", () => {
    const machine = Machine.ready().enter(stopOnInstruction(INTERCEPT.movFromCr, 3, 3, 11));
    expect(exitOf(machine)).toEqual(cr(0xb13));
  });

  it("lets guest-owned bits of CR0 change and keeps the host's", () => {
    const machine = run(INTERCEPT.movToCr, 0, 0x60000018n);
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
    expect(machine.number("GUEST_CR0")).toBe(0x38);
  });

  it("shows the read shadow where the host owns a bit", () => {
    expect(run(INTERCEPT.movFromCr, 0, 0n).cpu.registers[rax]).toBe(0x60000010n);
    expect(run(INTERCEPT.movFromCr, 4, 0n).cpu.registers[rax]).toBe(0n);
  });

  it("does not exit for a CR3 target value", () => {
    const machine = run(INTERCEPT.movToCr, 3, 0x5000n, { CR3_TARGET_COUNT: 2n, CR3_TARGET_VALUE1: 0x5000n });
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
    expect(machine.number("GUEST_CR3")).toBe(0x5000);
    expect(machine.mmu.configurations.at(-1)?.cr3Low).toBe(0x5000);
  });

  it("clts: a guest-owned TS is cleared, a host-owned one that the guest sees as 1 exits", () => {
    expect(run(INTERCEPT.clts, 0, 0n, { GUEST_CR0: 0x38n }).number("GUEST_CR0")).toBe(0x30);
    const owned = { CR0_GUEST_HOST_MASK: 8n, CR0_READ_SHADOW: 8n };
    expect(exitOf(run(INTERCEPT.clts, 0, 0n, owned))).toEqual(cr(0x20));
  });

  it("lmsw: exits with its source when it changes a host bit", () => {
    expect(exitOf(run(INTERCEPT.lmsw, 6, 1n))).toEqual(cr(0x10030));
    expect(run(INTERCEPT.lmsw, 6, 8n).number("GUEST_CR0")).toBe(0x38);
  });

  it("mov dr exits with register and direction, or reaches the register", () => {
    const machine = Machine.ready().enter(stopOnInstruction(INTERCEPT.movFromDr, 3, 7, 2));
    expect(exitOf(machine)).toEqual({ reason: 29, qualification: 0x217, length: 3 });
    const free = { CPU_BASED_VM_EXEC_CONTROL: 0xa501e5f2n };
    const written = run(INTERCEPT.movToDr, 7, 0xffffn, free);
    expect(written.number("GUEST_DR7")).toBe(0x2fff | 0x400);
    expect(run(INTERCEPT.movFromDr, 6, 0n, free).cpu.registers[rax]).toBe(0xffff0ff0n);
  });
});

describe("exception exits", () => {
  const fields: Fields = { EXCEPTION_BITMAP: 0xffffffffn };

  it.each<[string, Step, number, number, number, number]>([
    ["#UD", stopOnException(6), 0x80000306, 0, 0x10002, 0],
    ["#GP with an error code", stopOnException(13, 0x18), 0x80000b0d, 0x18, 0x10002, 0],
    ["#DB, a trap", stopOnException(1), 0x80000301, 0, 2, 0],
    ["#BP, a software exception", stopOnException(3, -1, 1), 0x80000603, 0, 2, 1],
  ])("%s", (_name, step, info, errorCode, rflags, length) => {
    const machine = Machine.ready({}, fields).enter(step);
    expect(exitOf(machine)).toEqual({ reason: 0, qualification: 0, length });
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(info);
    expect(machine.number("VM_EXIT_INTR_ERROR_CODE")).toBe(errorCode);
    expect(machine.number("GUEST_RFLAGS")).toBe(rflags);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0);
    expect(machine.cpu.delivered).toEqual([]);
  });

  it("gives the linear address of #PF as qualification and leaves CR2 alone", () => {
    const machine = Machine.ready({}, fields);
    Object.assign(machine.mmu, { guestLinearLow: 0x1234, guestLinearHigh: -1 });
    machine.enter(stopOnException(14, 2));
    expect(machine.read("EXIT_QUALIFICATION")).toBe(0xffffffff_00001234n);
    expect(machine.cpu.cr2).toBe(0n);
  });

  it.each([
    ["bit set, match", 1n << 14n, 2n, 2n, 2, true],
    ["bit set, no match", 1n << 14n, 2n, 2n, 4, false],
    ["bit clear, match", 0n, 2n, 2n, 2, false],
    ["bit clear, no match", 0n, 2n, 2n, 4, true],
  ])("filters #PF by error code: %s", (_name, bitmap, mask, match, errorCode, exits) => {
    const filter = { EXCEPTION_BITMAP: bitmap, PAGE_FAULT_ERROR_CODE_MASK: mask, PAGE_FAULT_ERROR_CODE_MATCH: match };
    const machine = Machine.ready({}, filter);
    machine.mmu.guestLinearLow = 0x77;
    machine.enter(stopOnException(14, errorCode));
    expect(machine.number("VM_EXIT_REASON")).toBe(exits ? 0 : 1);
    expect(machine.cpu.cr2).toBe(exits ? 0n : 0x77n);
  });

  it("delivers what the bitmap lets through and goes on with the budget that is left", () => {
    const machine = Machine.ready({}, { EXCEPTION_BITMAP: 0n });
    machine.enter((cpu) => {
      cpu.instructionsRetired += 10;
      return stopOnException(6)(cpu);
    });
    expect(machine.cpu.delivered).toEqual([{ vector: 6, type: 3, errorCode: -1, instructionLength: 2 }]);
    expect(machine.cpu.budgets).toEqual([1000, 989]);
  });
});

describe("faults during delivery", () => {
  const fault =
    (vector: number, errorCode = -1): Step =>
    (cpu) => {
      Object.assign(cpu.stop, { vector, errorCode });
      return STOP.exception;
    };
  const enter = (bitmap: bigint, step: Step, ...deliveries: Step[]): Machine => {
    const machine = Machine.ready({}, { EXCEPTION_BITMAP: bitmap });
    machine.cpu.deliveries.push(...deliveries);
    return machine.enter(step);
  };

  it("delivers the second of two faults that are not contributory", () => {
    const machine = enter(0n, stopOnException(6), fault(13, 0x10));
    expect(machine.cpu.delivered.map(({ vector }) => vector)).toEqual([6, 13]);
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
  });

  it("makes a double fault of two contributory ones, and a triple fault of three", () => {
    const machine = enter(0n, stopOnException(13), fault(11), fault(13));
    expect(machine.cpu.delivered.map(({ vector }) => vector)).toEqual([13, 8]);
    expect(exitOf(machine)).toEqual({ reason: 2, qualification: 0, length: 0 });
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0);
  });

  it("records the first event when the second fault exits", () => {
    const machine = enter(1n << 13n, stopOnException(6), fault(13, 0x10));
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000b0d);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0x80000306);
  });

  it("records no event for an intercepted double fault", () => {
    const machine = enter(1n << 8n, stopOnException(14, 2), fault(14, 2));
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000308);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0);
  });

  it("records the event that an EPT violation interrupted, with its error code", () => {
    const machine = enter(0n, stopOnException(13, 0x18), stopOnMmu());
    expect(exitOf(machine).reason).toBe(48);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0x80000b0d);
    expect(machine.number("IDT_VECTORING_ERROR_CODE")).toBe(0x18);
  });

  it("is a triple fault when the vector table itself is unreachable", () => {
    expect(exitOf(enter(0n, stopOnException(6), () => STOP.shutdown)).reason).toBe(2);
    expect(exitOf(enter(0n, () => STOP.shutdown)).reason).toBe(2);
  });
});

describe("the budget", () => {
  it("ends in an external-interrupt exit, acknowledged when the controls say so", () => {
    const machine = Machine.ready().enter();
    expect(exitOf(machine)).toEqual({ reason: 1, qualification: 0, length: 0 });
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x800000ec);
    machine.write("VM_EXIT_CONTROLS", 0x3f6fffn);
    expect(machine.enter().number("VM_EXIT_INTR_INFO")).toBe(0);
  });

  it("is used up by instructions that are carried out without an exit", () => {
    const machine = Machine.ready();
    const pauses = Array.from({ length: 2000 }, () => stopOnInstruction(INTERCEPT.pause, 2));
    machine.enter(...pauses);
    expect(machine.number("GUEST_RIP")).toBe(2000);
    expect(machine.number("VM_EXIT_REASON")).toBe(1);
  });
});
