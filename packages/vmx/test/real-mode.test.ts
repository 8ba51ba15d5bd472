import { describe, expect, it } from "vitest";
import { EXIT_REASON, VECTOR } from "../src/index.ts";
import { RealMachine } from "./real-machine.ts";

/** mov dx, 3f8; mov al, 34; out dx, al; cpuid; ud2; hlt */
const PROGRAM = [0xba, 0xf8, 0x03, 0xb0, 0x34, 0xee, 0x0f, 0xa2, 0x0f, 0x0b, 0xf4];
/** Interrupt vector table entry of #UD: 0000:0100. */
const UD_ENTRY = 6 * 4;

describe("a real-mode guest on the project's processor", () => {
  it("faults on its first fetch until EPT maps it, then exits for each instruction in turn", () => {
    const guest = new RealMachine(PROGRAM, { GUEST_RSP: 0x800n });
    expect(guest.enter()).toBe(EXIT_REASON.EPT_VIOLATION);
    expect(guest.number("GUEST_PHYSICAL_ADDRESS")).toBe(0);
    // Bit 2: an instruction fetch; bits 7 and 8: of a linear address, at its translation.
    expect(guest.number("EXIT_QUALIFICATION")).toBe(0x184);
    expect(guest.number("GUEST_RIP")).toBe(0);

    guest.map();
    expect(guest.enter()).toBe(EXIT_REASON.IO_INSTRUCTION);
    expect(guest.number("EXIT_QUALIFICATION")).toBe(0x3f8_0000);
    expect(guest.number("GUEST_RIP")).toBe(5);
    expect(guest.cpu.getRegister(0)).toBe(0x34n);

    guest.advance();
    expect(guest.enter()).toBe(EXIT_REASON.CPUID);
    expect([guest.number("GUEST_RIP"), guest.number("VM_EXIT_INSTRUCTION_LEN")]).toEqual([6, 2]);

    guest.advance();
    expect(guest.enter()).toBe(EXIT_REASON.EXCEPTION_OR_NMI);
    expect(guest.number("VM_EXIT_INTR_INFO")).toBe(0x80000306);
    expect(guest.number("GUEST_RIP")).toBe(8);

    guest.write("GUEST_RIP", 10n);
    expect(guest.enter()).toBe(EXIT_REASON.HLT);
    expect(guest.number("GUEST_RFLAGS")).toBe(2);
  });

  it("takes #UD through its vector table when the exception bitmap lets it", () => {
    const guest = new RealMachine(PROGRAM, { GUEST_RIP: 8n, GUEST_RSP: 0x800n, EXCEPTION_BITMAP: 0n }).map();
    guest.memory.u16[(guest.page + UD_ENTRY) / 2] = 0x100;
    guest.memory.u8[guest.page + 0x100] = 0xf4;
    expect(guest.enter()).toBe(EXIT_REASON.HLT);
    expect(guest.number("GUEST_RIP")).toBe(0x100);
    expect(guest.number("GUEST_RSP")).toBe(0x7fa);
    expect(guest.memory.u16[(guest.page + 0x7fa) / 2]).toBe(8);
  });

  it("is a triple fault without a vector table", () => {
    const guest = new RealMachine(PROGRAM, { GUEST_RIP: 8n, EXCEPTION_BITMAP: 0n, GUEST_IDTR_LIMIT: 0n }).map();
    expect(guest.enter()).toBe(EXIT_REASON.TRIPLE_FAULT);
    expect(guest.number("GUEST_RIP")).toBe(8);
  });

  it("is interrupted when the budget is used up, and goes on where it was", () => {
    const guest = new RealMachine([0x40, 0xeb, 0xfd]).map(); // inc ax; jmp $-1
    expect(guest.enter(100)).toBe(EXIT_REASON.EXTERNAL_INTERRUPT);
    expect(guest.cpu.getRegister(0)).toBe(50n);
    guest.enter(100);
    expect(guest.cpu.getRegister(0)).toBe(100n);
  });

  it("takes an injected interrupt, and reports it when the stack is not mapped", () => {
    const fields = { GUEST_RFLAGS: 0x202n, VM_ENTRY_INTR_INFO: 0x80000020n };
    const guest = new RealMachine([0x90, 0xf4], { ...fields, GUEST_RSP: 0x800n }).map();
    guest.memory.u16[(guest.page + 0x80) / 2] = 0x200;
    guest.memory.u8[guest.page + 0x200] = 0xf4;
    expect(guest.enter()).toBe(EXIT_REASON.HLT);
    expect(guest.number("GUEST_RIP")).toBe(0x200);
    expect(guest.number("GUEST_RFLAGS")).toBe(2);

    const faulting = new RealMachine([0x90, 0xf4], { ...fields, GUEST_RSP: 0x2800n }).map();
    expect(faulting.enter()).toBe(EXIT_REASON.EPT_VIOLATION);
    expect(faulting.number("IDT_VECTORING_INFO")).toBe(0x80000020);
    expect(faulting.number("GUEST_PHYSICAL_ADDRESS") >> 12).toBe(2);
    expect(faulting.number("GUEST_RIP")).toBe(0);
  });

  it("single-steps with TF through instructions that are carried out here", () => {
    const bitmap = 1n << BigInt(VECTOR.db);
    const guest = new RealMachine([0xf3, 0x90, 0xf4], { GUEST_RFLAGS: 0x102n, EXCEPTION_BITMAP: bitmap }).map();
    expect(guest.enter()).toBe(EXIT_REASON.EXCEPTION_OR_NMI);
    expect(guest.number("EXIT_QUALIFICATION")).toBe(1 << 14);
    expect(guest.number("GUEST_RIP")).toBe(2);
  });

  it("honours a change of CS between exits", () => {
    const guest = new RealMachine([0xee, 0xf4]).map();
    guest.memory.u8.set([0x0f, 0xa2], guest.page + 0x100);
    expect(guest.enter()).toBe(EXIT_REASON.IO_INSTRUCTION);
    guest.write("GUEST_CS_BASE", 0x100n);
    expect(guest.enter()).toBe(EXIT_REASON.CPUID);
  });
});
