import { describe, expect, it } from "vitest";
import { INTERCEPT, RFLAGS, SEGMENT, STOP } from "../src/index.ts";
import { AX, BX, CX, DI, RealModeMachine, SI, SP } from "./support/real-mode.ts";

/** Runs to HLT and fails if something else stops the program. */
function halt(machine: RealModeMachine): void {
  expect(machine.cpu.run(10_000)).toBe(STOP.instruction);
  expect(machine.cpu.stop.instruction).toBe(INTERCEPT.hlt);
}

describe("in real mode", () => {
  it("addresses wrap at 64 KiB", () => {
    // mov bx,0xffff; mov al,[bx+si+2]; hlt
    const m = new RealModeMachine("bbffff 8a4002 f4");
    m.cpu.setRegister(SI, 0x10n);
    m.load(0x11, "5a");
    halt(m);
    expect(m.register(AX)).toBe(0x5a);
  });

  it("a word at offset 0xffff raises #GP, in the stack segment #SS", () => {
    for (const [code, vector] of [
      ["a1ffff", 13],
      ["36a1ffff", 12],
    ] as const) {
      const m = new RealModeMachine(code);
      expect(m.cpu.run(10)).toBe(STOP.exception);
      expect(m.cpu.stop).toMatchObject({ vector, errorCode: -1 });
      expect(m.cpu.ripNumber).toBe(0x1000);
    }
  });

  it("MOV to a segment register sets its base to the selector times 16", () => {
    // mov ax,0x1234; mov ds,ax; mov al,[0]; hlt
    const m = new RealModeMachine("b83412 8ed8 a00000 f4");
    m.load(0x12340, "77");
    halt(m);
    expect(m.cpu.getSegment(SEGMENT.ds)).toMatchObject({ selector: 0x1234, base: 0x12340n, limit: 0xffff });
    expect(m.register(AX) & 0xff).toBe(0x77);
  });

  it("POP SS holds interrupts back for one instruction", () => {
    const m = new RealModeMachine("17 90 90 f4");
    expect(m.cpu.run(1)).toBe(STOP.budget);
    expect(m.cpu.interruptShadow).toBe(2);
    expect(m.cpu.run(1)).toBe(STOP.budget);
    expect(m.cpu.interruptShadow).toBe(0);
  });

  it("STI holds interrupts back for one instruction", () => {
    const m = new RealModeMachine("fb 90 90 f4");
    expect(m.cpu.run(1)).toBe(STOP.budget);
    expect(m.cpu.interruptShadow).toBe(1);
    expect(m.cpu.rflagsNumber & RFLAGS.if).not.toBe(0);
    expect(m.cpu.run(1)).toBe(STOP.budget);
    expect(m.cpu.interruptShadow).toBe(0);
  });

  it("far CALL and RETF change CS and come back", () => {
    // call 0x0200:0x0010; hlt      at 0x2010: mov al,9; retf
    const m = new RealModeMachine("9a10000002 f4");
    m.load(0x2010, "b009 cb");
    halt(m);
    expect(m.register(AX)).toBe(9);
    expect(m.register(SP)).toBe(0x8000);
    expect(m.cpu.getSegment(SEGMENT.cs).selector).toBe(0);
  });

  it("far JMP through memory takes offset and selector from there", () => {
    // jmp far [0x3000]
    const m = new RealModeMachine("ff2e0030");
    m.load(0x3000, "1000 0002");
    m.load(0x2010, "f4");
    halt(m);
    expect(m.cpu.segmentSelector(SEGMENT.cs)).toBe(0x200);
    expect(m.cpu.ripNumber).toBe(0x10);
  });

  it("LES loads ES and the register", () => {
    const m = new RealModeMachine("c4 1e 00 30 f4");
    m.load(0x3000, "7856 3412");
    halt(m);
    expect(m.register(BX)).toBe(0x5678);
    expect(m.cpu.getSegment(SEGMENT.es)).toMatchObject({ selector: 0x1234, base: 0x12340n });
  });

  it("INT goes through the vector table and IRET comes back with the flags of before", () => {
    // sti; stc; int 0x21; hlt     handler at 0x500: mov al,7; iret
    const m = new RealModeMachine("fb f9 cd21 f4");
    m.load(0x84, "00050000");
    m.load(0x500, "b007 cf");
    halt(m);
    expect(m.register(AX)).toBe(7);
    expect(m.cpu.rflagsNumber & (RFLAGS.if | RFLAGS.cf)).toBe(RFLAGS.if | RFLAGS.cf);
    expect(m.register(SP)).toBe(0x8000);
  });

  it("an event is delivered with IF and TF cleared and the return address pushed", () => {
    const m = new RealModeMachine("90 f4");
    m.load(0x20 * 4, "34120010");
    m.cpu.rflagsNumber = RFLAGS.fixed | RFLAGS.if | RFLAGS.cf;
    expect(m.cpu.deliverEvent({ vector: 0x20, type: 0, errorCode: -1, instructionLength: 0 })).toBe(STOP.budget);
    expect(m.cpu.segmentSelector(SEGMENT.cs)).toBe(0x1000);
    expect(m.cpu.ripNumber).toBe(0x1234);
    expect(m.cpu.rflagsNumber).toBe(RFLAGS.fixed | RFLAGS.cf);
    expect(m.read(0x7ffa, 6)).toBe("001000000302");
  });

  it("an event whose vector lies beyond the table's limit raises #GP, a double fault shuts down", () => {
    const m = new RealModeMachine("90");
    m.cpu.idtrLimit = 0;
    expect(m.cpu.deliverEvent({ vector: 3, type: 6, errorCode: -1, instructionLength: 1 })).toBe(STOP.exception);
    expect(m.cpu.stop.vector).toBe(13);
    expect(m.cpu.deliverEvent({ vector: 8, type: 3, errorCode: 0, instructionLength: 0 })).toBe(STOP.shutdown);
  });

  it("POPF changes the flags that real mode may change", () => {
    // push 0x7fd7 | reserved; popf; pushf; pop ax; hlt
    const m = new RealModeMachine("68ff8f 9d 9c 58 f4");
    m.cpu.rflagsNumber = RFLAGS.fixed;
    // TF is among them: the next instruction is a single step.
    expect(m.cpu.run(100)).toBe(STOP.exception);
    expect(m.cpu.stop.vector).toBe(1);
    expect(m.cpu.rflagsNumber & 0xffff).toBe(0x0fd7);
  });

  it("PUSHA and POPA keep every register but SP", () => {
    // pusha; xor di,di; xor si,si; xor cx,cx; popa; hlt
    const m = new RealModeMachine("60 31ff 31f6 31c9 61 f4");
    m.cpu.setRegister(DI, 1n);
    m.cpu.setRegister(SI, 2n);
    m.cpu.setRegister(CX, 3n);
    halt(m);
    expect([m.register(DI), m.register(SI), m.register(CX), m.register(SP)]).toEqual([1, 2, 3, 0x8000]);
  });

  it("16-bit registers keep the upper bits of the whole register", () => {
    const m = new RealModeMachine("b80100 f4");
    m.cpu.setRegister(AX, 0x1122334455667788n);
    halt(m);
    expect(m.cpu.getRegister(AX)).toBe(0x1122334455660001n);
  });

  it("BCD instructions adjust as the manual's examples say", () => {
    // mov al,0x79; add al,0x35; daa; hlt (SDM Vol 2, DAA)
    const m = new RealModeMachine("b079 0435 27 f4");
    halt(m);
    expect(m.register(AX) & 0xff).toBe(0x14);
    expect(m.cpu.rflagsNumber & RFLAGS.cf).toBe(RFLAGS.cf);
  });

  it("LOOP counts CX down and branches until it is 0", () => {
    // mov cx,5; l: inc ax; loop l; hlt
    const m = new RealModeMachine("b90500 40 e2fd f4");
    halt(m);
    expect(m.register(AX)).toBe(5);
    expect(m.register(CX)).toBe(0);
  });
});
