import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { INTERCEPT, STOP } from "../src/index.ts";
import { AX, CX, DI, DX, RealModeMachine, SI } from "./support/real-mode.ts";

describe("a stop", () => {
  it("at a port has the port, size and direction, and RIP is at the instruction", () => {
    const forms = [
      ["e4 80", { port: 0x80, portSize: 1, portIsIn: true, portIsImmediate: true, instructionLength: 2 }],
      ["e7 80", { port: 0x80, portSize: 2, portIsIn: false, portIsImmediate: true, instructionLength: 2 }],
      ["66 ed", { port: 0x3f8, portSize: 4, portIsIn: true, portIsImmediate: false, instructionLength: 2 }],
      ["ee", { port: 0x3f8, portSize: 1, portIsIn: false, portIsString: false, instructionLength: 1 }],
      ["f3 6c", { portSize: 1, portIsIn: true, portIsString: true, portIsRep: true, portAddressSize: 16 }],
      ["26 67 66 6f", { portSize: 4, portIsIn: false, portIsString: true, portAddressSize: 32, portSegment: 0 }],
    ] as const;
    for (const [code, expected] of forms) {
      const m = new RealModeMachine(code);
      m.cpu.setRegister(DX, 0x3f8n);
      expect(m.cpu.run(10)).toBe(STOP.port);
      expect(m.cpu.stop).toMatchObject(expected);
      expect(m.cpu.ripNumber).toBe(0x1000);
      expect(m.cpu.instructionsRetired).toBe(0);
    }
  });

  it("at an interceptable instruction names it and its operands", () => {
    for (const [code, instruction] of [
      ["f4", INTERCEPT.hlt],
      ["0fa2", INTERCEPT.cpuid],
      ["0f31", INTERCEPT.rdtsc],
      ["0f32", INTERCEPT.rdmsr],
      ["0f01c1", INTERCEPT.vmcall],
    ] as const) {
      const m = new RealModeMachine(`90 ${code}`);
      expect(m.cpu.run(10)).toBe(STOP.instruction);
      expect(m.cpu.stop.instruction).toBe(instruction);
      expect(m.cpu.stop.instructionLength).toBe(code.length / 2);
      expect(m.cpu.ripNumber).toBe(0x1001);
    }
    const m = new RealModeMachine("0f22d9");
    m.cpu.run(1);
    expect(m.cpu.stop).toMatchObject({ instruction: INTERCEPT.movToCr, operandReg: 3, operandRm: 1 });
  });

  it("at an instruction that the processor does not know is #UD", () => {
    for (const code of ["0f0b", "0f04", "c5f858c1", "0f58c1", "f00fa2"]) {
      const m = new RealModeMachine(code);
      expect(m.cpu.run(10)).toBe(STOP.exception);
      expect(m.cpu.stop).toMatchObject({ vector: 6, errorCode: -1 });
    }
  });

  it("by the MMU leaves the instruction undone", () => {
    // push ax with the stack absent; add [0x9000],ax with the page read-only
    const m = new RealModeMachine("50");
    m.mmu.absent.add(0x7000);
    expect(m.cpu.run(10)).toBe(STOP.mmu);
    expect(m.register(4)).toBe(0x8000);
    const n = new RealModeMachine("01060090");
    n.mmu.readOnly.add(0x9000);
    const flags = n.cpu.rflagsNumber;
    expect(n.cpu.run(10)).toBe(STOP.mmu);
    expect([n.cpu.ripNumber, n.cpu.rflagsNumber]).toEqual([0x1000, flags]);
  });

  it("after many instructions, with the budget used up or not, counts every one", () => {
    // mov ecx,200000; l: inc eax; nop; loopd l; rdtsc; hlt
    const code = "66b9400d0300 6640 90 67e2fa 0f31 f4";
    const loop = 3;
    for (const budget of [1, 65_535, 65_536, 65_537, 131_072, 300_001, 600_000]) {
      const m = new RealModeMachine(code);
      m.cpu.intercepts.fill(0);
      expect(m.cpu.run(budget)).toBe(STOP.budget);
      expect(m.cpu.instructionsRetired).toBe(budget);
      expect(Number(m.cpu.getRegister(CX) & 0xffffffffn)).toBe(200_000 - Math.floor((budget - 1) / loop));
    }
    const m = new RealModeMachine(code);
    m.cpu.intercepts.fill(0);
    expect(m.cpu.run(1_000_000)).toBe(STOP.halt);
    expect(m.cpu.instructionsRetired).toBe(600_003);
    expect(Number(m.cpu.getRegister(AX) & 0xffffffffn)).toBe(600_001);
  });

  it("by an address that the MMU finds not canonical is #GP(0), for data and for code", () => {
    const m = new RealModeMachine("a30090"); // mov [0x9000],ax
    m.mmu.nonCanonical.add(0x9000);
    const n = new RealModeMachine("90", 0x1fff);
    n.mmu.nonCanonical.add(0x2000);
    for (const { cpu } of [m, n]) {
      expect(cpu.run(10)).toBe(STOP.exception);
      expect(cpu.stop).toMatchObject({ vector: 13, errorCode: 0 });
    }
    expect([m.cpu.ripNumber, n.cpu.ripNumber]).toEqual([0x1000, 0x2000]);
  });

  it("by the MMU half way through a write that crosses pages changes neither page", () => {
    const m = new RealModeMachine("a3ff8f"); // mov [0x8fff],ax
    m.mmu.absent.add(0x9000);
    m.cpu.setRegister(AX, 0x1234n);
    expect(m.cpu.run(10)).toBe(STOP.mmu);
    expect(m.read(0x8fff, 1)).toBe("00");
  });

  it("at a fetch from an absent page comes before the instruction", () => {
    const m = new RealModeMachine("90", 0x1fff);
    m.mmu.absent.add(0x2000);
    expect(m.cpu.run(10)).toBe(STOP.mmu);
    expect(m.cpu.ripNumber).toBe(0x2000);
    expect(m.cpu.instructionsRetired).toBe(1);
  });

  it("by REP comes between elements, and what is done stays done", () => {
    // rep movsb from 0x3000 to 0x4ffe, the second page absent
    const m = new RealModeMachine("f3a4");
    m.mmu.absent.add(0x5000);
    m.load(0x3000, "aabbcc");
    m.cpu.setRegister(SI, 0x3000n);
    m.cpu.setRegister(DI, 0x4ffen);
    m.cpu.setRegister(CX, 3n);
    expect(m.cpu.run(10)).toBe(STOP.mmu);
    expect([m.register(CX), m.register(SI), m.register(DI)]).toEqual([1, 0x3002, 0x5000]);
    expect(m.read(0x4ffe, 2)).toBe("aabb");
    m.mmu.absent.clear();
    m.load(0x1002, "f4");
    expect(m.cpu.run(10)).toBe(STOP.instruction);
    expect(m.read(0x5000, 1)).toBe("cc");
  });
});

describe("device memory", () => {
  it("is read and written by the MMU's functions, with the access's size", () => {
    // mov ax,[0xa000]; mov [0xa010],eax
    const m = new RealModeMachine("a100a0 66a310a0 f4");
    m.mmu.devices.add(0xa000);
    m.mmu.deviceValue = 0xbeef;
    m.cpu.run(10);
    expect(m.register(AX)).toBe(0xbeef);
    expect(m.mmu.deviceWrites).toEqual([{ address: 0xa010, bytes: [0xef, 0xbe, 0, 0] }]);
  });
});

describe("the budget", () => {
  it("is exact wherever it ends", () => {
    // l: inc ax; inc cx; add dx,1; jmp l
    const code = "40 41 83c201 ebf9";
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }), (budgets) => {
        const m = new RealModeMachine(code);
        let total = 0;
        for (const budget of budgets) {
          expect(m.cpu.run(budget)).toBe(STOP.budget);
          total += budget;
          expect(m.cpu.instructionsRetired).toBe(total);
          expect(m.cpu.ripNumber).toBe([0x1000, 0x1001, 0x1002, 0x1005][total % 4]);
          expect(m.register(AX)).toBe(Math.floor((total + 3) / 4));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("counts each element of a repetition", () => {
    const m = new RealModeMachine("f3aa f4");
    m.cpu.setRegister(CX, 5n);
    m.cpu.setRegister(DI, 0x3000n);
    expect(m.cpu.run(3)).toBe(STOP.budget);
    expect([m.register(CX), m.register(DI)]).toEqual([2, 0x3003]);
  });
});

describe("code that changes", () => {
  it("runs as written, also when it overwrites the instruction behind itself", () => {
    // mov byte [0x1005],0x41; inc ax -> becomes inc cx; hlt
    const m = new RealModeMachine("c606051041 40 f4");
    expect(m.cpu.run(10)).toBe(STOP.instruction);
    expect([m.register(AX), m.register(CX)]).toEqual([0, 1]);
  });

  it("runs as written when a loop patches itself again and again", () => {
    // mov cx,100; l: inc byte [0x1009]; mov al,0; add bx,ax; loop l; hlt
    const m = new RealModeMachine("b96400 fe060810 b000 01c3 e2f6 f4");
    expect(m.cpu.run(10_000)).toBe(STOP.instruction);
    expect(m.register(3)).toBe(5050);
  });

  it("runs as written after somebody else has written and said so", () => {
    const m = new RealModeMachine("40 f4");
    m.cpu.run(10);
    m.load(0x1000, "41");
    m.cpu.ripNumber = 0x1000;
    m.cpu.run(10);
    expect([m.register(AX), m.register(CX)]).toEqual([1, 1]);
  });

  it("is found again in another mode and at another place", () => {
    const m = new RealModeMachine("b80100 f4");
    m.cpu.run(10);
    m.cpu.setSegmentRaw(1, 0x100, 0x1000, 0, 0xffff, 0x9b);
    m.cpu.ripNumber = 0;
    expect(m.cpu.run(10)).toBe(STOP.instruction);
    expect(m.cpu.ripNumber).toBe(3);
  });
});

describe("single step", () => {
  it("raises #DB behind each instruction while TF is set", () => {
    const m = new RealModeMachine("40 40 f4");
    m.cpu.rflagsNumber = 0x102;
    expect(m.cpu.run(10)).toBe(STOP.exception);
    expect(m.cpu.stop.vector).toBe(1);
    expect(m.cpu.ripNumber).toBe(0x1001);
    expect(m.register(AX)).toBe(1);
  });
});

describe("any bytes", () => {
  it("run to a stop without a throw, and no frame outside guest memory changes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.array(fc.bigInt(0n, 0xffffffffn)),
        (code, regs) => {
          const m = new RealModeMachine(Buffer.from(code).toString("hex"));
          const guard = m.memory.allocateFrame();
          regs.slice(0, 8).forEach((value, i) => {
            m.cpu.setRegister(i, value);
          });
          for (let i = 0; i < 4; i++) m.cpu.run(200);
          expect(m.memory.u8.subarray(guard, guard + 4096).every((byte) => byte === 0)).toBe(true);
          expect(m.cpu.instructionsRetired).toBeLessThanOrEqual(800);
          m.cpu.dispose();
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);
});
