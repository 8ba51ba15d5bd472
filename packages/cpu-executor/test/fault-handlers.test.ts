import { describe, expect, it } from "vitest";
import { type Cpu, SEGMENT, STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

// What every handler of page faults executes: MOV from CR2 and an IRET that sets RF have a short way in emitted code.

const RF = 0x10000;
const STACK = 0x8000;
const TARGET = 0x1010;

/** nop; iretd. Behind it, at 1010h: inc eax; out 80h,al; hlt. */
const IRET = "90 cf 9090909090909090909090909090 40 e680 f4";

/** A frame that returns to an address with flags, in the way of emitted code or, with interrupts opened, in the other. */
function returning(flags: number, target: number = TARGET): SystemMachine {
  const machine = new SystemMachine(IRET);
  const { cpu, memory, base } = machine;
  cpu.setRegister(4, BigInt(STACK - 12));
  memory.u32.set([target, 8, flags], (base + STACK - 12) >> 2);
  // Known to the soft TLB, without which the way is the other one.
  cpu.run(1);
  expect(cpu.ripNumber).toBe(0x1001);
  warm(machine);
  return machine;
}

/** pop eax three times, where nobody looks: the stack, the tables and the code are in the soft TLB then. */
function warm({ cpu, memory, base }: SystemMachine): void {
  const at = 0x1100;
  // pop eax; push eax; mov eax,[6008h]; xor eax,eax
  const code = [0x58, 0x50, 0xa1, 0x08, 0x60, 0, 0, 0x31, 0xc0];
  memory.u8.set(code, base + at);
  const { ripNumber, rflagsNumber } = cpu;
  cpu.ripNumber = at;
  expect(cpu.run(4)).toBe(STOP.budget);
  cpu.ripNumber = ripNumber;
  cpu.rflagsNumber = rflagsNumber;
}

const hasRf = ({ rflagsNumber }: Cpu): boolean => (rflagsNumber & RF) !== 0;

describe("an IRET that sets RF", () => {
  it.each([
    ["with interrupts as they were", 0x10002],
    ["that opens interrupts", 0x10202],
  ])("%s leaves it for one instruction", (_name, flags) => {
    const { cpu } = returning(flags);
    const before = cpu.instructionsRetired;
    expect(cpu.run(1)).toBe(STOP.budget);
    expect([cpu.ripNumber, hasRf(cpu), cpu.instructionsRetired - before]).toEqual([TARGET, true, 1]);
    expect(cpu.getRegister(4)).toBe(BigInt(STACK));
    expect(cpu.run(1)).toBe(STOP.budget);
    expect([cpu.ripNumber, hasRf(cpu), cpu.instructionsRetired - before]).toEqual([TARGET + 1, false, 2]);
  });

  it.each([0x10002, 0x10202])("in one run with what follows ends without it (%s)", (flags) => {
    const { cpu } = returning(flags);
    expect(cpu.run(100)).toBe(STOP.port);
    expect([cpu.ripNumber, hasRf(cpu), cpu.getRegister(0)]).toEqual([TARGET + 1, false, 1n]);
  });

  it("ends without it where emitted code goes on by itself", () => {
    const { cpu } = returning(0x10002);
    // The blocks at both places are known, so no run ends between them.
    for (const at of [TARGET, 0x1001]) {
      cpu.ripNumber = at;
      expect(cpu.run(1)).toBe(STOP.budget);
      cpu.setRegister(4, BigInt(STACK - 12));
    }
    cpu.ripNumber = 0x1001;
    cpu.rflagsNumber = 2;
    expect(cpu.run(100)).toBe(STOP.port);
    expect([cpu.ripNumber, hasRf(cpu)]).toEqual([TARGET + 1, false]);
  });

  it.each([0x10002, 0x10202])("keeps it where the next instruction stops (%s)", (flags) => {
    const { cpu } = returning(flags, TARGET + 1);
    expect(cpu.run(100)).toBe(STOP.port);
    expect([cpu.ripNumber, hasRf(cpu)]).toEqual([TARGET + 1, true]);
    cpu.completeInstruction();
    expect(hasRf(cpu)).toBe(false);
  });

  it.each([0x10002, 0x10202])("has a breakpoint there stay quiet (%s)", (flags) => {
    const { cpu } = returning(flags);
    cpu.dr0 = BigInt(TARGET);
    cpu.dr7 = 0x401;
    cpu.exceptionBitmap = 2;
    expect(cpu.run(100)).toBe(STOP.port);
    expect(hasRf(cpu)).toBe(false);
  });
});

describe("MOV from CR2", () => {
  /** mov ebx,cr2; hlt */
  const CODE = "0f20d3 f4";

  it("gives 32 bits outside 64-bit mode, and goes on behind", () => {
    const { cpu } = new SystemMachine(CODE);
    cpu.setRegister(3, -1n);
    cpu.cr2 = 0x1234_5678_9abc_def0n;
    expect(cpu.run(1)).toBe(STOP.budget);
    expect([cpu.getRegister(3), cpu.ripNumber, cpu.instructionsRetired]).toEqual([0x9abc_def0n, 0x1003, 1]);
    expect(cpu.run(10)).toBe(STOP.halt);
  });

  it("gives all of it in 64-bit mode, to any register", () => {
    // mov r11,cr2; hlt
    const { cpu } = new SystemMachine("410f20d3 f4");
    cpu.efer = 0x500;
    cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffffffff, 0xa09b);
    cpu.cr2 = 0xffff_8000_9abc_def0n;
    expect(cpu.run(10)).toBe(STOP.halt);
    expect(cpu.getRegister(11)).toBe(0xffff_8000_9abc_def0n);
  });

  it("never stops as an instruction, whatever is intercepted; MOV from CR0 does", () => {
    const { cpu } = new SystemMachine(`${CODE} 0f20c3`);
    cpu.intercepts.fill(1);
    expect(cpu.run(1)).toBe(STOP.budget);
    cpu.ripNumber = 0x1004;
    expect(cpu.run(1)).toBe(STOP.instruction);
  });

  it("is #GP(0) above CPL 0", () => {
    const { cpu } = new SystemMachine(CODE);
    cpu.exceptionBitmap = -1;
    cpu.setSegmentRaw(SEGMENT.cs, 0x1b, 0, 0, 0xffffffff, 0xc0fb);
    cpu.setSegmentRaw(SEGMENT.ss, 0x23, 0, 0, 0xffffffff, 0xc0f3);
    expect(cpu.run(1)).toBe(STOP.exception);
    expect([cpu.stop.vector, cpu.stop.errorCode, cpu.ripNumber]).toEqual([13, 0, 0x1000]);
  });
});
