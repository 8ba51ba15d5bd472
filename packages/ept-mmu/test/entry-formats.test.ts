import { hpa } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { ACCESS } from "../src/index.ts";
import { CR4, EFER, type Mode, PagingMachine } from "./support/paging-machine.ts";

const { read: R, write: W, execute: X } = ACCESS;
const bit = (position: number): bigint => 1n << BigInt(position);

interface Format {
  readonly mode: Mode;
  readonly level: number;
  /** The entry maps a page larger than 4 KiB. */
  readonly large?: boolean;
  /** Bits that make the entry fault, with MAXPHYADDR 40. */
  readonly reserved: readonly [number, number][];
}

/** SDM Vol 3A, tables 4-4 to 4-6, 4-9 to 4-11 and 4-15 to 4-20. Every bit that is not here is ignored, or has a meaning. */
const FORMATS: readonly Format[] = [
  { mode: "32-bit", level: 2, reserved: [] },
  { mode: "32-bit", level: 2, large: true, reserved: [[21, 21]] },
  { mode: "32-bit", level: 1, reserved: [] },
  { mode: "PAE", level: 2, reserved: [[62, 40]] },
  {
    mode: "PAE",
    level: 2,
    large: true,
    reserved: [
      [62, 40],
      [20, 13],
    ],
  },
  { mode: "PAE", level: 1, reserved: [[62, 40]] },
  {
    mode: "4-level",
    level: 4,
    reserved: [
      [51, 40],
      [7, 7],
    ],
  },
  { mode: "4-level", level: 3, reserved: [[51, 40]] },
  {
    mode: "4-level",
    level: 3,
    large: true,
    reserved: [
      [51, 40],
      [29, 13],
    ],
  },
  { mode: "4-level", level: 2, reserved: [[51, 40]] },
  {
    mode: "4-level",
    level: 2,
    large: true,
    reserved: [
      [51, 40],
      [20, 13],
    ],
  },
  { mode: "4-level", level: 1, reserved: [[51, 40]] },
];

const describeFormat = ({ mode, level, large }: Format): string =>
  `${mode} paging, level ${level}${large === true ? ", maps a page" : ""}`;

describe("reserved bits", () => {
  it.each(FORMATS.map((format): [string, Format] => [describeFormat(format), format]))("%s", (_name, format) => {
    const { mode, level, large = false, reserved } = format;
    const isReserved = (position: number): boolean =>
      reserved.some(([high, low]) => position <= high && position >= low);
    const leaf = large ? 0xe7n : 0x40_0067n;
    for (let position = 1; position < (mode === "32-bit" ? 32 : 64); position++) {
      // PS chooses the entry's format; PML4 entries have none.
      if (position === 7 && level !== 4 && level !== 1) continue;
      const machine = new PagingMachine({ mode, leaf, leafLevel: large ? level : 1, width: 40 });
      machine.set(level, machine.get(level) | bit(position));
      expect({ position, faults: machine.access(R).startsWith("fault 9") }).toEqual({
        position,
        faults: isReserved(position),
      });
    }
  });

  it("are not looked at in entries that are not present", () => {
    for (const mode of ["PAE", "4-level"] as const) {
      const machine = new PagingMachine({ mode, leaf: 0x40_0066n | bit(51) });
      expect(machine.access(R)).toBe("fault 0");
    }
  });

  it("come before the access rights, and the entries above before those below", () => {
    const machine = new PagingMachine({ mode: "4-level", leaf: 0x40_0061n | bit(51) });
    expect(machine.access(W | ACCESS.user)).toBe("fault 15");
    machine.set(2, machine.get(2) & ~1n);
    expect(machine.access(W | ACCESS.user)).toBe("fault 6");
    machine.set(3, machine.get(3) | bit(50));
    expect(machine.access(W | ACCESS.user)).toBe("fault 15");
  });

  it("begin where physical addresses end", () => {
    for (const [width, position, expected] of [
      [36, 36, "fault 9"],
      [46, 45, "stop 48 181 at 200000400678"],
      [46, 46, "fault 9"],
      [52, 51, "stop 48 181 at 8000000400678"],
    ] as const) {
      const machine = new PagingMachine({ mode: "4-level", leaf: 0x40_0067n | bit(position), width });
      expect(machine.access(R)).toBe(expected);
    }
  });
});

describe("pages of 4 MiB", () => {
  const leaf = 0x40_00e7n;

  it("translate 22 bits of offset", () => {
    const machine = new PagingMachine({ mode: "32-bit", leaf, leafLevel: 2 });
    expect(machine.access(W)).toBe(`ok ${R | W | X}`);
    expect([machine.mmu.guestPage, machine.mmu.pageSize]).toEqual([0x40_5000, 1 << 22]);
  });

  it("need CR4.PSE: without it, the entry refers to a table", () => {
    const machine = new PagingMachine({ mode: "32-bit", leaf, leafLevel: 2 });
    machine.mmu.configure({ eptPointer: 0, cr0: 0x80000001 | 0, cr3Low: machine.root, cr3High: 0, cr4: 0, efer: 0 });
    machine.memory.writeU32(hpa(0x40_0000 + 5 * 4), 0x12_3067);
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    expect([machine.mmu.guestPage, machine.mmu.pageSize]).toEqual([0x12_3000, 4096]);
  });

  it("have address bits 39:32 in bits 20:13 (PSE-36), as many as physical addresses have", () => {
    const high = new PagingMachine({ mode: "32-bit", leaf: leaf | bit(13), leafLevel: 2, width: 36 });
    expect(high.access(R)).toBe("stop 48 181 at 100405678");
    for (const [width, position, expected] of [
      [36, 16, "stop 48 181 at 800405678"],
      [36, 17, "fault 9"],
      [40, 20, "stop 48 181 at 8000405678"],
      [52, 20, "stop 48 181 at 8000405678"],
      [36, 21, "fault 9"],
      [52, 21, "fault 9"],
    ] as const) {
      const machine = new PagingMachine({ mode: "32-bit", leaf: leaf | bit(position), leafLevel: 2, width });
      expect(machine.access(R)).toBe(expected);
    }
  });

  it("set the dirty flag in the directory's entry", () => {
    const machine = new PagingMachine({ mode: "32-bit", leaf: 0x40_0087n, leafLevel: 2 });
    expect(machine.access(R)).toBe(`ok ${R | X}`);
    expect(machine.get(2)).toBe(0x40_00a7n);
    expect(machine.access(W)).toBe(`ok ${R | W | X}`);
    expect(machine.get(2)).toBe(0x40_00e7n);
  });
});

describe("large pages of PAE and 4-level paging", () => {
  it.each<Mode>(["PAE", "4-level"])("of 2 MiB translate 21 bits of offset in %s paging", (mode) => {
    const machine = new PagingMachine({ mode, leaf: 0x40_00e7n, leafLevel: 2, linear: 0x4037_5678n });
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    expect([machine.mmu.guestPage, machine.mmu.pageSize]).toEqual([0x57_5000, 1 << 21]);
  });

  it("of 1 GiB translate 30 bits of offset", () => {
    const machine = new PagingMachine({ mode: "4-level", leaf: 0xe7n, leafLevel: 3, linear: 0x7f80_407f_e123n });
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    expect([machine.mmu.guestPage, machine.mmu.pageSize]).toEqual([0x7f_e000, 1 << 30]);
    const far = new PagingMachine({ mode: "4-level", leaf: 0xc000_00e7n, leafLevel: 3, linear: 0x3fff_f123n });
    expect(far.access(R)).toBe("stop 48 181 at fffff123");
  });

  it("do not need CR4.PSE", () => {
    const machine = new PagingMachine({ mode: "PAE", leaf: 0x40_00e7n, leafLevel: 2 });
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    expect(machine.configure({ cr4: CR4.pse }).access(R)).toBe(`ok ${R | W | X}`);
  });

  it("have PAT in bit 12, which is no part of the address", () => {
    for (const mode of ["PAE", "4-level"] as const) {
      const machine = new PagingMachine({ mode, leaf: 0x40_10e7n, leafLevel: 2, linear: 0n });
      expect(machine.access(R)).toBe(`ok ${R | W | X}`);
      expect(machine.mmu.guestPage).toBe(0x40_0000);
    }
  });
});

describe("accessed and dirty flags", () => {
  it.each<Mode>(["32-bit", "PAE", "4-level"])("of all entries are set by a write in %s paging", (mode) => {
    const machine = new PagingMachine({ mode, leaf: 0x40_0007n });
    const levels = mode === "4-level" ? [4, 3, 2, 1] : [2, 1];
    expect(machine.access(R)).toBe(`ok ${R | X}`);
    expect(levels.map((level) => machine.get(level) & 0x60n)).toEqual(levels.map(() => 0x20n));
    expect(machine.access(W)).toBe(`ok ${R | W | X}`);
    expect(levels.map((level) => machine.get(level) & 0x60n)).toEqual(
      levels.map((level) => (level === 1 ? 0x60n : 0x20n)),
    );
  });

  it("are set in the entries that lead to a refused page, but not in the page's own", () => {
    const machine = new PagingMachine({ mode: "4-level", leaf: 0x40_0005n });
    expect(machine.access(W)).toBe("fault 3");
    expect([4, 3, 2, 1].map((level) => machine.get(level) & 0x60n)).toEqual([0x20n, 0x20n, 0x20n, 0n]);
  });
});

describe("linear addresses", () => {
  it.each<[Mode, bigint]>([
    ["32-bit", 0xffff_f678n],
    ["32-bit", 0x8020_0678n],
    ["PAE", 0xffff_f678n],
    ["4-level", 0x7fff_ffff_f678n],
    ["4-level", 0x0080_4020_1678n],
  ])("choose an entry of each table in %s paging (%s)", (mode, linear) => {
    const machine = new PagingMachine({ mode, leaf: 0x40_0067n, linear });
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    expect(machine.mmu.guestPage).toBe(0x40_0000);
    expect(machine.access(R, linear ^ 0x1000n)).toBe("fault 0");
  });

  it.each<Mode>(["32-bit", "PAE"])("wrap at 32 bits in %s paging, in CR2 too", (mode) => {
    const machine = new PagingMachine({ mode, leaf: 0x40_0067n });
    expect(machine.access(R, machine.linear + (7n << 32n))).toBe(`ok ${R | W | X}`);
    machine.set(1, 0n);
    expect(machine.access(R, machine.linear + (7n << 32n))).toBe("fault 0");
    expect([machine.mmu.guestLinearLow, machine.mmu.guestLinearHigh]).toEqual([Number(machine.linear), 0]);
  });

  it("must be canonical in 4-level paging", () => {
    const machine = new PagingMachine({ mode: "4-level", leaf: 0x40_0067n, linear: 0xffff_8000_4040_5678n });
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    for (const linear of [0x0000_8000_4040_5678n, 0xffff_7fff_ffff_ffffn, 0x1_0000_0000_0000n, 1n << 63n])
      expect(machine.access(R, linear)).toBe("not canonical");
    expect(machine.access(R, 0x7fff_ffff_ffffn)).toBe("fault 0");
    expect([machine.mmu.guestLinearLow, machine.mmu.guestLinearHigh]).toEqual([-1, 0x7fff]);
  });

  it("of PAE paging choose one of four PDPTE registers by bits 31:30", () => {
    const machine = new PagingMachine({ mode: "PAE", leaf: 0x40_0067n, linear: 0xc040_5678n });
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
    machine.mmu.setPdpteHalf(6, 0);
    expect(machine.access(W | ACCESS.user)).toBe("fault 6");
    expect(machine.configure({ efer: EFER.nxe }).access(X)).toBe("fault 16");
  });
});
