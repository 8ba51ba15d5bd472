import { describe, expect, it } from "vitest";
import { parseBytes, parseNumber, parseRegisters } from "../src/program-text.ts";
import { runGuest } from "../src/run-guest.ts";
import { SAMPLES } from "../src/samples.ts";

const OUTCOMES: Readonly<Record<string, RegExp>> = {
  "Add two numbers": /^The guest halted at 0xc,/,
  "Hello, serial port": /^The guest halted at 0x100c,/,
  "Ask for the processor's name": /^The guest halted at 0x6,/,
  "Touch four pages": /^The guest halted at 0x100a,/,
  "Forty million instructions": /^The guest halted at 0x1033,.* [2-9][0-9] % of 400000\d\d instructions ran compiled/,
  "Undefined instruction": /^KVM cannot go on with the guest at 0x0:/,
};

describe("samples", () => {
  it.each(SAMPLES.filter(({ name }) => name !== "Endless loop"))("$name does what it says", (sample) => {
    const report = runGuest({
      bytes: parseBytes(sample.bytes),
      loadAddress: Number(parseNumber("load address", sample.loadAddress)),
      memory: Number(sample.memory),
      personality: sample.personality,
      registers: parseRegisters(sample.registers),
    });
    expect(report.status).toMatch(OUTCOMES[sample.name] ?? /^no outcome is known/);
    expect(report.trace.length).toBeGreaterThan(10);
  });
});

describe("a report", () => {
  it("counts the exits and trace lines that it leaves out", () => {
    // again: out 10h, al; jmp again
    const bytes = parseBytes("e6 10 eb fc");
    const report = runGuest({ bytes, loadAddress: 0, memory: 4096, personality: "rust_kvm", registers: {} });
    expect(report.exits).toHaveLength(2000);
    // One more than the exits to the VMM: the EPT violation.
    expect(report.exitsLeftOut).toBe(98_001);
    expect(report.status).toMatch(/made 100000 exits/);
  }, 30_000);
});
