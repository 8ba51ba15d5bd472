import { describe, expect, it } from "vitest";
import { type Cpu, SEGMENT } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

/** IRET and RETF to level 3 or to the same level, and what becomes of ES, DS, FS and GS (SDM Vol 2A, IRET; Vol 2B, RET). */

const REGISTERS = ["es", "ds", "fs", "gs"] as const;
type Register = (typeof REGISTERS)[number];
const KERNEL = { code: 0x08, data: 0x10, level: 0 } as const;
const USER = { code: 0x1b, data: 0x23, level: 3 } as const;
type Level = typeof KERNEL | typeof USER;
const RETURNS = [
  { name: "iretd", bits: 32, code: "cf", hasFlags: true },
  { name: "retf of 32 bits", bits: 32, code: "cb", hasFlags: false },
  { name: "iretq", bits: 64, code: "48cf", hasFlags: true },
  { name: "retfq", bits: 64, code: "48cb", hasFlags: false },
] as const;
type Return = (typeof RETURNS)[number];
const EVERY = RETURNS.flatMap((how) => REGISTERS.map((register) => ({ ...how, register })));
const EVERY_NULL = EVERY.flatMap((how) => [0, 1, 2, 3].map((selector) => ({ ...how, selector })));
const UNUSABLE = 0x10000;
const CONFORMING_CODE_0 = 0xc09f;
const BASE = { low: 0x1234, high: 0x56 } as const;

interface Held {
  readonly selector: number;
  readonly rights: number;
}

/** A processor in front of a return from one level to another, with `held` in one register and a segment of level 3 in the others. */
function machine({ bits, code, hasFlags }: Return, from: Level, to: Level, register: Register, held: Held): Cpu {
  const m = new SystemMachine(code);
  const { cpu, memory, base } = m;
  const isLong = bits === 64;
  if (isLong) {
    cpu.efer = 0x500;
    cpu.cr4 = 0x20;
    cpu.cr0 = 0x80000011;
  }
  const codeFlags = isLong ? 0xa0 : 0xc0;
  const table = [0, (codeFlags << 8) | 0x9b, 0xc093, (codeFlags << 8) | 0xfb, 0xc0f3];
  for (const [i, rights] of table.entries()) {
    memory.u32[(base + 0x6000 + i * 8) >> 2] = 0xffff;
    memory.u32[(base + 0x6004 + i * 8) >> 2] = ((rights << 8) | 0xf0000) >>> 0;
  }
  cpu.gdtrLimit = 0x27;
  const frame = [0x3000, to.code, ...(hasFlags ? [2] : []), 0x7800, to.data];
  for (const [i, value] of frame.entries()) memory.u32[(base + 0x7000 + (i * bits) / 8) >> 2] = value;
  const dpl = from.level << 5;
  cpu.setSegmentRaw(SEGMENT.cs, from.code, 0, 0, 0xffffffff, (codeFlags << 8) | 0x9b | dpl);
  cpu.setSegmentRaw(SEGMENT.ss, from.data, 0, 0, 0xffffffff, 0xc093 | dpl);
  for (const each of REGISTERS) cpu.setSegmentRaw(SEGMENT[each], USER.data, 0, 0, 0xffffffff, 0xc0f3);
  cpu.setSegmentRaw(SEGMENT[register], held.selector, BASE.low, BASE.high, 0, held.rights);
  cpu.setRegister(4, 0x7000n);
  return cpu;
}

interface After extends Held {
  readonly base: bigint;
}

/** What the register holds behind the return; the other three have kept theirs. */
function after(how: Return, from: Level, to: Level, register: Register, held: Held): After {
  const cpu = machine(how, from, to, register, held);
  cpu.run(1);
  expect([cpu.ripNumber, cpu.cpl]).toEqual([0x3000, to.level]);
  for (const each of REGISTERS)
    if (each !== register)
      expect(cpu.getSegment(SEGMENT[each])).toMatchObject({ selector: 0x23, accessRights: 0xc0f3 });
  const { selector, accessRights: rights, base } = cpu.getSegment(SEGMENT[register]);
  cpu.dispose();
  return { selector, rights, base };
}

const KEPT_BASE = 0x56_0000_1234n;

describe("a return to an outer level", () => {
  it.each(EVERY_NULL)("makes null selectors zero, with their base: $name, $register = $selector", (how) => {
    const held = { selector: how.selector, rights: UNUSABLE };
    expect(after(how, KERNEL, USER, how.register, held)).toEqual({ selector: 0, rights: UNUSABLE, base: KEPT_BASE });
  });

  it.each(EVERY)("makes segments of inner levels null: $name, $register", (how) => {
    const held = { selector: KERNEL.data, rights: 0xc093 };
    expect(after(how, KERNEL, USER, how.register, held)).toEqual({ selector: 0, rights: UNUSABLE, base: 0n });
  });

  it.each(EVERY)("keeps conforming code segments of inner levels: $name, $register", (how) => {
    const held = { selector: 0x30, rights: CONFORMING_CODE_0 };
    expect(after(how, KERNEL, USER, how.register, held)).toEqual({ ...held, base: KEPT_BASE });
  });
});

describe("a return to the same level", () => {
  it.each(EVERY_NULL)("keeps null selectors: $name, $register = $selector", (how) => {
    const held = { selector: how.selector, rights: UNUSABLE };
    for (const level of [KERNEL, USER])
      expect(after(how, level, level, how.register, held)).toEqual({ ...held, base: KEPT_BASE });
  });

  it.each(EVERY)("keeps segments of inner levels: $name, $register", (how) => {
    const held = { selector: KERNEL.data, rights: 0xc093 };
    expect(after(how, USER, USER, how.register, held)).toEqual({ ...held, base: KEPT_BASE });
  });
});
