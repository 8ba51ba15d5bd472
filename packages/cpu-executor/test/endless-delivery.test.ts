import { describe, expect, it } from "vitest";
import { type Cpu, SEGMENT, STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

const CONFORMING = 0x18;
const ALIGNMENT_MASK = 0x40000;
const AC_FLAG = 0x40000;
const UD = 6;
const AC = 17;

/** A program at CPL 3 that checks alignment, with a misaligned stack and gates that do not leave CPL 3. */
function machine(): Cpu {
  const m = new SystemMachine("0f0b");
  const { memory, base, cpu } = m;
  memory.u64[(base + 0x6000 + CONFORMING) >> 3] = 0x00cf_9f00_0000_ffffn;
  for (const vector of [UD, AC]) {
    m.gate(vector, 0x2000);
    memory.u16[(base + 0x5000 + vector * 8 + 2) >> 1] = CONFORMING;
  }
  cpu.cr0 |= ALIGNMENT_MASK;
  cpu.setSegmentRaw(SEGMENT.cs, 0x1b, 0, 0, 0xffffffff, 0xc0ff);
  cpu.setSegmentRaw(SEGMENT.ss, 0x23, 0, 0, 0xffffffff, 0xc0f3);
  cpu.rflagsNumber = AC_FLAG;
  cpu.setRegister(4, 0x7ffdn);
  return cpu;
}

describe("an alignment check that fails its own delivery", () => {
  it("shuts the processor down, from an instruction and from an event", () => {
    expect(machine().run(100)).toBe(STOP.shutdown);
    const event = { vector: UD, type: 3, errorCode: -1, instructionLength: 0 };
    expect(machine().deliverEvent(event)).toBe(STOP.shutdown);
  });
});
