import { INTERCEPT } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { EXIT_REASON, type VmcsFieldName } from "../src/index.ts";
import { Machine, stopOnInstruction } from "./machine.ts";

type Fields = Partial<Record<VmcsFieldName, bigint>>;

const PCIDE = 0x20000n;
const GUEST: Fields = { CR0_GUEST_HOST_MASK: 0n, CR4_GUEST_HOST_MASK: 0x2040n, CR4_READ_SHADOW: 0x40n };
const PROTECTED: Fields = { ...GUEST, GUEST_CR0: 0x31n, GUEST_CR4: 0x2060n };
/** IA-32e mode: compatibility mode, or 64-bit mode. */
const COMPATIBILITY: Fields = {
  ...GUEST,
  VM_ENTRY_CONTROLS: 0xd3ffn,
  GUEST_CR0: 0x80000031n,
  GUEST_CR4: 0x2060n,
  GUEST_CR3: 0x9000n,
  GUEST_IA32_EFER: 0x500n,
};
const LONG: Fields = { ...COMPATIBILITY, GUEST_CS_AR_BYTES: 0xa09bn, GUEST_CS_LIMIT: 0xffffffffn };

describe("MOV to a control register of paging", () => {
  it.each<[string, Fields, number, bigint, "done" | "#GP(0)"]>([
    ["turns paging off in compatibility mode", COMPATIBILITY, 0, 0x31n, "done"],
    ["does not turn paging off in 64-bit mode", LONG, 0, 0x31n, "#GP(0)"],
    ["does not turn paging off with PCIDs", { ...COMPATIBILITY, GUEST_CR4: 0x22060n }, 0, 0x31n, "#GP(0)"],
    ["enters IA-32e mode", { ...PROTECTED, GUEST_IA32_EFER: 0x100n }, 0, 0x80000031n, "done"],
    [
      "does not enter IA-32e mode without PAE",
      { ...PROTECTED, GUEST_IA32_EFER: 0x100n, GUEST_CR4: 0x2040n },
      0,
      0x80000031n,
      "#GP(0)",
    ],
    ["turns PCIDs on in 64-bit mode", LONG, 4, 0x60n | PCIDE, "done"],
    ["does not turn PCIDs on outside IA-32e mode", PROTECTED, 4, 0x60n | PCIDE, "#GP(0)"],
    ["does not turn PCIDs on while CR3 has one", { ...LONG, GUEST_CR3: 0x9001n }, 4, 0x60n | PCIDE, "#GP(0)"],
    ["keeps PCIDs on whatever CR3 has", { ...LONG, GUEST_CR3: 0x9001n, GUEST_CR4: 0x22060n }, 4, 0x68n | PCIDE, "done"],
  ])("%s", (_name, fields, register, value, outcome) => {
    const machine = Machine.ready({}, { ...fields, EXCEPTION_BITMAP: 1n << 13n });
    machine.cpu.registers[0] = value;
    machine.enter(stopOnInstruction(INTERCEPT.movToCr, 3, register, 0));
    const name = register === 0 ? "GUEST_CR0" : "GUEST_CR4";
    if (outcome === "done") {
      expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON.EXTERNAL_INTERRUPT);
      expect(machine.read(name)).toBe(register === 0 ? value : value | 0x2000n);
    } else {
      expect(machine.number("VM_EXIT_REASON")).toBe(EXIT_REASON.EXCEPTION_OR_NMI);
      expect(machine.number("VM_EXIT_INTR_INFO")).toBe(0x80000b0d);
      expect(machine.read(name)).toBe(fields[name]);
    }
  });
});
