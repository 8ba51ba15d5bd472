import type { Case, Region, Step, Word } from "../steps.ts";
import { memory, vm } from "./set-up.ts";

const LOG_DIRTY = 1;
const READONLY = 2;
const PAGE = 0x1000;

const set = (ask: string, region: Region, place: Word | number = 0): Step => ({
  do: "region",
  region: {
    memory: typeof place === "number" ? { mapping: "ram", offset: place } : place,
    ...region,
  },
  ask,
});

/** One region on a fresh VM. */
const alone = (name: string, ...steps: Step[]): Case => ({
  name: `memory region: ${name}`,
  steps: [...vm, memory("ram", 16 * PAGE), ...steps],
});

const base = { slot: 1, gpa: 0x10000, size: 4 * PAGE };

/** KVM_SET_USER_MEMORY_REGION: what may change, and what is refused with which errno. */
export const MEMORY_REGION_CASES: readonly Case[] = [
  alone(
    "what an existing slot may become",
    set("create", base),
    set("the same again", base),
    set("move to a free place", { ...base, gpa: 0x40000 }),
    set("move to the first page", { ...base, gpa: 0 }),
    set("log dirty pages", { ...base, gpa: 0, flags: LOG_DIRTY }),
    set("no longer log", { ...base, gpa: 0 }),
    set("become read-only", { ...base, gpa: 0, flags: READONLY }),
    set("grow", { ...base, gpa: 0, size: 5 * PAGE }),
    set("shrink", { ...base, gpa: 0, size: PAGE }),
    set("other memory", { ...base, gpa: 0 }, PAGE),
    set("other memory and another place", { ...base, gpa: 0x80000 }, PAGE),
    set("delete", { ...base, size: 0 }),
    set("delete again", { ...base, size: 0 }),
    set("create after deletion, in another size", { ...base, size: PAGE }),
  ),
  alone(
    "a read-only slot",
    set("create", { ...base, flags: READONLY }),
    set("become writable", base),
    set("move", { ...base, gpa: 0x40000, flags: READONLY }),
    set("log dirty pages too", { ...base, gpa: 0x40000, flags: READONLY | LOG_DIRTY }),
    set("delete with other flags", { ...base, size: 0 }),
  ),
  alone(
    "flags",
    set("bit 2", { ...base, flags: 4 }),
    set("bit 16", { ...base, flags: 1 << 16 }),
    set("bit 31", { ...base, flags: 0x8000_0000 }),
    set("both known ones", { ...base, flags: 3 }),
  ),
  alone(
    "alignment",
    set("address", { ...base, gpa: 0x10800 }),
    set("size", { ...base, size: 0x1800 }),
    set("size 1", { ...base, size: 1 }),
    set("user address", base, 0x800),
    set("user address by one byte", base, 1),
  ),
  alone(
    "limits",
    set("slot 32763", { ...base, slot: 32763 }),
    set("slot 32764", { ...base, slot: 32764, gpa: 0x100000 }),
    set("slot 65535", { ...base, slot: 0xffff, gpa: 0x100000 }),
    set("address space 1", { ...base, slot: 0x1_0001, gpa: 0x100000 }),
    set("address space 2", { ...base, slot: 0x2_0001, gpa: 0x100000 }),
    set("address space 0x8000", { ...base, slot: 0x8000_0001, gpa: 0x100000 }),
    set("end of the address space", { ...base, gpa: "0xfffffffffffff000" }),
    set("wraps around", { ...base, gpa: "0xffffffffffffe000" }),
    set("address 1 << 52", { ...base, gpa: "0x10000000000000" }),
    set("address 1 << 46", { slot: 2, gpa: "0x400000000000", size: PAGE }),
    set("size 1 << 44", { ...base, slot: 3, gpa: "0x100000000", size: "0x100000000000" }),
    set("size 1 << 63", { ...base, slot: 3, size: "0x8000000000000000" }),
  ),
  alone(
    "user addresses",
    set("in the kernel's half", base, "0xffff888000000000"),
    set("not canonical", base, "0x800000000000"),
    set("the last page of the user's half", { ...base, size: PAGE }, "0x7ffffffff000"),
    set("up to the end of the user's half", { ...base, slot: 2, gpa: 0x40000, size: PAGE }, "0x7fffffffe000"),
    set("beyond the end of the user's half", { ...base, slot: 3, gpa: 0x80000, size: 2 * PAGE }, "0x7fffffffe000"),
    set("unmapped", { ...base, slot: 4, gpa: 0xc0000, size: PAGE }, "0x10000"),
    set("0", { ...base, slot: 5, gpa: 0xd0000, size: PAGE }, "0x0"),
  ),
  alone(
    "overlaps",
    set("first", { slot: 0, gpa: 0x10000, size: 4 * PAGE }),
    set("second, behind it", { slot: 1, gpa: 0x14000, size: 4 * PAGE }),
    set("its first page", { slot: 2, gpa: 0x10000, size: PAGE }),
    set("its last page", { slot: 2, gpa: 0x13000, size: PAGE }),
    set("around it", { slot: 2, gpa: 0xf000, size: 8 * PAGE }),
    set("the page before it", { slot: 2, gpa: 0xf000, size: PAGE }),
    set("move onto another", { slot: 1, gpa: 0x11000, size: 4 * PAGE }),
    set("move onto its own former place", { slot: 1, gpa: 0x15000, size: 4 * PAGE }),
    set("same memory at another place", { slot: 3, gpa: 0x40000, size: 4 * PAGE }),
    set("delete the first", { slot: 0, size: 0 }),
    set("use its place", { slot: 2, gpa: 0xf000, size: PAGE }),
    set("use its place by another slot", { slot: 4, gpa: 0x10000, size: PAGE }),
  ),
  alone(
    "which mistake is found first",
    set("flags and overlap", { ...base, flags: 4, size: 1 }),
    set("first", base),
    set("existing slot, misaligned", { ...base, gpa: 0x10800 }),
    set("existing slot, resized onto itself", { ...base, size: 5 * PAGE }),
    set("another slot, overlapping, with an unknown flag", { ...base, slot: 2, flags: 8 }),
    set("another slot, overlapping, too high a number", { ...base, slot: 40000 }),
    set("delete a slot that never was, misaligned", { slot: 9, gpa: 0x800, size: 0 }),
    set("delete a slot that never was", { slot: 9, size: 0 }),
    set("delete with a kernel address", { ...base, size: 0 }, "0xffff888000000000"),
    set("delete with an unknown flag", { ...base, size: 0, flags: 8 }),
    set("delete with another address", { ...base, size: 0, gpa: 0x99000 }),
  ),
  {
    name: "memory region: bad pointers",
    steps: [
      ...vm,
      ...([0, 0x10, "0x7fffffffffff", "0xffff888000000000", "0xffffffffffffffff", "0x800000000000"] as const).map(
        (argument): Step => ({
          do: "ioctl",
          fd: "vm",
          request: "KVM_SET_USER_MEMORY_REGION",
          argument,
          ask: `pointer ${argument}`,
        }),
      ),
    ],
  },
  {
    name: "memory region: a structure that lies in user memory",
    steps: [
      ...vm,
      memory("ram", PAGE),
      { do: "write", mapping: "ram", at: 0x108, hex: "00000100 00000000 00000000 00000000" },
      {
        do: "ioctl",
        fd: "vm",
        request: "KVM_SET_USER_MEMORY_REGION",
        argument: { mapping: "ram", offset: 0x100 },
        ask: "delete of a slot that is not there",
      },
    ],
  },
];
