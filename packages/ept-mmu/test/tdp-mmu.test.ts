import { HostMemory, hpa, OutOfHostMemoryError } from "@likex/host-memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EPT_EXIT, EptWalker, SPTE_FORMAT, type TdpMapEvent, TdpMmu } from "../src/index.ts";
import { slowIndex } from "./support/tables.ts";

const ALL = { write: true, execute: true };

const setUp = (format = SPTE_FORMAT.likex) => {
  const memory = HostMemory.create({ bytes: 16 << 20 });
  const events: TdpMapEvent[] = [];
  const tdp = new TdpMmu(memory, { format, trace: (event) => events.push(event) });
  const walker = new EptWalker(memory, 46);
  walker.configure(tdp.eptPointer);
  return { memory, events, tdp, walker };
};

describe("mapping a page", () => {
  it("makes the published entries", () => {
    const { tdp, events } = setUp();
    tdp.map(0, 0x1e844e, ALL);
    expect(tdp.lookup(0)).toBe(0x6000001e844eb07n);
    expect(events.map(({ spte }) => spte & 0xfffn)).toEqual([0x907n, 0x907n, 0x907n, 0xb07n]);
    expect(tdp.eptPointer).toBe(tdp.rootHpa + 0x1e);
  });

  it("makes write-back leaves in KVM's format", () => {
    const { tdp } = setUp(SPTE_FORMAT.kvm);
    tdp.map(0, 0x123, ALL);
    expect(tdp.lookup(0)).toBe(0x600000000123b37n);
  });

  it.each([0, 1, 511, 512, 0x3ffff, 0x40000, 0x123456789, 0xfffffffff])(
    "traces the entries of gfn 0x%s that stand in memory",
    (gfn) => {
      const { memory, tdp, events } = setUp();
      tdp.map(gfn, 0x77, ALL);
      expect(events.map(({ level }) => level)).toEqual([4, 3, 2, 1]);
      let table: number = tdp.rootHpa;
      for (const event of events) {
        expect(event.gfn).toBe(gfn);
        expect(event.tableHpa).toBe(table);
        expect(event.index).toBe(slowIndex(gfn * 4096, event.level));
        // The whole table is dumped: the entry is at its index, and nothing else is in it.
        const dump = memory.u64.slice(table / 8, table / 8 + 512);
        expect(dump[event.index]).toBe(event.spte);
        expect(dump.filter((entry) => entry !== 0n)).toEqual(BigUint64Array.of(event.spte));
        table = Number(event.spte & 0xf_ffff_ffff_f000n);
      }
      expect(table).toBe(0x77000);
    },
  );

  it("takes tables only where there are none", () => {
    const { memory, tdp } = setUp();
    tdp.map(0, 0x77, ALL);
    expect(tdp.tables).toBe(4);
    tdp.map(511, 0x78, ALL);
    expect(tdp.tables).toBe(4);
    tdp.map(512, 0x79, ALL);
    expect(tdp.tables).toBe(5);
    tdp.map(0x8000000, 0x80, ALL);
    expect(tdp.tables).toBe(8);
    expect(memory.framesInUse).toBe(8);
    tdp.dispose();
    expect(memory.framesInUse).toBe(0);
  });

  it("leaves out what the page may not", () => {
    const { tdp, walker } = setUp();
    tdp.map(1, 0x77, { write: false, execute: true });
    tdp.map(2, 0x78, { write: true, execute: false });
    expect(tdp.lookup(1)).toBe(0x77b05n);
    expect(tdp.lookup(2)).toBe(0x600000000078b03n);
    expect(walker.walk(0x1000, 2)).toBe(EPT_EXIT.violation);
    expect(walker.walk(0x2000, 4)).toBe(EPT_EXIT.violation);
    expect(walker.walk(0x2000, 3)).toBe(0);
  });

  it("fails with an error when the arena is full, and frees everything after", () => {
    const memory = HostMemory.create({ bytes: 1 << 20 });
    const tdp = new TdpMmu(memory, { format: SPTE_FORMAT.kvm });
    const rest = Array.from({ length: memory.framesTotal - 3 }, () => memory.allocateFrame());
    expect(() => tdp.map(0, 1, ALL)).toThrow(OutOfHostMemoryError);
    expect(tdp.lookup(0)).toBe(0n);
    for (const frame of rest) memory.releaseFrame(frame);
    tdp.dispose();
    expect(memory.framesInUse).toBe(0);
  });
});

describe("changing what is mapped", () => {
  it("zaps ranges across tables and holes, and tells whether there was anything", () => {
    const { tdp, walker } = setUp();
    for (const gfn of [510, 511, 512, 0x40000]) tdp.map(gfn, 0x70, ALL);
    expect(tdp.zap(0, 510)).toBe(false);
    expect(tdp.zap(511, 0x40000)).toBe(true);
    expect(tdp.lookup(510)).not.toBe(0n);
    for (const gfn of [511, 512, 0x40000]) expect(tdp.lookup(gfn)).toBe(0n);
    expect(walker.walk(511 * 4096, 1)).toBe(EPT_EXIT.violation);
    expect(tdp.zap(511, 0x40000)).toBe(false);
    expect(tdp.zap(510, 2 ** 36)).toBe(true);
  });

  it("write-protects: reads go on, writes are violations that show the page readable", () => {
    const { tdp, walker } = setUp();
    tdp.map(5, 0x70, ALL);
    expect(tdp.writeProtect(4, 1)).toBe(false);
    expect(tdp.writeProtect(5, 1)).toBe(true);
    expect(walker.walk(0x5000, 1)).toBe(0);
    expect(walker.permissions).toBe(5);
    expect(walker.walk(0x5000, 2)).toBe(EPT_EXIT.violation);
    expect(walker.qualification).toBe(2 | 0x28);
    // HOST_WRITABLE stays: the memory behind it may be written once it is mapped again.
    expect(tdp.lookup(5)).toBe(0x200000000070b05n);
    tdp.map(5, 0x70, ALL);
    expect(walker.walk(0x5000, 2)).toBe(0);
  });
});

it("a walk finds what a plain map of pages would hold, through mapping, zapping and write-protecting", () => {
  const gfns = [0, 1, 511, 512, 0x3ffff, 0x40000, 0x7ffffff, 0x8000000];
  const operation = fc.record({
    kind: fc.constantFrom("map", "map", "map", "zap", "protect"),
    gfn: fc.constantFrom(...gfns),
    pfn: fc.integer({ min: 1, max: 4095 }),
    write: fc.boolean(),
    execute: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (steps) => {
      const { memory, tdp, walker } = setUp();
      const model = new Map<number, { page: number; permissions: number }>();
      for (const { kind, gfn, pfn, write, execute } of steps) {
        const known = model.get(gfn);
        if (kind === "map") {
          tdp.map(gfn, pfn, { write, execute });
          model.set(gfn, { page: pfn * 4096, permissions: 1 | (write ? 2 : 0) | (execute ? 4 : 0) });
        } else if (kind === "zap") expect(tdp.zap(gfn, 1)).toBe(model.delete(gfn));
        else {
          expect(tdp.writeProtect(gfn, 1)).toBe(known !== undefined);
          if (known !== undefined) model.set(gfn, { ...known, permissions: known.permissions & ~2 });
        }
      }
      for (const gfn of gfns) {
        const expected = model.get(gfn);
        const result = walker.walk(gfn * 4096 + 0x123, 1);
        if (expected === undefined) expect(result).toBe(EPT_EXIT.violation);
        else expect({ page: walker.hostPage, permissions: walker.permissions }).toEqual(expected);
      }
      expect(memory.framesInUse).toBe(tdp.tables);
      tdp.dispose();
      expect(memory.references(hpa(tdp.rootHpa))).toBe(0);
      expect(memory.framesInUse).toBe(0);
    }),
    { numRuns: 100 },
  );
});
