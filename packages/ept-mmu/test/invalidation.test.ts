import { describe, expect, it } from "vitest";
import { ACCESS, INVALIDATION, invalidatedByMovToCr4 } from "../src/index.ts";
import { CR4, PagingMachine } from "./support/paging-machine.ts";
import { TlbModel } from "./support/tlb-model.ts";

const PAGE = 0x4040_5000;
const GLOBAL_LEAF = 0x40_0167n;
const LEAF = 0x40_0067n;

const setUp = (cr4 = 0, mode: "4-level" | "PAE" = "4-level") =>
  new PagingMachine({ mode, leaf: LEAF }).configure({ cr4 });

/** What PCIDs 1 and 2 have of the page, of another one, and of a global page. */
const filled = (): TlbModel => {
  const model = new TlbModel();
  for (const pcid of [1, 2]) {
    model.add(`page of ${pcid}`, { pcid, linear: PAGE, pageSize: 4096, isGlobal: false });
    model.add(`other of ${pcid}`, { pcid, linear: PAGE + 4096, pageSize: 4096, isGlobal: false });
    model.add(`global page of ${pcid}`, { pcid, linear: PAGE, pageSize: 4096, isGlobal: true });
  }
  return model;
};

const OF_2 = ["page of 2", "other of 2", "global page of 2"];
const GLOBALS = ["global page of 1", "global page of 2"];

describe("a translation", () => {
  it("is global when the entry that maps the page says so and CR4.PGE is set", () => {
    const machine = new PagingMachine({ mode: "4-level", leaf: GLOBAL_LEAF });
    expect(machine.access(ACCESS.read)).toBe("ok 7");
    expect(machine.mmu.isGlobal).toBe(false);
    machine.configure({ cr4: CR4.pge }).access(ACCESS.read);
    expect(machine.mmu.isGlobal).toBe(true);
    machine.set(1, LEAF);
    machine.set(2, machine.get(2) | 0x100n);
    machine.access(ACCESS.read);
    expect(machine.mmu.isGlobal).toBe(false);
  });

  it("belongs to the PCID in CR3 with CR4.PCIDE, and to PCID 0 without", () => {
    const machine = setUp();
    const registers = { eptPointer: 0, cr0: 0x80000001 | 0, cr3Low: machine.root | 0xabc, cr3High: 0, efer: 0xd00 };
    machine.mmu.configure({ ...registers, cr4: CR4.pae });
    expect(machine.mmu.pcid).toBe(0);
    machine.mmu.configure({ ...registers, cr4: CR4.pae | CR4.pcide });
    expect(machine.mmu.pcid).toBe(0xabc);
    expect(machine.access(ACCESS.read)).toBe("ok 7");
  });
});

describe("MOV to CR3", () => {
  it("invalidates what the new PCID has, and keeps global pages", () => {
    const { mmu } = setUp(CR4.pcide);
    expect(filled().invalidate(mmu.movToCr3(0), 1).names).toEqual(["global page of 1", ...OF_2]);
  });

  it("with bit 63 set invalidates nothing, if PCIDs are enabled", () => {
    const high = 1 << 31;
    expect(filled().invalidate(setUp(CR4.pcide).mmu.movToCr3(high), 1).names).toEqual(filled().names);
    expect(setUp().mmu.movToCr3(high)).toBe(INVALIDATION.pcid);
  });
});

describe("MOV to CR4", () => {
  it.each<[string, number, number, number]>([
    ["setting PGE", 0, CR4.pge, INVALIDATION.all],
    ["clearing PGE", CR4.pge, 0, INVALIDATION.all],
    ["clearing PCIDE", CR4.pcide, 0, INVALIDATION.all],
    ["setting PCIDE", 0, CR4.pcide, INVALIDATION.none],
    ["changing PAE", CR4.pae, 0, INVALIDATION.all],
    ["setting SMEP", 0, CR4.smep, INVALIDATION.all],
    ["changing SMAP, which cached decisions depend on,", CR4.smap, 0, INVALIDATION.all],
    ["changing PKE, likewise,", 0, CR4.pke, INVALIDATION.all],
    ["changing PSE, likewise,", 0, CR4.pse, INVALIDATION.all],
    ["changing nothing of paging", CR4.pge | 4, CR4.pge | 0x200, INVALIDATION.none],
  ])("%s has its effect", (_name, before, after, expected) => {
    expect(invalidatedByMovToCr4(before, after)).toBe(expected);
  });
});

describe("INVLPG", () => {
  it("invalidates the page in the current PCID, and global ones in all", () => {
    const { mmu } = setUp(CR4.pcide);
    expect(filled().invalidate(mmu.invlpg(0), 1, PAGE + 5).names).toEqual(["other of 1", "page of 2", "other of 2"]);
  });

  it("invalidates all pieces of a large page, whose size the translation tells", () => {
    const machine = new PagingMachine({ mode: "PAE", leaf: 0x40_00e7n, leafLevel: 2 });
    machine.access(ACCESS.read);
    const { pageSize } = machine.mmu;
    const model = new TlbModel().add("large", { pcid: 0, linear: 0x4040_0000, pageSize, isGlobal: false });
    expect(model.invalidate(machine.mmu.invlpg(0), 0, 0x405f_f000).names).toEqual([]);
  });

  it("of an address that is not canonical does nothing in 4-level paging", () => {
    expect(setUp().mmu.invlpg(0x8000)).toBe(INVALIDATION.none);
    expect(setUp().mmu.invlpg(-0x8000)).toBe(INVALIDATION.page);
    expect(setUp(0, "PAE").mmu.invlpg(0x8000)).toBe(INVALIDATION.page);
  });
});

describe("INVPCID", () => {
  const { mmu } = setUp(CR4.pcide);

  it("of type 0 invalidates a page in one PCID, and no global one", () => {
    expect(filled().invalidate(mmu.invpcid(0, 1, 0, 0), 1, PAGE).names).toEqual([
      "other of 1",
      "global page of 1",
      ...OF_2,
    ]);
  });

  it("of type 1 invalidates one PCID, and no global page", () => {
    expect(filled().invalidate(mmu.invpcid(1, 1, 0, 0), 1).names).toEqual(["global page of 1", ...OF_2]);
  });

  it("of type 2 invalidates everything, of type 3 all but global pages", () => {
    expect(filled().invalidate(mmu.invpcid(2, 1, 0, 0), 1).names).toEqual([]);
    expect(filled().invalidate(mmu.invpcid(3, 1, 0, 0), 1).names).toEqual(GLOBALS);
  });

  it.each<[string, number, number, number, number]>([
    ["type 4", 4, 1, 0, 0],
    ["a type above 32 bits", 2 ** 32, 1, 0, 0],
    ["a PCID of 13 bits", 1, 0x1000, 0, 0],
    ["a reserved bit in the descriptor's upper half", 2, 0, 1, 0],
    ["the highest bit of the PCID's quadword", 3, 0, -1, 0],
    ["type 0 with an address that is not canonical", 0, 1, 0, 0x8000],
  ])("faults at %s", (_name, type, low, high, linearHigh) => {
    expect(mmu.invpcid(type, low, high, linearHigh)).toBe(INVALIDATION.fault);
  });

  it("looks at the address in type 0 only", () => {
    for (const type of [1, 2, 3]) expect(mmu.invpcid(type, 1, 0, 0x8000)).not.toBe(INVALIDATION.fault);
  });

  it("without CR4.PCIDE knows PCID 0 alone in types 0 and 1", () => {
    const without = setUp().mmu;
    for (const type of [0, 1]) {
      expect(without.invpcid(type, 1, 0, 0)).toBe(INVALIDATION.fault);
      expect(without.invpcid(type, 0, 0, 0)).not.toBe(INVALIDATION.fault);
    }
    expect(without.invpcid(2, 1, 0, 0)).toBe(INVALIDATION.all);
    expect(without.invpcid(3, 1, 0, 0)).toBe(INVALIDATION.nonGlobal);
  });

  it("checks the whole address outside 4-level paging, too", () => {
    expect(setUp(0, "PAE").mmu.invpcid(0, 0, 0, 0x8000)).toBe(INVALIDATION.fault);
  });
});
