import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { RealModeMachine } from "./support/real-mode.ts";

const TRAP_FLAG = 0x102;
const MOST = 24;
const HANDLER = "40 cf"; // inc ax; iret

/** Name, code at 1000h, RFLAGS, and instructions that run before the ones that are counted. */
const PROGRAMS: readonly (readonly [string, string, number, number])[] = [
  ["INT3, INT1 and INT", "cc f1 cd20 90 ebf9", 2, 0],
  ["INTO", "b07f 0404 ce 90 ebf8", 2, 0],
  ["an instruction that faults again and again", "0f0b", 2, 0],
  ["a single step", "90 43 90 43 ebfa", TRAP_FLAG, 0],
  ["jumps to blocks that are longer than what is left", "90 7404 90 90 90 90 90 90 90 90 90 90 90 ebf0", 0x42, 60],
  ["a branch beyond the code segment's limit", "90 66e9 00000100", 2, 0],
  ["a call beyond the code segment's limit", "90 66e8 00000100", 2, 0],
  ["a repeated string instruction", "b91000 bf0090 f3aa ebf6", 2, 0],
  ["stores into the code that runs", "fe06 0510 b000 ebf8", 2, 0],
];

function machine(code: string, flags: number, before: number): RealModeMachine {
  const m = new RealModeMachine(code);
  m.load(0x2000, HANDLER);
  for (let vector = 0; vector < 256; vector++) m.load(vector * 4, "00200000");
  m.cpu.exceptionBitmap = 0;
  m.cpu.intercepts.fill(0);
  m.cpu.rflagsNumber = flags;
  if (before > 0) m.cpu.run(before);
  return m;
}

describe("a budget in pieces ends where the same budget at once ends", () => {
  it.each(PROGRAMS)("at %s", (_name, code, flags, before) => {
    for (let budget = 1; budget <= MOST; budget++) {
      const [whole, pieces] = [machine(code, flags, before), machine(code, flags, before)];
      expect(whole.cpu.run(budget)).toBe(STOP.budget);
      for (let i = 0; i < budget; i++) expect(pieces.cpu.run(1)).toBe(STOP.budget);
      expect(pieces.cpu.saveState()).toEqual(whole.cpu.saveState());
      expect(pieces.cpu.instructionsRetired).toBe(whole.cpu.instructionsRetired);
      expect(pieces.read(0x7f00, 0x100)).toBe(whole.read(0x7f00, 0x100));
    }
  });
});

describe("code that runs beyond the code segment's limit", () => {
  it.each([
    ["an instruction", "90"],
    ["what is none", "fe ff"],
    ["one that the processor does not have", "0f0e"],
  ])("raises #GP there, whatever bytes there are: %s", (_name, behind) => {
    const m = new RealModeMachine("");
    m.load(0xfffe, `9090 ${behind}`);
    m.cpu.ripNumber = 0xfffe;
    expect(m.cpu.run(10)).toBe(STOP.exception);
    expect([m.cpu.stop.vector, m.cpu.ripNumber, m.cpu.instructionsRetired]).toEqual([13, 0x10000, 2]);
  });
});

describe("a near branch to where none may lead", () => {
  it("has not happened, also where the budget ends behind it", () => {
    const m = new RealModeMachine("66e8 00000100");
    expect(m.cpu.run(1)).toBe(STOP.exception);
    expect(m.cpu.stop).toMatchObject({ vector: 13 });
    expect([m.cpu.ripNumber, m.register(4), m.cpu.instructionsRetired]).toEqual([0x1000, 0x8000, 0]);
  });

  it("is not taken back where the caller has set the instruction pointer since", () => {
    const m = new RealModeMachine("e8 0000 f4");
    expect(m.cpu.run(1)).toBe(STOP.budget);
    m.cpu.ripNumber = 0x12345;
    expect(m.cpu.run(1)).toBe(STOP.exception);
    expect([m.cpu.ripNumber, m.register(4)]).toEqual([0x12345, 0x7ffe]);
  });
});

describe("code at the same offset of another code segment", () => {
  it("is another code", () => {
    // 0000:1000 jmp 0200:1000, 0200:1000 is 3000h; both offsets are known from the first round.
    const m = new RealModeMachine("43 ea00100002");
    m.load(0x3000, "41 ea00100000");
    m.cpu.intercepts.fill(0);
    m.cpu.run(40);
    expect([m.register(3), m.register(1)]).toEqual([10, 10]);
  });
});

describe("single step", () => {
  it("ends behind one instruction where the block of the next one is known", () => {
    const { cpu } = machine("90 43 90 43 ebfa", 2, 0);
    for (let i = 0; i < 12; i++) cpu.run(1);
    cpu.exceptionBitmap = 2;
    cpu.rflagsNumber = TRAP_FLAG;
    const before = cpu.instructionsRetired;
    expect([cpu.run(100), cpu.stop.vector, cpu.instructionsRetired - before]).toEqual([STOP.exception, 1, 1]);
  });
});
