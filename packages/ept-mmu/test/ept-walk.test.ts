import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { EPT_CAPABILITY, EPT_EXIT, EptWalker } from "../src/index.ts";
import { makeTables } from "./support/tables.ts";

const R = 1;
const W = 2;
const X = 4;
const ADDRESS = 0x1234_5678_9abc;

const setUp = (leaf = 0x40_0000n | 0x37n, leafLevel = 1, options: { accessedDirty?: boolean; width?: number } = {}) => {
  const memory = HostMemory.create({ bytes: 16 << 20 });
  const tables = makeTables(memory, ADDRESS, { table: 7n, leaf, leafLevel });
  const walker = new EptWalker(memory, options.width ?? 46);
  walker.configure(tables.root | 0x1e | (options.accessedDirty === true ? 0x40 : 0));
  return { memory, tables, walker };
};

describe("a walk that succeeds", () => {
  it("finds the page through four levels", () => {
    const { walker } = setUp();
    expect(walker.walk(ADDRESS, R | W | X)).toBe(0);
    expect(walker.hostPage).toBe(0x40_0000);
    expect(walker.permissions).toBe(R | W | X);
  });

  it("finds the 4 KiB page inside a leaf of 2 MiB", () => {
    const { walker } = setUp(0x40_0000n | 0xb7n, 2);
    expect(walker.walk(ADDRESS, R)).toBe(0);
    expect(walker.hostPage).toBe(0x40_0000 + (ADDRESS & 0x1ff000));
  });

  it("finds the 4 KiB page inside a leaf of 1 GiB", () => {
    const { walker, memory, tables } = setUp(0xb7n, 3);
    const near = ADDRESS - (ADDRESS % 2 ** 30) + 0x7f_e123;
    expect(walker.walk(near, R)).toBe(0);
    expect(walker.hostPage).toBe(0x7f_e000);
    expect(memory.readU64(tables.entryAt(3))).toBe(0xb7n);
  });

  it.each([4, 3, 2, 1])("grants only what the entry of level %d and all others allow", (level) => {
    const { walker, tables } = setUp();
    tables.change(level, (old) => (old & ~7n) | 5n);
    expect(walker.walk(ADDRESS, R)).toBe(0);
    expect(walker.permissions).toBe(R | X);
    expect(walker.walk(ADDRESS, W)).toBe(EPT_EXIT.violation);
    expect(walker.qualification).toBe(W | ((R | X) << 3));
  });

  it("allows a page that can only be executed", () => {
    const { walker, tables } = setUp();
    tables.change(1, (old) => (old & ~7n) | 4n);
    expect(walker.walk(ADDRESS, X)).toBe(0);
    expect(walker.walk(ADDRESS, R)).toBe(EPT_EXIT.violation);
    expect(walker.qualification).toBe(R | (X << 3));
  });

  it.each([0n, 1n, 4n, 5n, 6n])("accepts memory type %d", (type) => {
    const { walker } = setUp(0x40_0007n | (type << 3n));
    expect(walker.walk(ADDRESS, R)).toBe(0);
  });
});

describe("a violation", () => {
  it.each([4, 3, 2, 1])("ends a walk at an absent entry of level %d, whatever else is in it", (level) => {
    const { walker, tables } = setUp();
    tables.change(level, () => 0xffff_ffff_ffff_fff8n);
    for (const access of [R, W, X, R | W]) {
      expect(walker.walk(ADDRESS, access)).toBe(EPT_EXIT.violation);
      expect(walker.qualification).toBe(access);
    }
  });
});

describe("a misconfiguration", () => {
  it.each<[string, number, bigint]>([
    ["write without read at level 4", 4, 2n],
    ["write without read at level 1", 1, 0x40_0032n],
    ["write and execute without read", 1, 0x40_0036n],
    ["a reserved bit 3 at level 4", 4, 0x5000n | 0x0fn],
    ["bit 7 at level 4", 4, 0x5000n | 0x87n],
    ["a reserved bit 6 at level 3", 3, 0x5000n | 0x47n],
    ["a reserved bit 4 at level 2", 2, 0x5000n | 0x17n],
    ["address bit 46 in a leaf", 1, (1n << 46n) | 0x37n],
    ["address bit 51 in a table", 3, (1n << 51n) | 7n],
    ["bit 20 of a 2 MiB leaf's address", 2, 0x10_00b7n],
    ["bit 29 of a 1 GiB leaf's address", 3, 0x2000_00b7n],
    ["memory type 2", 1, 0x40_0007n | (2n << 3n)],
    ["memory type 3", 1, 0x40_0007n | (3n << 3n)],
    ["memory type 7", 1, 0x40_0007n | (7n << 3n)],
    ["memory type 7 in a 2 MiB leaf", 2, 0x40_0087n | (7n << 3n)],
    ["a page beyond the arena", 1, 0x100_0037n],
    ["a table beyond the arena", 2, 0x100_0007n],
  ])("is %s", (_name, level, entry) => {
    const { walker, tables } = setUp();
    tables.change(level, () => entry);
    for (const access of [R, W, X]) expect(walker.walk(ADDRESS, access)).toBe(EPT_EXIT.misconfiguration);
  });

  it("depends on the physical address width", () => {
    const { walker } = setUp((1n << 36n) | 0x37n, 1, { width: 36 });
    expect(walker.walk(ADDRESS, R)).toBe(EPT_EXIT.misconfiguration);
  });

  it("is not what ignored bits make: 8 to 11 and 52 to 62", () => {
    const { walker, tables } = setUp();
    for (const level of [4, 3, 2, 1]) tables.change(level, (old) => old | 0x7ff0_0000_0000_0f00n);
    expect(walker.walk(ADDRESS, R | W | X)).toBe(0);
  });

  it("is met before the permissions are", () => {
    const { walker, tables } = setUp();
    tables.change(4, (old) => (old & ~7n) | 1n);
    tables.change(1, (old) => old | (7n << 3n));
    expect(walker.walk(ADDRESS, W)).toBe(EPT_EXIT.misconfiguration);
  });
});

describe("a capability that the processor lacks", () => {
  const setUpWith = (capabilities: number, leaf: bigint, leafLevel: number) => {
    const memory = HostMemory.create({ bytes: 16 << 20 });
    const tables = makeTables(memory, ADDRESS - (ADDRESS % 2 ** 30), { table: 7n, leaf, leafLevel });
    const walker = new EptWalker(memory, 46, capabilities);
    walker.configure(tables.root | 0x1e);
    return () => walker.walk(ADDRESS - (ADDRESS % 2 ** 30), X);
  };
  const { executeOnly, pages2M, pages1G } = EPT_CAPABILITY;

  it.each<[string, number, bigint, number]>([
    ["execute-only entries", executeOnly, 0x40_0034n, 1],
    ["pages of 2 MiB", pages2M, 0x40_00b7n, 2],
    ["pages of 1 GiB", pages1G, 0xb7n, 3],
  ])("makes %s a misconfiguration", (_name, capability, leaf, leafLevel) => {
    expect(setUpWith(capability, leaf, leafLevel)()).toBe(0);
    expect(setUpWith((executeOnly | pages2M | pages1G) & ~capability, leaf, leafLevel)()).toBe(
      EPT_EXIT.misconfiguration,
    );
  });
});

describe("accessed and dirty flags", () => {
  const flags = ({ memory, tables }: ReturnType<typeof setUp>) =>
    [4, 3, 2, 1].map((level) => memory.readU64(tables.entryAt(level)) & 0x300n);

  it("are left alone without EPTP bit 6", () => {
    const parts = setUp();
    parts.walker.walk(ADDRESS, W);
    expect(flags(parts)).toEqual([0n, 0n, 0n, 0n]);
  });

  it("are set as accesses need them; writes wait for the dirty flag", () => {
    const parts = setUp(0x40_0037n, 1, { accessedDirty: true });
    expect(parts.walker.walk(ADDRESS, R)).toBe(0);
    expect(flags(parts)).toEqual([0x100n, 0x100n, 0x100n, 0x100n]);
    expect(parts.walker.permissions).toBe(R | X);
    expect(parts.walker.walk(ADDRESS, W)).toBe(0);
    expect(flags(parts)).toEqual([0x100n, 0x100n, 0x100n, 0x300n]);
    expect(parts.walker.permissions).toBe(R | W | X);
    expect(parts.walker.walk(ADDRESS, R)).toBe(0);
    expect(parts.walker.permissions).toBe(R | W | X);
  });

  it("of a leaf stay clear when the access is refused", () => {
    const parts = setUp(0x40_0031n, 1, { accessedDirty: true });
    expect(parts.walker.walk(ADDRESS, W)).toBe(EPT_EXIT.violation);
    expect(flags(parts)[3]).toBe(0n);
  });
});
