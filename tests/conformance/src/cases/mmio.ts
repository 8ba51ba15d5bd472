import { program } from "../programs.ts";
import type { Case } from "../steps.ts";
import { machine, memory, runAndProvide, runs, slot } from "./set-up.ts";

/** KVM_EXIT_MMIO: what no slot backs, and writes to a read-only slot. */
export const MMIO_CASES: readonly Case[] = [
  { name: "mmio: writes", steps: [...machine(program("mmio-write")), ...runs("8", "16", "32", "immediate", "hlt")] },
  {
    name: "mmio: reads",
    steps: [
      ...machine(program("mmio-read")),
      ...runAndProvide("8", "5a"),
      ...runAndProvide("16", "3412"),
      ...runAndProvide("32", "78563412"),
      ...runAndProvide("movzx", "f0"),
      ...runAndProvide("movsx", "00f0"),
      ...runs("hlt"),
    ],
  },
  {
    name: "mmio: read, modify, write",
    steps: [
      ...machine(program("mmio-modify")),
      ...runAndProvide("add reads", "05"),
      ...runs("add writes"),
      ...runAndProvide("inc reads", "ffff"),
      ...runs("inc writes"),
      ...runAndProvide("xchg reads", "99"),
      ...runs("xchg writes"),
      ...runAndProvide("cmp reads", "01"),
      ...runAndProvide("test reads", "02"),
      ...runAndProvide("not reads", "0f"),
      ...runs("not writes", "hlt"),
    ],
  },
  {
    name: "mmio: the stack",
    steps: [...machine(program("mmio-stack")), ...runs("push"), ...runAndProvide("pop", "7856"), ...runs("hlt")],
  },
  {
    name: "mmio: string instructions",
    steps: [
      ...machine(program("mmio-string")),
      ...runAndProvide("movsb 1", "01"),
      ...runAndProvide("movsb 2", "02"),
      ...runAndProvide("movsb 3", "03"),
      ...runs("stosb 1", "stosb 2", "movsw"),
      ...runAndProvide("lodsb", "44"),
      ...runs("hlt"),
      { do: "read", mapping: "ram", at: 0x300, length: 4, ask: "memory" },
    ],
  },
  {
    name: "mmio: an access of which half is memory",
    steps: [
      ...machine(program("mmio-border")),
      { do: "write", mapping: "ram", at: 0xffe, hex: "aabb" },
      ...runAndProvide("read", "ccdd"),
      ...runs("write", "hlt"),
      { do: "read", mapping: "ram", at: 0xffe, length: 2, ask: "memory" },
    ],
  },
  {
    name: "mmio: above the first megabyte",
    steps: [
      ...machine(program("mmio-high")),
      { do: "specialRegisters", set: { ds: { limit: 0xffffffff, g: 1 } } },
      ...runAndProvide("read", "21"),
      ...runs("write", "hlt"),
    ],
  },
  {
    name: "mmio: immediate_exit completes a read",
    steps: [
      ...machine(program("mmio-read")),
      ...runAndProvide("read", "5a"),
      { do: "runPage", set: { immediate_exit: 1 } },
      ...runs("interrupted"),
      { do: "runPage", set: { immediate_exit: 0 } },
      ...runs("next"),
    ],
  },
  {
    name: "mmio: immediate_exit between a read and its write",
    steps: [
      ...machine(program("mmio-modify")),
      ...runAndProvide("add reads", "05"),
      { do: "runPage", set: { immediate_exit: 1 } },
      ...runs("with immediate_exit"),
      { do: "runPage", set: { immediate_exit: 0 } },
      ...runs("without"),
    ],
  },
  {
    name: "mmio: a read-only slot",
    steps: [
      ...machine(program("read-only")),
      memory("rom", 0x1000),
      { do: "write", mapping: "rom", at: 0, hex: "5a" },
      slot("rom", { slot: 1, gpa: 0x2000, size: 0x1000, flags: 2 }),
      ...runs("write", "hlt"),
      { do: "read", mapping: "rom", at: 0, length: 1, ask: "memory" },
    ],
  },
];
