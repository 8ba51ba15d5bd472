import { HostMemory } from "@likex/host-memory";
import { expect, it } from "vitest";
import { Cpu, INTERCEPT, STOP } from "../src/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const CODE = 0x10000;
const NEXT = 0x11000;
const ELSEWHERE = 0x50000;
/** JMP rel32 at the end of the first page, whose last two bytes are in the next one, to the page's start. */
const CROSSING = NEXT - 3;
const BACK = CODE - (CROSSING + 5);
const JUMP_BACK = [0xe9, BACK & 0xff, (BACK >> 8) & 0xff, (BACK >> 16) & 0xff, (BACK >> 24) & 0xff];
/** INVLPG [RBX]; JMP RSI. */
const INVALIDATE = [0x0f, 0x01, 0x3b, 0xff, 0xe6];
const mark = (n: number): readonly number[] => [0xb8, n, 0, 0, 0, 0xf4];

it("the page that code was fetched from last is forgotten by INVLPG, also where no block is known there", () => {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const mmu = new FlatMmu(base);
  const cpu = Cpu.create({ memory, mmu });
  cpu.intercepts[INTERCEPT.invlpg] = 0;
  useFlatSegments(cpu, 64);
  memory.u8.set(JUMP_BACK, base + CROSSING);
  memory.u8.set(INVALIDATE, base + CODE);
  memory.u8.set(mark(1), base + NEXT + 0x10);
  memory.u8.set(mark(2), base + ELSEWHERE + 0x10);
  cpu.setRegister(3, BigInt(NEXT));
  // The block that jumps at RSI is known before the page behind the jump is fetched.
  cpu.setRegister(6, BigInt(CROSSING));
  cpu.ripNumber = CODE;
  expect(cpu.run(3)).toBe(STOP.budget);
  expect(cpu.ripNumber).toBe(CODE);
  cpu.setRegister(6, BigInt(NEXT + 0x10));
  mmu.elsewhere.set(NEXT, ELSEWHERE);
  expect(cpu.run(10)).toBe(STOP.instruction);
  expect(Number(cpu.getRegister(0))).toBe(2);
});
