import { INTERCEPT, STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { EXIT_REASON, EXIT_REASON_ENTRY_FAILURE, type VmcsFieldName } from "../src/index.ts";
import { Machine, stopOnInstruction } from "./machine.ts";

const CR4_PGE = 0x80n;
const TABLE = 0xa020;
const ENTRY_PDPTE_FAILURE = 2;

/** A guest in PAE paging that owns CR0 and may load CR3 with TABLE. */
const PAE_GUEST: Partial<Record<VmcsFieldName, bigint>> = {
  GUEST_CR0: 0x80000031n,
  GUEST_CR4: 0x2060n,
  GUEST_CR3: 0x9000n,
  CR0_GUEST_HOST_MASK: 0n,
  CR4_GUEST_HOST_MASK: 0x2040n,
  CR4_READ_SHADOW: 0x40n,
  CR3_TARGET_COUNT: 1n,
  CR3_TARGET_VALUE0: BigInt(TABLE),
  GUEST_PDPTR0: 0x1_0000_3001n,
  GUEST_PDPTR1: 0n,
  GUEST_PDPTR2: 0x4001n,
  GUEST_PDPTR3: 0x8000_0001n,
};
const WITHOUT_EPT = { SECONDARY_VM_EXEC_CONTROL: 0n };

/** Runs one MOV to a control register. */
const moveTo = (
  register: number,
  value: bigint,
  fields: Partial<Record<VmcsFieldName, bigint>> = {},
  load = 0,
): Machine => {
  const machine = Machine.ready({}, { ...PAE_GUEST, ...fields });
  machine.mmu.pdpteLoad = load;
  machine.cpu.registers[0] = value;
  return machine.enter(stopOnInstruction(INTERCEPT.movToCr, 3, register, 0));
};

describe("the PDPTE registers of a PAE guest", () => {
  it("come from the VMCS at an entry with EPT, and go there at the exit", () => {
    const machine = Machine.ready({}, PAE_GUEST);
    machine.enter(() => {
      expect(machine.mmu.pdpteHalves).toEqual([0x3001, 1, 0, 0, 0x4001, 0, 0x8000_0001 | 0, 0]);
      machine.mmu.setPdpteHalf(2, 0x7001);
      machine.mmu.setPdpteHalf(7, 5);
      return STOP.budget;
    });
    expect(machine.mmu.pdpteTables).toEqual([]);
    expect(machine.read("GUEST_PDPTR0")).toBe(0x1_0000_3001n);
    expect(machine.read("GUEST_PDPTR1")).toBe(0x7001n);
    expect(machine.read("GUEST_PDPTR3")).toBe(0x5_8000_0001n);
  });

  it("stay as they are in the VMCS when the guest does not use PAE paging", () => {
    const machine = Machine.ready({}, { GUEST_PDPTR0: 0x3001n }).enter();
    expect(machine.read("GUEST_PDPTR0")).toBe(0x3001n);
    expect(machine.mmu.pdpteHalves[0]).toBe(0);
  });

  it("come from memory at every entry without EPT", () => {
    const machine = Machine.ready({}, { ...PAE_GUEST, ...WITHOUT_EPT }).enter();
    expect(machine.mmu.pdpteTables).toEqual([0x9000]);
    machine.enter();
    expect(machine.mmu.pdpteTables).toEqual([0x9000, 0x9000]);
  });

  it("fail the entry without EPT when one in memory has a reserved bit, also if nothing was written since", () => {
    const machine = Machine.ready({}, { ...PAE_GUEST, ...WITHOUT_EPT, GUEST_PDPTR0: 0x3007n }).enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON.EXTERNAL_INTERRUPT);
    machine.memory.u32[0x9018 / 4] = 0x3003;
    machine.enter();
    expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON_ENTRY_FAILURE + EXIT_REASON.ENTRY_FAILURE_GUEST_STATE);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(ENTRY_PDPTE_FAILURE);
    machine.memory.u32[0x9018 / 4] = 0x3001;
    machine.memory.u32[0x901c / 4] = 1 << 14;
    machine.enter();
    expect(machine.number("EXIT_QUALIFICATION")).toBe(ENTRY_PDPTE_FAILURE);
  });
});

describe("loading the PDPTE registers", () => {
  it.each<[string, number, bigint, Partial<Record<VmcsFieldName, bigint>>, number[]]>([
    ["MOV to CR3 does it from the new table", 3, BigInt(TABLE), {}, [TABLE]],
    ["MOV to CR0 that sets CD does it", 0, 0xc0000031n, {}, [0x9000]],
    ["MOV to CR0 that turns paging on does it", 0, 0x80000031n, { GUEST_CR0: 0x31n }, [0x9000]],
    ["MOV to CR0 that changes WP does not", 0, 0x80010031n, {}, []],
    ["MOV to CR0 that turns paging off does not", 0, 0x31n, {}, []],
    ["MOV to CR4 that changes PGE does it", 4, 0x60n | CR4_PGE, {}, [0x9000]],
    ["MOV to CR4 that changes DE does not", 4, 0x68n, {}, []],
    ["MOV to CR4 that leaves PAE paging does not", 4, 0x40n, {}, []],
    ["MOV to CR4 that goes from 32-bit to PAE paging does it", 4, 0x60n, { GUEST_CR4: 0x2040n }, [0x9000]],
    ["MOV to CR3 in 32-bit paging does not", 3, BigInt(TABLE), { GUEST_CR4: 0x2040n }, []],
  ])("%s", (_name, register, value, fields, tables) => {
    const machine = moveTo(register, value, fields);
    expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON.EXTERNAL_INTERRUPT);
    expect(machine.mmu.pdpteTables).toEqual(tables);
  });

  it("raises #GP(0) for a reserved bit, and the control register keeps its value", () => {
    for (const [register, value] of [
      [3, BigInt(TABLE)],
      [0, 0xc0000031n],
      [4, 0x60n | CR4_PGE],
    ] as const) {
      const machine = moveTo(register, value, { EXCEPTION_BITMAP: 1n << 13n }, 1);
      expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON.EXCEPTION_OR_NMI);
      expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000b0d);
      expect(["GUEST_CR3", "GUEST_CR0", "GUEST_CR4"].map((name) => machine.number(name as VmcsFieldName))).toEqual([
        0x9000, 0x80000031, 0x2060,
      ]);
    }
  });

  it("exits where the EPT forbids reading the table, with the instruction not done", () => {
    const machine = Machine.ready({}, PAE_GUEST);
    Object.assign(machine.mmu, { pdpteLoad: 2, stopReason: 48, qualification: 1, guestPhysicalAddress: TABLE });
    machine.cpu.registers[0] = BigInt(TABLE);
    machine.enter(stopOnInstruction(INTERCEPT.movToCr, 3, 3, 0));
    expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON.EPT_VIOLATION);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(1);
    expect(machine.number("GUEST_PHYSICAL_ADDRESS")).toBe(TABLE);
    expect([machine.number("GUEST_CR3"), machine.number("GUEST_RIP")]).toEqual([0x9000, 0]);
  });
});
