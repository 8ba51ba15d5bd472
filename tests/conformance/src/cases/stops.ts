import { program } from "../programs.ts";
import type { Case } from "../steps.ts";
import { machine, memory, runs, slot, vcpu, vm } from "./set-up.ts";

/** The ways in which a run ends without data, and what memory slots do to a running guest. */
export const STOP_CASES: readonly Case[] = [
  { name: "stops: HLT, and on", steps: [...machine(program("halt-twice")), ...runs("first", "second")] },
  {
    name: "stops: HLT with interrupts enabled",
    steps: [...machine(program("halt-enabled")), ...runs("first", "second")],
  },
  {
    name: "stops: CPUID stays in the kernel",
    steps: [...machine(program("seed-cpuid"), { rax: 2, rbx: 2 }), ...runs("4", "newline", "hlt")],
  },
  {
    name: "stops: CPUID with no table set",
    steps: [...machine(program("cpuid"), { rbx: 1, rcx: 2, rdx: 3 }), ...runs("hlt")],
  },
  {
    name: "stops: an undefined instruction without a vector table",
    steps: [
      ...machine(program("undefined")),
      { do: "specialRegisters", set: { idt: { limit: 0 } } },
      ...runs("shutdown", "again"),
    ],
  },
  {
    name: "stops: an undefined instruction with an empty vector table",
    steps: [...machine(program("undefined")), ...runs("first")],
  },
  {
    name: "stops: exceptions and INT in real mode",
    steps: [...machine(program("interrupts")), ...runs("int", "ud", "de", "hlt")],
  },
  {
    name: "stops: a jump to unmapped memory",
    steps: [...machine(program("jump-unmapped")), ...runs("first", "again")],
  },
  { name: "stops: off the end of a slot", steps: [...machine(program("past-end")), ...runs("first")] },
  { name: "stops: a vCPU without memory", steps: [...vm, ...vcpu(), ...runs("first")] },
  {
    name: "stops: immediate_exit before the first instruction",
    steps: [
      ...machine(program("seed"), { rax: 2, rbx: 2 }),
      { do: "runPage", set: { immediate_exit: 1 } },
      ...runs("first", "second"),
      { do: "runPage", set: { immediate_exit: 0 } },
      ...runs("third"),
    ],
  },
  {
    name: "stops: a program that never ends is interrupted",
    steps: [...machine(program("endless")), ...runs("first", "second")],
  },
  {
    name: "memory: three slots with a hole between",
    steps: [
      ...machine(program("three-slots")),
      memory("table", 0x1000),
      memory("results", 0x1000),
      { do: "write", mapping: "table", at: 0, hex: "1234" },
      slot("table", { slot: 5, gpa: 0x5000, size: 0x1000 }),
      slot("results", { slot: 9, gpa: 0x9000, size: 0x1000 }),
      ...runs("out", "hlt"),
      { do: "read", mapping: "results", at: 0, length: 2, ask: "memory" },
    ],
  },
  {
    name: "memory: what the host writes between runs is seen",
    steps: [
      ...machine(program("halt-twice")),
      ...runs("first"),
      { do: "write", mapping: "ram", at: 1, hex: "e710" },
      ...runs("new code"),
    ],
  },
  {
    name: "memory: a slot that is deleted is MMIO afterwards, and one that moves is elsewhere",
    steps: [
      ...machine(program("store-loop")),
      memory("data", 0x1000),
      memory("code", 0x1000),
      { do: "write", mapping: "code", at: 0, hex: "c60600505af4c60600505bf4c60600605cf4" },
      slot("code", { slot: 2, gpa: 0x7000, size: 0x1000 }),
      slot("data", { slot: 1, gpa: 0x5000, size: 0x1000 }),
      { do: "registers", set: { rip: 0x7000 } },
      ...runs("store"),
      { do: "read", mapping: "data", at: 0, length: 1, ask: "stored" },
      slot("data", { slot: 1, gpa: 0x5000, size: 0 }),
      ...runs("after deletion", "hlt"),
      slot("data", { slot: 1, gpa: 0x5000, size: 0x1000 }),
      slot("data", { slot: 1, gpa: 0x6000, size: 0x1000 }),
      ...runs("after the move"),
      { do: "read", mapping: "data", at: 0, length: 1, ask: "moved" },
    ],
  },
  {
    name: "memory: a slot that logs dirty pages takes writes",
    steps: [
      ...machine(program("store-loop")),
      slot("ram", { size: 0x1000, flags: 1 }),
      ...runs("first"),
      slot("ram", { size: 0x1000 }),
      ...runs("second"),
      { do: "read", mapping: "ram", at: 0x800, length: 1, ask: "memory" },
    ],
  },
  {
    name: "memory: the same memory at two addresses",
    steps: [
      ...machine(program("store-loop")),
      slot("ram", { slot: 1, gpa: 0x4000, size: 0x1000 }),
      { do: "registers", set: { rip: 0x4000 } },
      ...runs("first"),
      { do: "read", mapping: "ram", at: 0x800, length: 1, ask: "memory" },
    ],
  },
  {
    name: "memory: two vCPUs share it",
    steps: [
      ...machine(program("store-loop")),
      ...vcpu(1, "other"),
      { do: "specialRegisters", vcpu: "other", set: { cs: { base: 0, selector: 0 } } },
      { do: "registers", vcpu: "other", set: { rip: 6, rflags: 2 } },
      ...runs("first"),
      { do: "run", vcpu: "other", ask: "other" },
      { do: "read", mapping: "ram", at: 0x800, length: 1, ask: "memory" },
      ...runs("second"),
    ],
  },
];
