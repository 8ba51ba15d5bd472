import { describe, expect, it } from "vitest";
import { SEGMENT, STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

const EAGER = { threshold: 1, batch: 1, shortest: 1, delay: 0 };
const STACK = 0xffff_8000_0000_7000n;

/** Each with a jump to its start behind it. */
const CODE = [
  ["push and pop", "50 58 ebfc"],
  ["call and ret with operands to drop", "5050 e802000000 eb05 c20800 9090 ebef"],
  ["leave", "c80400 00 c9 ebf9"],
  ["pushad and popad", "60 61 ebfc"],
  ["pushfd and popfd", "9c 9d ebfc"],
] as const;

/** RSP after some rounds, from a value with an upper half, which only 64-bit code can have left. */
function stackPointer(code: string, bits: 16 | 32, backEnd: "interpreter" | "regions"): bigint {
  const options = backEnd === "regions" ? { jit: createJit(EAGER) } : {};
  const { cpu } = new SystemMachine(code, options);
  if (bits === 16) cpu.setSegmentRaw(SEGMENT.ss, 16, 0, 0, 0xffff, 0x93);
  expect(cpu.run(200)).toBe(STOP.budget);
  cpu.setRegister(4, STACK);
  cpu.setRegister(5, 0x7000n);
  expect(cpu.run(600)).toBe(STOP.budget);
  return cpu.getRegister(4);
}

describe.each(CODE)("%s", (_name, code) => {
  it.each(["interpreter", "regions"] as const)("on a 32-bit stack clear the upper half of RSP (%s)", (backEnd) => {
    expect(stackPointer(code, 32, backEnd) >> 32n).toBe(0n);
  });

  it("on a 16-bit stack leave bits 63 to 16", () => {
    expect(stackPointer(code, 16, "interpreter") >> 16n).toBe(STACK >> 16n);
  });
});
