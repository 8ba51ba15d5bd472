import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { Cpu, INTERCEPT, STOP } from "../src/index.ts";

describe("guest memory at host address 0", () => {
  it("is memory as any other: for code, data and operands that are larger than a register", () => {
    const memory = HostMemory.create({ bytes: 1 << 20 });
    const mmu = { hostPage: 0, guestPage: 0, permissions: 7, pageFaultErrorCode: 0, translate: () => 0 };
    const cpu = Cpu.create({ memory, mmu });
    // mov ax,[0]; add [0],ax; fxsave [0]; fxrstor [0]; hlt
    memory.u8.set(Buffer.from("a10000010600000fae0600000fae0e0000f4", "hex"), 0x800);
    memory.u16[0] = 0x1234;
    cpu.ripNumber = 0x800;
    expect(cpu.run(2)).toBe(STOP.budget);
    expect([cpu.registerLow(0), memory.u16[0]]).toEqual([0x1234, 0x2468]);
    expect(cpu.run(100)).toBe(STOP.instruction);
    expect([cpu.stop.instruction, cpu.instructionsRetired]).toEqual([INTERCEPT.hlt, 4]);
    expect([memory.u16[0], memory.u32[24 >> 2]]).toEqual([cpu.fpu.control, cpu.fpu.mxcsr]);
  });
});
