import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { ACCESS, GuestMmu, type GuestMmuOptions, SPTE_FORMAT, TdpMmu, TRANSLATION } from "../src/index.ts";

const ALL = { write: true, execute: true };
const READ_ONLY = { write: false, execute: false };
const REAL_MODE = { cr0: 0x10, cr3Low: 0, cr3High: 0, cr4: 0x2000, efer: 0 };
const PAGE_32 = { cr0: 0x80010011 | 0, cr4: 0x2010 };
/** EPTP bit 6: accessed and dirty flags. */
const FLAGS = 0x40;
const [ACCESSED, DIRTY] = [0x100, 0x200];

const setUp = (options: GuestMmuOptions = { guestPhysical: "kept" }) => {
  const memory = HostMemory.create({ bytes: 16 << 20 });
  const tdp = new TdpMmu(memory, { format: SPTE_FORMAT.kvm });
  const mmu = new GuestMmu(memory, options);
  const configure = (change: object = {}): void =>
    mmu.configure({ ...REAL_MODE, eptPointer: tdp.eptPointer, ...change });
  configure();
  /** Host page of a linear address, or the TRANSLATION that it ended with, negative. */
  const translate = (linear: number, access: number = ACCESS.read): number => {
    const result = mmu.translate(linear, 0, access);
    return result === TRANSLATION.ok ? mmu.hostPage : -result;
  };
  return { memory, tdp, mmu, configure, translate };
};

/** Place in `u32` of the leaf of one of the first 512 guest frames. */
const leafOf = (memory: HostMemory, tdp: TdpMmu, gfn: number): number => {
  let table: number = tdp.rootHpa;
  for (let level = 4; level > 1; level--) table = (memory.u32[table / 4] as number) & ~0xfff;
  return table / 4 + gfn * 2;
};

describe("a guest-physical translation that is kept", () => {
  it("stays when its EPT entry changes, until it is forgotten", () => {
    const { tdp, mmu, translate } = setUp();
    tdp.map(5, 0x50, ALL);
    expect(translate(0x5123)).toBe(0x50000);
    tdp.map(5, 0x51, ALL);
    expect(translate(0x5ffc, ACCESS.write)).toBe(0x50000);
    mmu.forget();
    expect(translate(0x5123)).toBe(0x51000);
    tdp.zap(5, 1);
    mmu.forget();
    expect(translate(0x5123)).toBe(-TRANSLATION.stop);
  });

  it("is found anew each time where nothing is said", () => {
    const { tdp, translate } = setUp({});
    tdp.map(5, 0x50, ALL);
    expect(translate(0x5123)).toBe(0x50000);
    tdp.map(5, 0x51, ALL);
    expect(translate(0x5123)).toBe(0x51000);
  });

  it("goes when the registers are configured, the EPT pointer among them", () => {
    const { memory, tdp, configure, translate } = setUp();
    tdp.map(5, 0x50, ALL);
    expect(translate(0x5123)).toBe(0x50000);
    const other = new TdpMmu(memory, { format: SPTE_FORMAT.kvm });
    configure({ eptPointer: other.eptPointer });
    expect(translate(0x5123)).toBe(-TRANSLATION.stop);
    configure({ eptPointer: 0 });
    expect(translate(0x5123)).toBe(0x5000);
    configure();
    expect(translate(0x5123)).toBe(0x50000);
  });

  it("refuses nothing: a mapping that was added and a right that was given count at once", () => {
    const { tdp, mmu, translate } = setUp();
    expect(translate(0x5123)).toBe(-TRANSLATION.stop);
    tdp.map(5, 0x50, READ_ONLY);
    expect(translate(0x5123)).toBe(0x50000);
    expect(translate(0x5123, ACCESS.write)).toBe(-TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x18a);
    tdp.map(5, 0x50, ALL);
    expect(translate(0x5123, ACCESS.write)).toBe(0x50000);
    expect(mmu.permissions).toBe(7);
  });

  it("is known to the emitted walk, and goes with what is forgotten", () => {
    const { memory, tdp, mmu, configure, translate } = setUp();
    tdp.map(5, 0x50, ALL);
    tdp.map(6, 0x60, ALL);
    // A page of 4 MiB at 0.
    memory.u32[0x60000 / 4] = 0xe3;
    configure({ ...PAGE_32, cr3Low: 0x6000 });
    const inUse = memory.framesInUse;
    const emitted = mmu.emitted();
    expect(memory.framesInUse).toBe(inUse);
    if (emitted === undefined) throw new Error("no emitted walk");
    const ask = (): number => emitted.translate(emitted.block, 0x5123, 0, ACCESS.write);
    expect([ask(), translate(0x5123, ACCESS.write), ask()]).toEqual([-1, 0x50000, TRANSLATION.ok]);
    expect(memory.i32[emitted.block >> 2]).toBe(0x50000);
    mmu.forget();
    expect(ask()).toBe(-1);
    mmu.dispose();
    expect([memory.framesInUse, translate(0x5123)]).toEqual([inUse - 1, 0x50000]);
  });

  it.each([13, 20, 21])(
    "leaves a page of 4 MiB with bit %i, which is reserved or far away, to the other walk",
    (bit) => {
      const { memory, tdp, mmu, configure, translate } = setUp();
      tdp.map(6, 0x60, ALL);
      memory.u32[0x60000 / 4] = 0x83 | (1 << bit);
      configure({ ...PAGE_32, cr3Low: 0x6000 });
      const emitted = mmu.emitted();
      translate(0x5123);
      const before = memory.u32[0x60000 / 4];
      expect(emitted?.translate(emitted.block, 0x5123, 0, ACCESS.write)).toBe(-1);
      expect(memory.u32[0x60000 / 4]).toBe(before);
    },
  );

  it("has no emitted walk where nothing is kept, or no frame is left", () => {
    expect(setUp({}).mmu.emitted()).toBeUndefined();
    const memory = HostMemory.create({ bytes: 1 << 20 });
    memory.allocateFrames(memory.framesTotal - 1 - memory.framesInUse);
    const mmu = new GuestMmu(memory, { guestPhysical: "kept" });
    expect(mmu.emitted()).toBeUndefined();
    expect(mmu.translate(0x5123, 0, ACCESS.read)).toBe(TRANSLATION.ok);
  });

  it("is of one page: 256 pages further is another one, and 4 GiB further too", () => {
    const { memory, tdp, configure, translate } = setUp();
    for (const [gfn, pfn] of [
      [5, 0x50],
      [5 + 256, 0x51],
      [5 + 2 ** 20, 0x52],
      [6, 0x60],
    ] as const)
      tdp.map(gfn, pfn, ALL);
    // Pages of 4 MiB at 0 and, by PSE-36, at 4 GiB.
    memory.u32.set([0x83, 0x2083], 0x60000 / 4);
    configure({ ...PAGE_32, cr3Low: 0x6000 });
    for (let i = 0; i < 3; i++) {
      expect(translate(0x5000)).toBe(0x50000);
      expect(translate(0x105000)).toBe(0x51000);
      expect(translate(0x405000)).toBe(0x52000);
    }
  });

  it("has the EPT's accessed and dirty flags set as without: the first write sets dirty", () => {
    const { memory, tdp, configure, translate } = setUp();
    tdp.map(5, 0x50, ALL);
    configure({ eptPointer: tdp.eptPointer | FLAGS });
    const leaf = leafOf(memory, tdp, 5);
    memory.u32[leaf] = (memory.u32[leaf] as number) & ~(ACCESSED | DIRTY);
    expect(translate(0x5000)).toBe(0x50000);
    expect((memory.u32[leaf] as number) & (ACCESSED | DIRTY)).toBe(ACCESSED);
    expect(translate(0x5000)).toBe(0x50000);
    expect(translate(0x5000, ACCESS.write)).toBe(0x50000);
    expect((memory.u32[leaf] as number) & (ACCESSED | DIRTY)).toBe(ACCESSED | DIRTY);
  });
});
