import { INTERCEPT } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { Machine, stopOnException } from "./machine.ts";
import { RealMachine } from "./real-machine.ts";

const stopsAt = (machine: Machine, ...names: (keyof typeof INTERCEPT)[]): boolean[] =>
  names.map((name) => machine.cpu.intercepts[INTERCEPT[name]] === 1);

describe("what the processor carries out by itself", () => {
  it("are the descriptor-table instructions without descriptor-table exiting", () => {
    const machine = Machine.ready().enter(stopOnException(13, 0));
    expect(stopsAt(machine, "lgdt", "sidt", "ltr", "str")).toEqual([false, false, false, false]);
  });

  it("is INVLPG without INVLPG exiting, and MOV DR without MOV-DR exiting", () => {
    const with_ = Machine.ready({}, { CPU_BASED_VM_EXEC_CONTROL: 0xa581e7f2n }).enter(stopOnException(13, 0));
    expect(stopsAt(with_, "invlpg", "movToDr")).toEqual([true, true]);
    const without = Machine.ready({}, { CPU_BASED_VM_EXEC_CONTROL: 0xa501e5f2n }).enter(stopOnException(13, 0));
    expect(stopsAt(without, "invlpg", "movToDr")).toEqual([false, false]);
  });

  it("are exceptions that the exception bitmap leaves, but for #DF", () => {
    const machine = Machine.ready({}, { EXCEPTION_BITMAP: 0x42n }).enter(stopOnException(1));
    expect(machine.cpu.exceptionBitmap).toBe(0x142);
  });

  it("are no page faults where the error code decides", () => {
    const machine = Machine.ready({}, { EXCEPTION_BITMAP: 0n, PAGE_FAULT_ERROR_CODE_MASK: 1n });
    machine.enter(stopOnException(13, 0));
    expect(machine.cpu.exceptionBitmap).toBe(0x4100);
  });

  it("LGDT, a switch to protected mode and a far jump need no exit", () => {
    const code = Buffer.from("0f0116400066b8310000000f22c0ea1300080066b810008ed8f4", "hex");
    const machine = new RealMachine([...code], {
      CR0_GUEST_HOST_MASK: 0n,
      GUEST_CR0: 0x30n,
    }).map();
    const table = [0x17, 0, 0x50, 0, 0, 0];
    const descriptors = [
      0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0, 0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0,
    ];
    machine.memory.u8.set(table, machine.page + 0x40);
    machine.memory.u8.set(descriptors, machine.page + 0x50);
    expect(machine.enter()).toBe(12);
    expect(machine.number("GUEST_CS_SELECTOR")).toBe(8);
    expect(machine.number("GUEST_CS_AR_BYTES")).toBe(0xc09b);
    expect(machine.number("GUEST_DS_SELECTOR")).toBe(16);
    expect(machine.number("GUEST_GDTR_BASE")).toBe(0x50);
  });

  it("with a bitmap of 0 is an exception through the guest's own table, whose handler runs without an exit", () => {
    // ud2 at 0; the handler at 0x20 halts.
    const machine = new RealMachine([0x0f, 0x0b], {
      EXCEPTION_BITMAP: 0n,
      GUEST_IDTR_LIMIT: 0xffffn,
      GUEST_RSP: 0x800n,
    });
    machine.map();
    machine.memory.u8.set([0x20, 0, 0, 0], machine.page + 6 * 4);
    machine.memory.u8.set([0xf4], machine.page + 0x20);
    expect(machine.enter()).toBe(12);
    expect(machine.number("GUEST_RIP")).toBe(0x20);
    expect(machine.number("GUEST_RSP")).toBe(0x7fa);
  });
});

describe("a single-step trap behind MOV SS", () => {
  it("waits in the pending debug exceptions over an exit, for the instruction behind", () => {
    const machine = new RealMachine([0x8e, 0xd0, 0x90, 0x90, 0xf4], { GUEST_RFLAGS: 0x102n }).map();
    expect(machine.enter(1)).toBe(1);
    expect([machine.number("GUEST_PENDING_DBG_EXCEPTIONS"), machine.number("GUEST_INTERRUPTIBILITY_INFO")]).toEqual([
      0x4000, 2,
    ]);
    expect(machine.enter()).toBe(0);
    expect(machine.number("VM_EXIT_INTR_INFO") & 0xff).toBe(1);
    expect(machine.number("GUEST_RIP")).toBe(3);
  });
});
