import { STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { NoCurrentVmcsError, type VmcsFieldName } from "../src/index.ts";
import type { FakeCpu } from "./fake-processor.ts";
import { Machine, VMXON_REGION } from "./machine.ts";

interface Register {
  readonly field: VmcsFieldName;
  /** A value that VM entry accepts, other than the initial one. */
  readonly value: bigint;
  readonly read: (cpu: FakeCpu) => bigint;
  readonly write: (cpu: FakeCpu, value: bigint) => void;
}

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const wide = (lowHalf: number, highHalf: number): bigint => (BigInt(highHalf >>> 0) << 32n) | BigInt(lowHalf >>> 0);

const SEGMENTS: readonly Register[] = (["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const).flatMap(
  (name, i) => {
    const of = (cpu: FakeCpu) => cpu.segments[i] as FakeCpu["segments"][number];
    const rights = { ES: 0x97n, CS: 0x9fn, SS: 0x97n, DS: 0x97n, FS: 0x97n, GS: 0x97n, LDTR: 0x1082n, TR: 0x83n }[name];
    const base =
      name === "FS" || name === "GS" || name === "TR" || name === "LDTR" ? 0xffff_9000_8000_1000n : 0x8765_4000n;
    return [
      {
        field: `GUEST_${name}_SELECTOR`,
        value: 0x1238n,
        read: (cpu) => BigInt(of(cpu).selector),
        write: (cpu, value) => Object.assign(of(cpu), { selector: Number(value) }),
      },
      {
        field: `GUEST_${name}_BASE`,
        value: base,
        read: (cpu) => wide(of(cpu).baseLow, of(cpu).baseHigh),
        write: (cpu, value) => Object.assign(of(cpu), { baseLow: low(value), baseHigh: high(value) }),
      },
      {
        field: `GUEST_${name}_LIMIT`,
        value: 0x7fffn,
        read: (cpu) => BigInt(of(cpu).limit),
        write: (cpu, value) => Object.assign(of(cpu), { limit: Number(value) }),
      },
      {
        field: `GUEST_${name}_AR_BYTES`,
        value: rights,
        read: (cpu) => BigInt(of(cpu).accessRights),
        write: (cpu, value) => Object.assign(of(cpu), { accessRights: Number(value) }),
      },
    ] satisfies Register[];
  },
);

type Key<T> = { [K in keyof FakeCpu]: FakeCpu[K] extends T ? K : never }[keyof FakeCpu];

const number = (field: VmcsFieldName, key: Key<number>, value: bigint): Register => ({
  field,
  value,
  read: (cpu) => BigInt(cpu[key]),
  write: (cpu, written) => Object.assign(cpu, { [key]: Number(written) }),
});
const bigint = (field: VmcsFieldName, key: Key<bigint>, value: bigint): Register => ({
  field,
  value,
  read: (cpu) => cpu[key],
  write: (cpu, written) => Object.assign(cpu, { [key]: written }),
});

const REGISTERS: readonly Register[] = [
  ...SEGMENTS,
  bigint("GUEST_RIP", "rip", 0x7123n),
  {
    field: "GUEST_RSP",
    value: 0x1234_5678_9abc_def0n,
    read: (cpu) => cpu.getRegister(4),
    write: (cpu, value) => cpu.setRegister(4, value),
  },
  number("GUEST_RFLAGS", "rflagsNumber", 0x8d7n),
  number("GUEST_CR0", "cr0", 0x38n),
  bigint("GUEST_CR3", "cr3", 0x12_3456_7000n),
  number("GUEST_CR4", "cr4", 0x2050n),
  number("GUEST_DR7", "dr7", 0x455n),
  number("GUEST_IA32_EFER", "efer", 0x801n),
  bigint("GUEST_GDTR_BASE", "gdtrBase", 0xffff_9000_0000_1000n),
  number("GUEST_GDTR_LIMIT", "gdtrLimit", 0x7fn),
  bigint("GUEST_IDTR_BASE", "idtrBase", 0xffff_9000_0000_2000n),
  number("GUEST_IDTR_LIMIT", "idtrLimit", 0x3ffn),
  number("GUEST_INTERRUPTIBILITY_INFO", "interruptShadow", 2n),
];
const NAMED = REGISTERS.map((register) => [register.field, register] as const);

describe("guest state", () => {
  it.each(NAMED)("%s is loaded at the first entry", (_name, { field, value, read }) => {
    const machine = Machine.ready({}, { [field]: value });
    let seen: bigint | undefined;
    machine.enter((cpu) => {
      seen = read(cpu);
      return STOP.budget;
    });
    expect(seen).toBe(value);
  });

  it.each(NAMED)("%s written between an exit and the next entry is honoured, alone", (_name, register) => {
    const machine = Machine.ready().enter();
    const others = REGISTERS.filter((other) => other !== register);
    const before = others.map((other) => other.read(machine.cpu));
    machine.write(register.field, register.value);
    machine.enter((cpu) => {
      expect(register.read(cpu)).toBe(register.value);
      expect(others.map((other) => other.read(cpu))).toEqual(before);
      return STOP.budget;
    });
    expect(machine.read(register.field)).toBe(register.value);
  });

  it.each(NAMED)("%s is saved at an exit, and the guest goes on with it", (_name, { field, value, read, write }) => {
    const machine = Machine.ready().enter((cpu) => {
      write(cpu, value);
      return STOP.budget;
    });
    expect(machine.read(field)).toBe(value);
    machine.enter((cpu) => {
      expect(read(cpu)).toBe(value);
      return STOP.budget;
    });
  });

  it("configures the MMU anew only when something that it depends on was written", () => {
    const machine = Machine.ready().enter();
    const { configurations } = machine.mmu;
    const count = configurations.length;
    machine.write("GUEST_RIP", 8n);
    machine.write("GUEST_RFLAGS", 0x202n);
    machine.enter();
    expect(configurations).toHaveLength(count);
    machine.write("EPT_POINTER", 0x901en);
    machine.enter();
    expect(configurations.at(-1)?.eptPointer).toBe(0x901e);
    machine.write("SECONDARY_VM_EXEC_CONTROL", 0n);
    machine.write("GUEST_CR0", 0x80000031n);
    machine.enter();
    expect(configurations.at(-1)).toMatchObject({ eptPointer: 0, cr0: 0x80000031 });
  });

  it("never loads CR0.NW and CR0.CD, and keeps CR0.ET set", () => {
    const machine = Machine.ready({}, { GUEST_CR0: 0x60000020n }).enter();
    expect(machine.cpu.cr0).toBe(0x30);
  });

  it("follows EFER.LMA and EFER.LME with the IA-32e mode guest control", () => {
    const long = {
      VM_ENTRY_CONTROLS: 0xd3ffn,
      GUEST_CR0: 0x80000031n,
      GUEST_CR4: 0x2060n,
      GUEST_IA32_EFER: 0x500n,
      GUEST_CS_AR_BYTES: 0xa09bn,
      GUEST_CS_LIMIT: 0xffffffffn,
      GUEST_RIP: 0xffff_ffff_8100_0000n,
    };
    const machine = Machine.ready({}, long).enter((cpu) => {
      expect([cpu.efer, cpu.rip]).toEqual([0x500, 0xffff_ffff_8100_0000n]);
      cpu.rip += 5n;
      return STOP.budget;
    });
    expect(machine.read("GUEST_RIP")).toBe(0xffff_ffff_8100_0005n);
    expect(machine.number("VM_ENTRY_CONTROLS")).toBe(0xd3ff);
    machine.enter((cpu) => {
      cpu.efer = 0;
      cpu.cr0 = 0x31;
      return STOP.budget;
    });
    expect(machine.number("VM_ENTRY_CONTROLS")).toBe(0xd1ff);
  });
});

describe("loadGuestState and saveGuestState", () => {
  it("let software emulate instructions on the processor between entries", () => {
    const machine = Machine.ready().enter();
    machine.write("GUEST_CR3", 0x3000n);
    machine.vmx.loadGuestState();
    expect(machine.cpu.cr3).toBe(0x3000n);
    machine.cpu.rip = 0x55n;
    machine.cpu.setSegmentRaw(3, 0x100, 0x1000, 0, 0xffff, 0x93);
    machine.vmx.saveGuestState();
    expect(machine.number("GUEST_RIP")).toBe(0x55);
    expect(machine.number("GUEST_DS_BASE")).toBe(0x1000);
    machine.enter((cpu) => {
      expect([cpu.rip, cpu.segments[3]?.selector]).toEqual([0x55n, 0x100]);
      return STOP.budget;
    });
  });

  it("check what was saved at the next entry", () => {
    const machine = Machine.ready().enter();
    machine.cpu.rflagsNumber = 0;
    machine.vmx.saveGuestState();
    machine.enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(0x80000021);
  });

  it("need a current VMCS", () => {
    const machine = new Machine();
    machine.vmx.vmxon(VMXON_REGION);
    expect(() => machine.vmx.loadGuestState()).toThrow(NoCurrentVmcsError);
    expect(() => machine.vmx.saveGuestState()).toThrow(NoCurrentVmcsError);
  });
});
