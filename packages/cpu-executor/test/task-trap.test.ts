import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

const TASK_GATE = 0x85;
const NEW_TSS = 0x7400;
const NEW_SELECTOR = 0x18;
const DR6_BT = 0x8000;

/** A machine whose vector 32 leads to a task that asks for a debug trap (SDM Vol 3A, 7.2.1). */
function machine(code: string): SystemMachine {
  const m = new SystemMachine(code);
  const { memory, base, cpu } = m;
  const word = (at: number, value: number): void => {
    memory.u32[(base + at) >> 2] = value;
  };
  memory.u64[(base + 0x6018) >> 3] = 0x0000_8900_0000_0067n | (BigInt(NEW_TSS) << 16n);
  word(NEW_TSS + 0x20, 0x3000);
  word(NEW_TSS + 0x24, 2);
  word(NEW_TSS + 0x38, 0x7000);
  for (const [offset, selector] of [
    [0x48, 16],
    [0x4c, 8],
    [0x50, 16],
    [0x54, 16],
  ] as const)
    word(NEW_TSS + offset, selector);
  word(NEW_TSS + 0x64, 1);
  word(0x5000 + 32 * 8, NEW_SELECTOR << 16);
  word(0x5000 + 32 * 8 + 4, TASK_GATE << 8);
  cpu.setSegmentRaw(7, 0x20, 0x7000, 0, 0x67, 0x8b);
  cpu.exceptionBitmap = 2;
  return m;
}

describe("a task whose TSS has the T flag begins with a debug trap", () => {
  it("behind an interrupt through a task gate", () => {
    const { cpu } = machine("90");
    const event = { vector: 32, type: 0, errorCode: -1, instructionLength: 0 };
    expect(cpu.deliverEvent(event)).toBe(STOP.budget);
    expect([cpu.ripNumber, cpu.pendingDebug]).toEqual([0x3000, DR6_BT]);
    expect(cpu.run(1)).toBe(STOP.exception);
    expect([cpu.stop.vector, cpu.dr6 & DR6_BT, cpu.ripNumber]).toEqual([1, DR6_BT, 0x3000]);
  });

  it("behind INT through a task gate", () => {
    const { cpu } = machine("cd20");
    expect(cpu.run(2)).toBe(STOP.exception);
    expect([cpu.stop.vector, cpu.dr6 & DR6_BT, cpu.ripNumber]).toEqual([1, DR6_BT, 0x3000]);
  });
});
