import { program } from "../programs.ts";
import type { Case } from "../steps.ts";
import { machine, runAndProvide, runs } from "./set-up.ts";

const TEXT = { do: "write", mapping: "ram", at: 0x200, hex: "48656c6c6f2c20776f726c6421313233343536373839" } as const;

/** KVM_EXIT_IO. */
export const PORT_CASES: readonly Case[] = [
  {
    name: "ports: the seed's program",
    steps: [...machine(program("seed"), { rax: 2, rbx: 2 }), ...runs("4", "newline", "hlt")],
  },
  {
    name: "ports: OUT of 8, 16 and 32 bits to DX and to an immediate port",
    steps: [...machine(program("out-sizes")), ...runs("dx 8", "dx 16", "dx 32", "imm 8", "imm 16", "imm 32", "hlt")],
  },
  {
    name: "ports: IN of 8, 16 and 32 bits",
    steps: [
      ...machine(program("in-sizes")),
      ...runAndProvide("8", "5a"),
      ...runAndProvide("16", "3412"),
      ...runAndProvide("32", "78563492"),
      ...runAndProvide("imm", "77"),
      ...runs("hlt"),
    ],
  },
  {
    name: "ports: the ends of the port space",
    steps: [...machine(program("port-ffff")), ...runs("8", "32", "after")],
  },
  {
    name: "ports: OUTS with and without REP",
    steps: [
      ...machine(program("rep-outs")),
      TEXT,
      ...runs(...["b1", "b2", "b3", "w1", "w2", "d1", "d2", "back 1", "back 2", "single", "hlt", "after"]),
    ],
  },
  {
    name: "ports: OUTS across a page",
    steps: [
      ...machine(program("rep-outs-many"), {}, 2),
      { do: "write", mapping: "ram", at: 0xffe, hex: "a1a2a3a4" },
      ...runs(...Array.from({ length: 34 }, (_, index) => `${index}`)),
    ],
  },
  {
    name: "ports: INS with and without REP",
    steps: [
      ...machine(program("rep-ins")),
      ...runAndProvide("b", "010203"),
      ...runAndProvide("w", "11122122"),
      ...runAndProvide("d", "3132333441424344"),
      ...runAndProvide("single", "55"),
      ...runs("hlt"),
      { do: "read", mapping: "ram", at: 0x200, length: 20, ask: "memory" },
    ],
  },
  {
    name: "ports: INS backward",
    steps: [
      ...machine(program("rep-ins-backward")),
      ...runAndProvide("first", "0102"),
      ...runAndProvide("second", "03"),
      ...runs("then"),
      { do: "read", mapping: "ram", at: 0x208, length: 16, ask: "memory" },
    ],
  },
  {
    name: "ports: INS across a page",
    steps: [
      ...machine(program("rep-ins-page"), {}, 3),
      ...runAndProvide("first", "0102030405"),
      ...runAndProvide("second", "060708"),
      ...runs("hlt"),
      { do: "read", mapping: "ram", at: 0x1ffe, length: 6, ask: "memory" },
    ],
  },
  {
    name: "ports: OUTS and INS of device memory",
    steps: [
      ...machine(program("device-strings")),
      ...runAndProvide("outsb reads", "5a"),
      ...runs("outsb writes to the port"),
      ...runAndProvide("insb reads from the port", "77"),
      ...runs("insb writes", "hlt"),
    ],
  },
  {
    name: "ports: immediate_exit completes an IN and runs nothing more",
    steps: [
      ...machine(program("in-sizes")),
      ...runAndProvide("in", "5a"),
      { do: "runPage", set: { immediate_exit: 1 } },
      ...runs("interrupted", "again"),
      { do: "runPage", set: { immediate_exit: 0 } },
      ...runs("next"),
    ],
  },
  {
    name: "ports: registers set between an IN and its completion",
    steps: [
      ...machine(program("in-sizes")),
      ...runAndProvide("in", "5a"),
      { do: "registers", set: { rbx: 0x77 } },
      ...runs("next"),
    ],
  },
  {
    name: "ports: rip set after an OUT",
    steps: [
      ...machine(program("seed"), { rax: 2, rbx: 2 }),
      ...runs("out"),
      { do: "registers", set: { rip: 0 } },
      ...runs("again"),
    ],
  },
];
