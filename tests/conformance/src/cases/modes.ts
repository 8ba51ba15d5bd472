import { program } from "../programs.ts";
import type { Case, Fields } from "../steps.ts";
import { machine, runAndProvide, runs } from "./set-up.ts";

const flat = { base: 0, limit: 0xffffffff, g: 1, present: 1, s: 1, dpl: 0 };
const data: Fields = { ...flat, selector: 0x10, type: 3, db: 1 };
const dataSegments: Fields = { ds: data, es: data, fs: data, gs: data, ss: data };

const protectedMode: Fields = {
  cr0: 0x11,
  cs: { ...flat, selector: 8, type: 11, db: 1, l: 0 },
  ...dataSegments,
};

const longMode: Fields = {
  cr0: 0x8000_0011,
  cr3: 0x1000,
  cr4: 0x20,
  efer: 0x500,
  cs: { ...flat, selector: 8, type: 11, db: 0, l: 1 },
  tr: { base: 0, limit: 0x67, type: 11, present: 1, s: 0, selector: 0x18 },
  ...dataSegments,
};

/** Four-level tables at 0x1000: the first 2 MiB identity-mapped as one page, nothing else. */
const pageTables = [
  { do: "write", mapping: "ram", at: 0x1000, hex: "0320000000000000" },
  { do: "write", mapping: "ram", at: 0x2000, hex: "0330000000000000" },
  { do: "write", mapping: "ram", at: 0x3000, hex: "8300000000000000" },
] as const;

/** Guests outside real mode. */
export const MODE_CASES: readonly Case[] = [
  {
    name: "modes: from real to protected mode",
    steps: [...machine(program("enter-protected")), ...runs("out", "hlt")],
  },
  {
    name: "modes: 32-bit protected mode",
    steps: [
      ...machine(program("protected")),
      { do: "specialRegisters", set: protectedMode },
      ...runs("out"),
      ...runAndProvide("mmio read", "aabbccdd"),
      ...runs("mmio write", "hlt"),
      { do: "read", mapping: "ram", at: 0x800, length: 4, ask: "memory" },
    ],
  },
  {
    name: "modes: 64-bit mode",
    steps: [
      ...machine(program("long"), {}, 4),
      ...pageTables,
      { do: "write", mapping: "ram", at: 0x3008, hex: "8300e00000000000" },
      { do: "specialRegisters", set: longMode },
      ...runs("out"),
      ...runAndProvide("read of a large page", "11223344"),
      ...runs("hlt"),
      { do: "read", mapping: "ram", at: 0x800, length: 8, ask: "memory" },
      { do: "read", mapping: "ram", at: 0x1000, length: 8, ask: "accessed, level 4" },
      { do: "read", mapping: "ram", at: 0x3000, length: 16, ask: "accessed and dirty, level 2" },
    ],
  },
  {
    name: "modes: a page fault that nothing can handle",
    steps: [
      ...machine(program("page-fault"), {}, 4),
      ...pageTables,
      { do: "specialRegisters", set: { ...longMode, idt: { base: 0, limit: 0 } } },
      ...runs("shutdown"),
    ],
  },
  {
    name: "modes: an entry state that no processor accepts",
    steps: [
      ...machine(program("protected")),
      { do: "specialRegisters", set: { ...protectedMode, tr: { type: 0, present: 0, s: 1 } } },
      ...runs("first"),
    ],
  },
];
