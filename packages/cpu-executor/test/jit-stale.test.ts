import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { describe, expect, it, vi } from "vitest";
import { Cpu, InvalidCpuOptionError, STOP } from "../src/index.ts";
import { createJit, type JitOptions } from "../src/jit/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const CALLER = 0x10000;
const CALLEE = 0x11000;
const ELSEWHERE = 0x51000;
const CALLS = 2000;
const LIMIT = 1_000_000;
/** Behind the three bytes of ADD EAX, imm8. */
const IMMEDIATE = CALLEE + 2;

/** loop: CALL callee; DEC ECX; JNZ loop; HLT. */
const CALLER_CODE = [0xe8, 0xfb, 0x0f, 0, 0, 0xff, 0xc9, 0x75, 0xf7, 0xf4];
/** ADD EAX, n; RET. */
const calleeCode = (n: number): readonly number[] => [0x83, 0xc0, n, 0xc3];

/** At the end of the first page. loop: ADD EAX, n, whose last byte is the first of the next page; DEC ECX; JNZ loop; HLT. */
const CROSSING = CALLEE - 4;
const CROSSING_CODE = [0x05, 0, 0, 0, 0, 0xff, 0xc9, 0x75, 0xf7, 0xf4];
const crossingTail = (n: number): readonly number[] => [n, ...CROSSING_CODE.slice(5)];

/** A processor that adds a number, a constant in the code of another page, in a loop of calls. */
function machine(options: JitOptions = {}, MmuType: typeof FlatMmu = FlatMmu) {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const at = memory.allocateFrames(MEGABYTE / 4096);
  const jit = createJit({ threshold: 20, batch: 1, delay: 0, ...options });
  const mmu = new MmuType(at);
  const add = (tier: { readonly jit?: typeof jit } = { jit }): Cpu => {
    const cpu = Cpu.create({ memory, mmu, ...tier });
    useFlatSegments(cpu, 64);
    return cpu;
  };
  const cpu = add();
  memory.u8.set(CALLER_CODE, at + CALLER);
  memory.u8.set(calleeCode(1), at + CALLEE);
  memory.u8.set(calleeCode(5), at + ELSEWHERE);
  const write = (address: number, value: number): void => {
    memory.u8[at + address] = value;
    memory.noteWrite(((at + address) & ~0xfff) as HostPhysicalAddress);
  };
  const load = (address: number, bytes: readonly number[]): void => memory.u8.set(bytes, at + address);
  return { memory, mmu, cpu, jit, write, load, another: add };
}

/** What the loop leaves in EAX, divided by the number of calls. */
function sumOf(cpu: Cpu, start: number = CALLER): number {
  cpu.setRegister(0, 0n);
  cpu.setRegister(1, BigInt(CALLS));
  cpu.setRegister(4, 0x23f00n);
  cpu.ripNumber = start;
  expect(cpu.run(LIMIT)).toBe(STOP.instruction);
  return Number(cpu.getRegister(0)) / CALLS;
}

describe("code that changes under a compiled region", () => {
  it("is not run any more when the other page of the region is mapped elsewhere", () => {
    const { cpu, jit, mmu, memory } = machine();
    expect(sumOf(cpu)).toBe(1);
    expect(jit.regions(memory).some(({ pages }) => pages === 2)).toBe(true);
    mmu.elsewhere.set(CALLEE, ELSEWHERE);
    cpu.flushTlb();
    expect(sumOf(cpu)).toBe(5);
    mmu.elsewhere.delete(CALLEE);
    cpu.flushTlb();
    expect(sumOf(cpu)).toBe(1);
  });

  it("is not run any more when somebody else writes the other page of the region", () => {
    const { cpu, write } = machine();
    expect(sumOf(cpu)).toBe(1);
    write(IMMEDIATE, 7);
    expect(sumOf(cpu)).toBe(7);
  });

  it("is not run any more when it was written once more before it was executed again", () => {
    const { cpu, write } = machine();
    expect(sumOf(cpu)).toBe(1);
    // After the first write nobody watches the frame, and the second changes no version.
    write(IMMEDIATE, 7);
    write(IMMEDIATE, 9);
    expect(sumOf(cpu)).toBe(9);
    write(IMMEDIATE, 1);
    expect(sumOf(cpu)).toBe(1);
  });

  it("is compiled less and less often when it keeps changing", () => {
    const { cpu, jit, memory, write } = machine();
    for (let n = 0; n < 100; n++) {
      write(IMMEDIATE, n);
      expect(sumOf(cpu)).toBe(n);
    }
    expect(jit.statistics(memory).modules).toBeLessThan(30);
  });
});

describe("a compiler in the background", () => {
  it("has code run compiled once its result could come", async () => {
    const { cpu, jit, memory } = machine({ compilation: "background" });
    expect(sumOf(cpu)).toBe(1);
    expect(jit.statistics(memory).regions).toBe(0);
    await vi.waitFor(() => expect(jit.statistics(memory).regions).toBeGreaterThan(0));
    expect(sumOf(cpu)).toBe(1);
    expect(jit.statistics(memory).executed).toBeGreaterThan(CALLS * 4);
  });

  it("compiles by itself where no result can come", () => {
    const { cpu, jit, memory } = machine({ compilation: "background" });
    for (let i = 0; i < 400; i++) expect(sumOf(cpu)).toBe(1);
    expect(jit.statistics(memory).executed).toBeGreaterThan(0);
  });

  it("does not run code that has changed meanwhile", async () => {
    const { cpu, jit, memory, write } = machine({ compilation: "background" });
    expect(sumOf(cpu)).toBe(1);
    write(IMMEDIATE, 7);
    await vi.waitFor(() => expect(jit.statistics(memory).regions).toBeGreaterThan(0));
    expect(sumOf(cpu)).toBe(7);
  });
});

it.each([{ threshold: 0 }, { batch: 1.5 }, { mostRegions: -1 }, { mostBytes: Number.NaN }])(
  "a compiler refuses options out of range: %o",
  (options) => {
    expect(() => createJit(options)).toThrow(InvalidCpuOptionError);
  },
);

describe.each(["interpreter", "regions"])("an instruction in two pages (%s)", (tier) => {
  it("is what the second page has now, written or mapped", () => {
    const m = machine();
    const cpu = m.another(tier === "regions" ? { jit: m.jit } : {});
    m.load(CROSSING, CROSSING_CODE);
    m.load(ELSEWHERE, crossingTail(6));
    const unit = 1 << 24;
    expect(sumOf(cpu, CROSSING)).toBe(0);
    m.write(CALLEE, 1);
    expect((sumOf(cpu, CROSSING) * CALLS) % 2 ** 32).toBe((CALLS * unit) % 2 ** 32);
    m.mmu.elsewhere.set(CALLEE, ELSEWHERE);
    cpu.flushTlb();
    expect((sumOf(cpu, CROSSING) * CALLS) % 2 ** 32).toBe((CALLS * 6 * unit) % 2 ** 32);
    m.write(ELSEWHERE, 3);
    expect((sumOf(cpu, CROSSING) * CALLS) % 2 ** 32).toBe((CALLS * 3 * unit) % 2 ** 32);
    expect(m.jit.statistics(m.memory).executed > 0).toBe(tier === "regions");
  });
});

it("code that the guest has at two addresses is compiled for each of them", () => {
  /** Linear addresses 4 GiB apart are the same memory. */
  class TwoViews extends FlatMmu {
    override translate(low: number, high: number, access: number): number {
      return super.translate(low, high & ~1, access);
    }
  }
  const { cpu, jit, memory, load } = machine({}, TwoViews);
  // loop: LEA RAX, [RIP]; DEC ECX; JNZ loop; HLT.
  load(CALLER, [0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xff, 0xc9, 0x75, 0xf5, 0xf4]);
  for (const view of [0n, 1n << 32n]) {
    cpu.setRegister(1, BigInt(CALLS));
    cpu.rip = view + BigInt(CALLER);
    expect(cpu.run(LIMIT)).toBe(STOP.instruction);
    expect(cpu.getRegister(0)).toBe(view + BigInt(CALLER + 7));
  }
  expect(jit.regions(memory).length).toBeGreaterThan(1);
});

describe("the code of an arena", () => {
  it("is compiled once for processors that share frames", () => {
    const { cpu, jit, memory, another } = machine();
    sumOf(cpu);
    const { regions, executed } = jit.statistics(memory);
    expect(regions).toBeGreaterThan(0);
    expect(sumOf(another())).toBe(1);
    const after = jit.statistics(memory);
    expect(after.regions).toBe(regions);
    // From the first block on that both have: all that the second processor did.
    expect(after.executed - executed).toBeGreaterThan(CALLS * 4);
  });

  it.each([1, 2])("is dropped and compiled anew when there are more than %i regions of it", (mostRegions) => {
    const { cpu, jit, memory, another, write } = machine({ mostRegions });
    const other = another();
    for (let n = 0; n < 20; n++) {
      write(IMMEDIATE, n);
      expect(sumOf(cpu)).toBe(n);
      expect(sumOf(other)).toBe(n);
    }
    expect(jit.statistics(memory).evictions).toBeGreaterThan(0);
    expect(jit.regions(memory).length).toBeLessThanOrEqual(mostRegions);
  });
});
