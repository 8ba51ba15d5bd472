import { describe, expect, it } from "vitest";
import { type Mmu, PDPTE_LOAD, SEGMENT, STOP } from "../src/index.ts";
import { LargePages } from "../src/large-pages.ts";
import { FlatMmu, RealModeMachine } from "./support/real-mode.ts";
import { SystemMachine } from "./support/system-machine.ts";

/** Linear 80000h and its neighbour, which the test moves in guest memory. */
class MovingMmu extends FlatMmu implements Mmu {
  moved = 0;
  pageSize = 4096;
  loads: number[] = [];
  loadResult: number = PDPTE_LOAD.ok;
  pkru = 0;

  override translate(low: number, high: number, access: number): number {
    const inWindow = (low & ~0x1fff) === 0x80000;
    this.pageSize = inWindow ? this.windowSize : 4096;
    return super.translate(inWindow ? low + this.moved : low, high, access);
  }

  windowSize = 4096;

  loadPdptes(cr3Low: number): number {
    this.loads.push(cr3Low);
    return this.loadResult;
  }
}

const machineWith = (code: string): { m: SystemMachine; mmu: MovingMmu } => {
  let mmu: MovingMmu | undefined;
  const m = new SystemMachine(code, {}, (base) => {
    mmu = new MovingMmu(base);
    return mmu;
  });
  return { m, mmu: mmu as MovingMmu };
};

const LOAD = "a100000800"; // mov eax, [80000h]
const STORE = "c7050000080055000000"; // mov dword [80000h], 55h
const CALL = "b800000800ffd0"; // mov eax, 80000h; call eax
const INVLPG_OTHER = "0f013d00100800"; // invlpg [81000h]
const INVLPG = "0f013d00000800"; // invlpg [80000h]

describe("INVLPG", () => {
  it.each([
    ["drops its page for reads", LOAD, INVLPG, 4096, true],
    ["leaves the next page alone", LOAD, INVLPG_OTHER, 4096, false],
    ["drops all of a large page", LOAD, INVLPG_OTHER, 2 << 20, true],
  ])("%s", (_name, access, invalidate, size, isDropped) => {
    const { m, mmu } = machineWith(`${access} ${invalidate} ${access}`);
    mmu.windowSize = size;
    m.memory.u32[(m.base + 0x80000) >> 2] = 1;
    m.memory.u32[(m.base + 0x90000) >> 2] = 2;
    m.cpu.run(1);
    mmu.moved = 0x10000;
    m.cpu.run(2);
    expect(m.cpu.registerLow(0)).toBe(isDropped ? 2 : 1);
  });

  it("drops its page for writes", () => {
    const { m, mmu } = machineWith(`${STORE} ${INVLPG} ${STORE}`);
    m.cpu.run(1);
    mmu.moved = 0x10000;
    m.cpu.run(2);
    expect(m.word(0x90000)).toBe(0x55);
  });

  it.each([
    ["drops its page's code", INVLPG, 4096, true],
    ["leaves other pages' code", INVLPG_OTHER, 4096, false],
    ["drops a large page's code", INVLPG_OTHER, 2 << 20, true],
  ])("%s", (_name, invalidate, size, isDropped) => {
    const { m, mmu } = machineWith(`${CALL} ${invalidate} ${CALL}`);
    mmu.windowSize = size;
    m.load(0x80000, "b801000000 c3");
    m.load(0x90000, "b802000000 c3");
    m.cpu.run(4);
    expect(m.cpu.registerLow(0)).toBe(1);
    mmu.moved = 0x10000;
    m.cpu.run(5);
    expect(m.cpu.registerLow(0)).toBe(isDropped ? 2 : 1);
  });

  it("drops what is cached for other privileges too", () => {
    const { m, mmu } = machineWith(`${LOAD} ${INVLPG}`);
    m.load(0x2000, LOAD);
    m.memory.u32[(m.base + 0x80000) >> 2] = 1;
    m.memory.u32[(m.base + 0x90000) >> 2] = 2;
    const user = (): number => {
      m.cpu.setSegmentRaw(SEGMENT.ss, 0x13, 0, 0, 0xffffffff, 0xc0f3);
      m.cpu.ripNumber = 0x2000;
      m.cpu.run(1);
      return m.cpu.registerLow(0);
    };
    expect(user()).toBe(1);
    m.cpu.setSegmentRaw(SEGMENT.ss, 0x10, 0, 0, 0xffffffff, 0xc093);
    m.cpu.ripNumber = 0x1000;
    mmu.moved = 0x10000;
    m.cpu.run(2);
    expect(user()).toBe(2);
  });

  it("takes the segment's base and wraps at 32 bits", () => {
    const { m, mmu } = machineWith(`${LOAD} 640f013d00000800 ${LOAD}`);
    m.cpu.setSegmentRaw(SEGMENT.fs, 0x10, -0x1000, 0, 0xffffffff, 0xc093);
    m.memory.u32[(m.base + 0x90000) >> 2] = 2;
    m.cpu.run(1);
    mmu.moved = 0x10000;
    m.cpu.run(2);
    // 7f000h was dropped, not 80000h.
    expect(m.cpu.registerLow(0)).toBe(0);
  });
});

describe("large pages", () => {
  it("are known by any address in them, until they are forgotten", () => {
    const pages = new LargePages(new Uint8Array(3 * 1024));
    pages.note(0x40201000, -1, 2 << 20);
    expect(pages.covers(0x4020_0000, -1)).toBe(true);
    expect(pages.covers(0x403f_ffff, -1)).toBe(true);
    expect(pages.covers(0x4040_0000, -1)).toBe(false);
    expect(pages.covers(0x4020_0000, 0)).toBe(false);
    pages.note(0x40201000, 5, 1 << 30);
    expect(pages.covers(0x7fff_f000, 5)).toBe(true);
    pages.clear();
    expect(pages.covers(0x4020_0000, -1)).toBe(false);
  });
});

describe("PAE paging", () => {
  const CR3 = "0f22d8"; // mov cr3, eax
  const pae = (code: string): { m: SystemMachine; mmu: MovingMmu } => {
    const made = machineWith(code);
    made.m.cpu.cr4 = 0x20;
    made.m.cpu.cr0 = 0x80000011;
    made.m.gate(13, 0x2000);
    made.m.load(0x2000, "f4");
    made.m.cpu.setRegister(0, 0x3020n);
    return made;
  };

  it.each([
    ["MOV to CR3", CR3, [0x3020]],
    ["MOV to CR4 that changes PGE", "b8a0000000 0f22e0", [0]],
    ["MOV to CR4 that changes TSD", "b824000000 0f22e0", []],
    ["MOV to CR0 that changes CD", "b8110000c0 0f22c0", [0]],
    ["MOV to CR0 that changes WP", "b811000180 0f22c0", []],
  ])("%s loads the PDPTE registers where it must", (_name, code, loads) => {
    const { m, mmu } = pae(`${code} f4`);
    expect(m.cpu.run(10)).toBe(STOP.halt);
    expect(mmu.loads).toEqual(loads);
  });

  it("MOV to CR3 raises #GP(0) for reserved bits, and changes nothing", () => {
    const { m, mmu } = pae(CR3);
    mmu.loadResult = PDPTE_LOAD.reserved;
    expect(m.cpu.run(10)).toBe(STOP.halt);
    expect(m.word(0x8000 - 16)).toBe(0);
    expect(m.word(0x8000 - 12)).toBe(0x1000);
    expect(m.cpu.cr3).toBe(0n);
  });

  it("MOV to CR3 stops where the table cannot be read", () => {
    const { m, mmu } = pae(CR3);
    mmu.loadResult = PDPTE_LOAD.stop;
    expect(m.cpu.run(10)).toBe(STOP.mmu);
    expect([m.cpu.ripNumber, m.cpu.cr3]).toEqual([0x1000, 0n]);
  });
});

describe("PKRU", () => {
  it("goes to the Mmu, drops what is cached, and is in a snapshot", () => {
    const { m, mmu } = machineWith(`${LOAD} 31c9 31d2 b855000000 0f01ef ${LOAD}`);
    m.cpu.cr4 = 1 << 22;
    m.memory.u32[(m.base + 0x90000) >> 2] = 2;
    m.cpu.run(1);
    mmu.moved = 0x10000;
    m.cpu.run(5);
    expect(m.cpu.registerLow(0)).toBe(2);
    expect(mmu.pkru).toBe(0x55);
    const saved = m.cpu.saveState();
    m.cpu.pkru = 0;
    mmu.pkru = 0;
    m.cpu.restoreState(saved);
    expect([m.cpu.pkru, mmu.pkru]).toEqual([0x55, 0x55]);
  });

  it("is advertised, and OSPKE follows CR4.PKE", () => {
    const { m } = machineWith("b807000000 31c9 0fa2 f4");
    m.cpu.run(3);
    expect((m.cpu.registerLow(1) >> 3) & 3).toBe(1);
    m.cpu.ripNumber = 0x1000;
    m.cpu.cr4 = 1 << 22;
    m.cpu.run(3);
    expect((m.cpu.registerLow(1) >> 3) & 3).toBe(3);
  });
});

describe("a jump to the same instruction pointer in another code segment", () => {
  it("finds the code there, in real mode", () => {
    const m = new RealModeMachine("b80100 ea00000002", 0x1000); // mov ax, 1; jmp 200h:0
    m.load(0x2000, "bb0200 f4"); // mov bx, 2; hlt
    m.cpu.setSegmentRaw(SEGMENT.cs, 0x100, 0x1000, 0, 0xffff, 0x9b);
    m.cpu.ripNumber = 0;
    expect(m.cpu.run(10)).toBe(STOP.instruction);
    expect([m.register(0), m.register(3)]).toEqual([1, 2]);
  });

  it("decodes it for that segment's width", () => {
    // 32 bits: mov eax, 90900001h; 16 bits: mov ax, 1; nop; nop; both: jmp far or hlt behind.
    const m = new SystemMachine("b801009090 f4");
    m.cpu.intercepts[0] = 1;
    m.cpu.run(10);
    expect(m.cpu.registerLow(0)).toBe(0x90900001);
    m.cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffff, 0x9b);
    m.cpu.ripNumber = 0x1000;
    m.cpu.setRegister(0, 0n);
    m.cpu.run(10);
    expect(m.cpu.registerLow(0)).toBe(1);
  });
});
