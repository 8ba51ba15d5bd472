import { describe, expect, it } from "vitest";
import { INTERCEPT, STOP, WINDOW } from "../src/index.ts";
import { combine } from "../src/system/double-fault.ts";
import { SystemMachine } from "./support/system-machine.ts";

const IF = 0x200;

describe("a double fault (SDM Vol 3A, table 6-5)", () => {
  it.each([
    ["benign and anything is the second", 3, 13, 13],
    ["contributory and contributory is #DF", 13, 11, 8],
    ["contributory and page fault is the page fault", 13, 14, 14],
    ["page fault and page fault is #DF", 14, 14, 8],
    ["page fault and contributory is #DF", 14, 10, 8],
    ["page fault and benign is the second", 14, 6, 6],
    ["an interrupt and a contributory exception is the exception", -1, 13, 13],
  ])("%s", (_name, first, second, expected) => {
    expect(combine(first, second)).toBe(expected);
  });
});

describe("events that the guest handles", () => {
  it("are delivered without a stop, and deliveries take from the budget but are no instructions", () => {
    const m = new SystemMachine("0f0b");
    m.gate(6, 0x2000);
    m.load(0x2000, "40 f4"); // inc eax; hlt
    expect(m.cpu.run(10)).toBe(STOP.halt);
    expect(m.cpu.instructionsRetired).toBe(2);
    expect([m.word(0x8000 - 12), m.word(0x8000 - 8)]).toEqual([0x1000, 8]);
    expect(m.word(0x8000 - 4) & 0x10000).toBe(0x10000);
  });

  it("end the budget when they only fault", () => {
    const m = new SystemMachine("0f0b");
    m.gate(6, 0x1000);
    expect(m.cpu.run(100)).toBe(STOP.budget);
    expect(m.cpu.instructionsRetired).toBe(0);
  });

  it("that cannot be delivered shut the processor down", () => {
    const m = new SystemMachine("0f0b");
    expect(m.cpu.run(10)).toBe(STOP.shutdown);
  });

  it("stop where the exception bitmap says so, and a failed delivery where it has #DF", () => {
    const m = new SystemMachine("0f0b");
    m.cpu.exceptionBitmap = 1 << 6;
    expect(m.cpu.run(10)).toBe(STOP.exception);
    expect(m.cpu.stop.vector).toBe(6);
    m.cpu.exceptionBitmap = 1 << 8;
    expect(m.cpu.run(10)).toBe(STOP.exception);
    expect(m.cpu.stop).toMatchObject({ vector: 6, errorCode: -1 });
  });
});

describe("external interrupts", () => {
  it("are asked for at the first border at which the guest takes them: behind the instruction after STI", () => {
    const m = new SystemMachine("fb 90 40 40"); // sti; nop; inc eax; inc eax
    m.cpu.windowRequest = WINDOW.interrupt;
    expect(m.cpu.run(10)).toBe(STOP.window);
    expect(m.cpu.ripNumber).toBe(0x1002);
    m.gate(0x30, 0x2000);
    m.cpu.windowRequest = 0;
    expect(m.cpu.deliverEvent({ vector: 0x30, type: 0, errorCode: -1, instructionLength: 0 })).toBe(STOP.budget);
    expect(m.cpu.ripNumber).toBe(0x2000);
    expect(m.cpu.rflagsNumber & IF).toBe(0);
    expect(m.word(0x8000 - 12)).toBe(0x1002);
  });

  it("are asked for directly behind a POPF that sets IF, which has no shadow", () => {
    const m = new SystemMachine("9d 40 40"); // popfd; inc eax; inc eax
    m.memory.u32[(m.base + 0x8000) >> 2] = 0x602;
    m.cpu.windowRequest = WINDOW.interrupt;
    expect(m.cpu.run(10)).toBe(STOP.window);
    expect([m.cpu.ripNumber, m.cpu.rflagsNumber, m.cpu.getRegister(4)]).toEqual([0x1001, 0x602, 0x8004n]);
  });

  it("wait for the instruction behind MOV SS", () => {
    const m = new SystemMachine("8ed0 90 90"); // mov ss,eax
    m.cpu.setRegister(0, 16n);
    m.cpu.rflagsNumber = IF | 2;
    m.cpu.windowRequest = WINDOW.interrupt;
    m.cpu.run(1);
    expect(m.cpu.stop.kind).toBe(STOP.window);
    m.cpu.windowRequest = 0;
    m.cpu.run(1);
    m.cpu.windowRequest = WINDOW.interrupt;
    expect(m.cpu.run(10)).toBe(STOP.window);
    expect(m.cpu.ripNumber).toBe(0x1003);
  });

  it("end a halt", () => {
    const m = new SystemMachine("f4 40");
    m.gate(0x30, 0x2000);
    m.load(0x2000, "cf");
    expect(m.cpu.run(10)).toBe(STOP.halt);
    expect(m.cpu.run(10)).toBe(STOP.halt);
    m.cpu.deliverEvent({ vector: 0x30, type: 0, errorCode: -1, instructionLength: 0 });
    m.cpu.run(1);
    expect(m.cpu.ripNumber).toBe(0x1001);
  });

  it("that are not maskable block further ones until IRET", () => {
    const m = new SystemMachine("90");
    m.gate(2, 0x2000);
    m.load(0x2000, "90 cf");
    m.cpu.deliverEvent({ vector: 2, type: 2, errorCode: -1, instructionLength: 0 });
    m.cpu.windowRequest = WINDOW.nmi;
    expect(m.cpu.run(1)).toBe(STOP.budget);
    expect(m.cpu.nmiBlocked).toBe(true);
    expect(m.cpu.run(10)).toBe(STOP.window);
    expect([m.cpu.nmiBlocked, m.cpu.ripNumber]).toEqual([false, 0x1000]);
  });
});

describe("POPF (SDM Vol 2B, table 4-16)", () => {
  it.each([
    ["at CPL 0 changes all but RF, VM, VIF and VIP", 0, 0, 0x3f7fd7, 0x247fd7],
    ["at CPL 0 changes plain flags", 0, 0, 0xed7, 0xed7],
    ["at CPL 3 with IOPL 0 keeps IF and IOPL", 3, 0, 0x3ed7, 0xcd7],
    ["at CPL 3 with IOPL 3 keeps IOPL and changes IF", 3, 0x3000, 0x2d7, 0x32d7],
  ])("%s", (_name, level, iopl, popped, expected) => {
    const m = new SystemMachine("9d 90");
    m.memory.u32[(m.base + 0x8000) >> 2] = popped & ~0x100;
    m.cpu.setSegmentRaw(2, 16 | level, 0, 0, 0xffffffff, 0xc093 | (level << 5));
    m.cpu.rflagsNumber = iopl | 2;
    m.cpu.run(1);
    expect(m.cpu.rflagsNumber).toBe(expected & ~0x100);
  });
});

describe("an intercept", () => {
  it("comes behind the checks of privilege", () => {
    const m = new SystemMachine("f4");
    m.cpu.intercepts[INTERCEPT.hlt] = 1;
    m.cpu.exceptionBitmap = -1;
    expect(m.cpu.run(1)).toBe(STOP.instruction);
    m.cpu.setSegmentRaw(1, 0x1b, 0, 0, 0xffffffff, 0xc0fb);
    m.cpu.setSegmentRaw(2, 0x23, 0, 0, 0xffffffff, 0xc0f3);
    expect(m.cpu.run(1)).toBe(STOP.exception);
    expect(m.cpu.stop).toMatchObject({ vector: 13, errorCode: 0 });
  });

  it("of a port comes behind the I/O permission map, and completeInstruction goes on behind it with its trap", () => {
    const m = new SystemMachine("e680 90"); // out 0x80,al
    m.cpu.exceptionBitmap = -1;
    m.cpu.rflagsNumber = 0x102;
    expect(m.cpu.run(1)).toBe(STOP.port);
    m.cpu.completeInstruction();
    expect(m.cpu.run(1)).toBe(STOP.exception);
    expect(m.cpu.stop.vector).toBe(1);
    expect(m.cpu.ripNumber).toBe(0x1002);
    expect(m.cpu.dr6 & 0x4000).toBe(0x4000);
  });
});
