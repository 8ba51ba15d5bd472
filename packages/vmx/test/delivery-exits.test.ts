import { STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { VMCS, type VmcsFieldName } from "../src/index.ts";
import { Machine, stopOnException } from "./machine.ts";
import { RealMachine } from "./real-machine.ts";

const TASK_SWITCH = 9;
const EPT_VIOLATION = 48;
const UNMAPPED_STACK = 0x1800n;
const NMI_UNBLOCKING = 0x1000;
const BLOCKED_BY_NMI = 8n;

const hex = (text: string): number[] => [...Buffer.from(text.replaceAll(" ", ""), "hex")];

const GDT = 0x100;
const IDT = 0x200;
const TASK = 0x300;
/** A flat 32-bit guest; GDT: code 8, data 10h, available TSS 18h, task gate 20h, busy TSS 28h, TSS that is too short 30h. */
const FLAT: Partial<Record<VmcsFieldName, bigint>> = {
  GUEST_CR0: 0x31n,
  CR0_GUEST_HOST_MASK: 0n,
  EXCEPTION_BITMAP: 0n,
  GUEST_CS_AR_BYTES: 0xc09bn,
  GUEST_CS_SELECTOR: 8n,
  ...Object.fromEntries(["CS", "SS", "DS"].map((name) => [`GUEST_${name}_LIMIT`, 0xffffffffn])),
  GUEST_SS_AR_BYTES: 0xc093n,
  GUEST_DS_AR_BYTES: 0xc093n,
  GUEST_GDTR_BASE: BigInt(GDT),
  GUEST_GDTR_LIMIT: 0x37n,
  GUEST_IDTR_BASE: BigInt(IDT),
  GUEST_IDTR_LIMIT: 0xffn,
  GUEST_TR_BASE: BigInt(TASK),
  GUEST_TR_SELECTOR: 0x28n,
  GUEST_RSP: 0xf00n,
};

function protectedMachine(code: string, fields: Partial<Record<VmcsFieldName, bigint>> = {}): RealMachine {
  const machine = new RealMachine(hex(code), { ...FLAT, ...fields }).map();
  const table = hex(
    "0000000000000000 ffff0000009bcf00 ffff00000093cf00 6700000400890000 0000180000850000 67000003008b0000 6600000400890000",
  );
  machine.memory.u8.set(table, machine.page + GDT);
  for (const [vector, selector] of [
    [6, "1800"],
    [7, "3000"],
  ] as const)
    machine.memory.u8.set(hex(`0000${selector}00850000`), machine.page + IDT + vector * 8);
  machine.memory.u8.set([0x28, 0], machine.page + TASK);
  return machine;
}

describe("a task switch always exits", () => {
  it.each([
    ["JMP to a TSS", "ea000000001800", 0x80000018, 7],
    ["CALL of a TSS", "9a000000001800", 0x18, 7],
    ["CALL through a task gate", "9a000000002000", 0x18, 7],
    ["JMP through a task gate", "ea000000002000", 0x80000018, 7],
  ])("by %s, with its selector and source", (_name, code, qualification, length) => {
    const machine = protectedMachine(code);
    expect(machine.enter()).toBe(TASK_SWITCH);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(qualification);
    expect(machine.number("VM_EXIT_INSTRUCTION_LEN")).toBe(length);
    expect(machine.number("IDT_VECTORING_INFO") >>> 31).toBe(0);
    expect(machine.number("GUEST_RIP")).toBe(0);
    expect(machine.number("GUEST_TR_SELECTOR")).toBe(0x28);
  });

  it("by IRET with NT", () => {
    const machine = protectedMachine("cf", { GUEST_RFLAGS: 0x4002n });
    expect(machine.enter()).toBe(TASK_SWITCH);
    expect([machine.number("EXIT_QUALIFICATION"), machine.number("VM_EXIT_INSTRUCTION_LEN")]).toEqual([0x40000028, 1]);
  });

  it.each([
    ["an exception", "0f0b", 0x80000306, undefined],
    ["INT n", "cd06", 0x80000406, 2],
  ])("by %s through a task gate, with IDT-vectoring information", (_name, code, vectoring, length) => {
    const machine = protectedMachine(code);
    expect(machine.enter()).toBe(TASK_SWITCH);
    expect(machine.number("EXIT_QUALIFICATION")).toBe(0xc0000018);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(vectoring);
    if (length !== undefined) expect(machine.number("VM_EXIT_INSTRUCTION_LEN")).toBe(length);
    expect(machine.number("GUEST_RIP")).toBe(0);
  });

  it("by an injected interrupt", () => {
    const machine = protectedMachine("f4", { VM_ENTRY_INTR_INFO: 0x80000006n, GUEST_RFLAGS: 0x202n });
    expect(machine.enter()).toBe(TASK_SWITCH);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0x80000006);
  });

  it.each([
    ["a TSS that is busy", "ea000000002800", 13, 0x28],
    ["a TSS that is too short", "ea000000003000", 10, 0x30],
    ["no TSS", "ea000000004000", 13, 0x40],
    ["an event through a gate to a TSS that is too short", "cd07", 10, 0x30],
  ])("unless its checks fail: %s", (_name, code, vector, errorCode) => {
    const machine = protectedMachine(code, { EXCEPTION_BITMAP: 0xffffffffn });
    expect(machine.enter()).toBe(0);
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe((0x80000b00 | vector) >>> 0);
    expect(machine.number("VM_EXIT_INTR_ERROR_CODE")).toBe(errorCode);
  });
});

describe("INT n whose delivery causes an exit", () => {
  it("is IDT-vectoring information with its length, for an EPT violation", () => {
    const machine = new RealMachine(hex("90 cd40"), { GUEST_RSP: UNMAPPED_STACK, EXCEPTION_BITMAP: 0n }).map();
    expect(machine.enter()).toBe(EPT_VIOLATION);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0x80000440);
    expect(machine.number("VM_EXIT_INSTRUCTION_LEN")).toBe(2);
    expect(machine.number("GUEST_RIP")).toBe(1);
  });

  it("is IDT-vectoring information for an exception that is intercepted", () => {
    const machine = new RealMachine(hex("cd40"), { GUEST_IDTR_LIMIT: 0xffn, EXCEPTION_BITMAP: 0x2000n }).map();
    expect(machine.enter()).toBe(0);
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x8000030d);
    expect(machine.number("IDT_VECTORING_INFO")).toBe(0x80000440);
    expect(machine.number("VM_EXIT_INSTRUCTION_LEN")).toBe(2);
  });

  it("of a vector that the exception bitmap has is no exception", () => {
    const machine = new RealMachine(hex("cd0d"), { GUEST_RSP: 0x800n, EXCEPTION_BITMAP: 0x2000n }).map();
    machine.memory.u8.set([0x20, 0, 0, 0], machine.page + 13 * 4);
    machine.memory.u8.set([0xf4], machine.page + 0x20);
    expect(machine.enter()).toBe(12);
    expect(machine.number("GUEST_RIP")).toBe(0x20);
  });

  it("delivers what the delivery raises where that is not intercepted", () => {
    const machine = new RealMachine(hex("cd40"), {
      GUEST_IDTR_LIMIT: 0xffn,
      EXCEPTION_BITMAP: 0n,
      GUEST_RSP: 0x800n,
    }).map();
    machine.memory.u8.set([0x20, 0, 0, 0], machine.page + 13 * 4);
    machine.memory.u8.set([0xf4], machine.page + 0x20);
    expect(machine.enter()).toBe(12);
    // The fault's return address is the INT itself.
    expect(machine.memory.u16[(machine.page + 0x7fa) >> 1]).toBe(0);
  });
});

describe("an IRET that fails", () => {
  it("has unblocked NMIs, and an EPT violation says so", () => {
    const machine = new RealMachine(hex("cf"), {
      GUEST_RSP: UNMAPPED_STACK,
      GUEST_INTERRUPTIBILITY_INFO: BLOCKED_BY_NMI,
    }).map();
    expect(machine.enter()).toBe(EPT_VIOLATION);
    expect(machine.number("EXIT_QUALIFICATION") & NMI_UNBLOCKING).toBe(NMI_UNBLOCKING);
    expect(machine.number("GUEST_INTERRUPTIBILITY_INFO")).toBe(0);
  });

  it("says so in the information of an intercepted exception", () => {
    const machine = protectedMachine("cf", {
      EXCEPTION_BITMAP: 0x2000n,
      GUEST_INTERRUPTIBILITY_INFO: BLOCKED_BY_NMI,
    });
    expect(machine.enter()).toBe(0);
    expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000b0d + NMI_UNBLOCKING);
  });

  it.each([
    ["an IRET while NMIs are not blocked", "cf", 0n],
    ["another instruction", "58", BLOCKED_BY_NMI],
  ])("alone does: %s does not", (_name, code, interruptibility) => {
    const machine = new RealMachine(hex(code), {
      GUEST_RSP: UNMAPPED_STACK,
      GUEST_INTERRUPTIBILITY_INFO: interruptibility,
    }).map();
    expect(machine.enter()).toBe(EPT_VIOLATION);
    expect(machine.number("EXIT_QUALIFICATION") & NMI_UNBLOCKING).toBe(0);
    expect(machine.number("GUEST_INTERRUPTIBILITY_INFO")).toBe(Number(interruptibility));
  });
});

describe("a stop of the processor", () => {
  it("with an INT n is delivered, never intercepted", () => {
    const machine = Machine.ready({}, { EXCEPTION_BITMAP: 0xffffffffn });
    const stop = (cpu: Machine["cpu"]): number => {
      stopOnException(6)(cpu);
      Object.assign(cpu.stop, { eventType: 4 });
      return STOP.exception;
    };
    machine.enter(stop, stopOnException(13, 0));
    expect(machine.cpu.delivered).toEqual([{ vector: 6, type: 4, errorCode: -1, instructionLength: 2 }]);
    expect(machine.vmx.vmread(VMCS.VM_EXIT_INTR_INFO)).toBe(0x80000b0dn);
  });
});
