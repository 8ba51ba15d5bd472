import { describe, expect, it } from "vitest";
import { ACCESS } from "../src/index.ts";
import { AC, CR0, CR4, EFER, IMPLICIT, type Mode, NX, PagingMachine, USER } from "./support/paging-machine.ts";

const { read: R, write: W, execute: X } = ACCESS;
const MODES: readonly Mode[] = ["32-bit", "PAE", "4-level"];
const WIDE: readonly Mode[] = ["PAE", "4-level"];
/** Accessed and dirty, so that permissions show the rights alone: supervisor, user, user read-only. */
const SUPERVISOR_PAGE = 0x40_0063n;
const SUPERVISOR_READ_ONLY = 0x40_0061n;
const USER_PAGE = 0x40_0067n;
const USER_READ_ONLY = 0x40_0065n;

describe.each(MODES)("%s paging", (mode) => {
  it("refuses supervisor pages to user accesses", () => {
    const machine = new PagingMachine({ mode, leaf: SUPERVISOR_PAGE });
    expect(machine.access(R | USER)).toBe("fault 5");
    expect(machine.access(W | USER)).toBe("fault 7");
    expect(machine.access(R)).toBe(`ok ${R | W | X}`);
  });

  it("asks U/S of every entry", () => {
    const machine = new PagingMachine({ mode, leaf: USER_PAGE });
    expect(machine.access(R | USER)).toBe(`ok ${R | W | X}`);
    machine.set(2, machine.get(2) & ~4n);
    expect(machine.access(R | USER)).toBe("fault 5");
  });

  it("asks R/W of every entry", () => {
    const machine = new PagingMachine({ mode, leaf: USER_PAGE });
    machine.set(2, machine.get(2) & ~2n);
    expect(machine.access(W | USER)).toBe("fault 7");
    expect(machine.access(R | USER)).toBe(`ok ${R | X}`);
  });

  it("lets CR0.WP alone keep the supervisor from read-only pages", () => {
    for (const leaf of [SUPERVISOR_READ_ONLY, USER_READ_ONLY]) {
      const machine = new PagingMachine({ mode, leaf });
      expect(machine.access(W)).toBe("fault 3");
      expect(machine.access(R)).toBe(`ok ${R | X}`);
      machine.configure({ cr0: CR0.pgAndPe });
      expect(machine.access(W)).toBe(`ok ${R | W | X}`);
      expect(machine.access(W | USER)).toBe("fault 7");
    }
  });

  it("with SMEP refuses the supervisor's fetches from user pages", () => {
    const machine = new PagingMachine({ mode, leaf: USER_PAGE });
    expect(machine.access(X)).toBe(`ok ${R | W | X}`);
    machine.configure({ cr4: CR4.smep });
    expect(machine.access(X)).toBe("fault 17");
    expect(machine.access(R)).toBe(`ok ${R | W}`);
    expect(machine.access(X | USER)).toBe(`ok ${R | W | X}`);
    machine.set(1, SUPERVISOR_PAGE);
    expect(machine.access(X)).toBe(`ok ${R | W | X}`);
  });

  it("with SMAP refuses the supervisor's data accesses to user pages, unless EFLAGS.AC is set", () => {
    const machine = new PagingMachine({ mode, leaf: USER_PAGE }).configure({ cr4: CR4.smap });
    expect(machine.access(R)).toBe("fault 1");
    expect(machine.access(W)).toBe("fault 3");
    expect(machine.access(X)).toBe(`ok ${X}`);
    expect(machine.access(R | AC)).toBe(`ok ${R | W | X}`);
    expect(machine.access(W | AC)).toBe(`ok ${R | W | X}`);
    expect(machine.access(R | USER)).toBe(`ok ${R | W | X}`);
  });

  it("with SMAP refuses implicit supervisor accesses to user pages whatever EFLAGS.AC and CPL are", () => {
    const machine = new PagingMachine({ mode, leaf: USER_PAGE }).configure({ cr4: CR4.smap });
    for (const privilege of [IMPLICIT, IMPLICIT | AC, IMPLICIT | USER])
      expect(machine.access(R | privilege)).toBe("fault 1");
    machine.set(1, SUPERVISOR_PAGE);
    expect(machine.access(R | IMPLICIT | USER)).toBe(`ok ${R | W | X}`);
  });

  it("with SMAP keeps the supervisor from user pages even without CR0.WP, and from read-only ones only with it", () => {
    const machine = new PagingMachine({ mode, leaf: USER_READ_ONLY });
    machine.configure({ cr0: CR0.pgAndPe, cr4: CR4.smap });
    expect(machine.access(W)).toBe("fault 3");
    expect(machine.access(W | AC)).toBe(`ok ${R | W | X}`);
    machine.configure({ cr4: CR4.smap });
    expect(machine.access(W | AC)).toBe("fault 3");
  });
});

describe.each(WIDE)("no-execute in %s paging", (mode) => {
  it("asks XD of every entry, for the supervisor, too", () => {
    for (const level of [2, 1]) {
      const machine = new PagingMachine({ mode, leaf: USER_PAGE });
      machine.set(level, machine.get(level) | NX);
      expect(machine.access(X)).toBe("fault 17");
      expect(machine.access(X | USER)).toBe("fault 21");
      expect(machine.access(R | USER)).toBe(`ok ${R | W}`);
    }
  });

  it("is a reserved bit without NXE", () => {
    const machine = new PagingMachine({ mode, leaf: USER_PAGE | NX });
    machine.configure({ efer: mode === "4-level" ? EFER.lma : 0 });
    expect(machine.access(R)).toBe("fault 9");
    expect(machine.access(X)).toBe("fault 9");
  });
});

describe("protection keys", () => {
  const KEY = 5n;
  const ACCESS_DISABLE = 1 << 10;
  const WRITE_DISABLE = 1 << 11;
  const setUp = (leaf: bigint, pkru: number, change: { cr0?: number; cr4?: number } = {}) => {
    const machine = new PagingMachine({ mode: "4-level", leaf: leaf | (KEY << 59n) });
    machine.configure({ ...change, cr4: CR4.pke | (change.cr4 ?? 0) });
    machine.mmu.pkru = pkru;
    return machine;
  };

  it("with AD take every data access to user pages and no fetch", () => {
    const machine = setUp(USER_PAGE, ACCESS_DISABLE);
    expect(machine.access(R | USER)).toBe("fault 37");
    expect(machine.access(W | USER)).toBe("fault 39");
    expect(machine.access(R)).toBe("fault 33");
    expect(machine.access(W | IMPLICIT)).toBe("fault 35");
    expect(machine.access(X | USER)).toBe(`ok ${X}`);
  });

  it("with WD take writes, the supervisor's only with CR0.WP", () => {
    const machine = setUp(USER_PAGE, WRITE_DISABLE);
    expect(machine.access(W | USER)).toBe("fault 39");
    expect(machine.access(W)).toBe("fault 35");
    expect(machine.access(R | USER)).toBe(`ok ${R | X}`);
    machine.configure({ cr0: CR0.pgAndPe, cr4: CR4.pke });
    expect(machine.access(W)).toBe(`ok ${R | W | X}`);
    expect(machine.access(W | USER)).toBe("fault 39");
  });

  it("are those of the page alone: other keys, supervisor pages and entries above do not matter", () => {
    expect(setUp(USER_PAGE, ~(ACCESS_DISABLE | WRITE_DISABLE)).access(W | USER)).toBe(`ok ${R | W | X}`);
    expect(setUp(SUPERVISOR_PAGE, -1).access(W)).toBe(`ok ${R | W | X}`);
    const machine = setUp(USER_PAGE, 1 << 2);
    machine.set(2, machine.get(2) | (1n << 59n));
    expect(machine.access(R | USER)).toBe(`ok ${R | W | X}`);
  });

  it("with the highest key use the highest bits of PKRU", () => {
    const machine = setUp(USER_PAGE | (15n << 59n), 1 << 31);
    expect(machine.access(R | USER)).toBe(`ok ${R | X}`);
    expect(machine.access(W | USER)).toBe("fault 39");
  });

  it("are there only with CR4.PKE and in 4-level paging", () => {
    const machine = setUp(USER_PAGE, -1);
    machine.configure();
    expect(machine.access(W | USER)).toBe(`ok ${R | W | X}`);
    const pae = new PagingMachine({ mode: "PAE", leaf: USER_PAGE }).configure({ cr4: CR4.pke });
    pae.mmu.pkru = -1;
    expect(pae.access(W | USER)).toBe(`ok ${R | W | X}`);
  });

  it("are reported together with another reason, and not where the reason comes first", () => {
    expect(setUp(USER_READ_ONLY, WRITE_DISABLE).access(W | USER)).toBe("fault 39");
    expect(setUp(USER_READ_ONLY, 0).access(W | USER)).toBe("fault 7");
    expect(setUp(USER_PAGE, ACCESS_DISABLE, { cr4: CR4.smap }).access(R)).toBe("fault 33");
    expect(setUp(USER_PAGE, WRITE_DISABLE, { cr4: CR4.smap }).access(R)).toBe("fault 1");
    expect(setUp(USER_PAGE | NX, ACCESS_DISABLE).access(X | USER)).toBe("fault 21");
    expect(setUp(USER_PAGE & ~1n, ACCESS_DISABLE).access(R | USER)).toBe("fault 4");
    expect(setUp(USER_PAGE | (1n << 51n), ACCESS_DISABLE).access(R | USER)).toBe("fault 13");
    expect(setUp(SUPERVISOR_PAGE, ACCESS_DISABLE).access(R | USER)).toBe("fault 5");
  });
});

describe("the error code's I/D flag", () => {
  it.each<[string, Mode, { cr4?: number; efer?: number }, string]>([
    ["set with PAE and NXE", "PAE", {}, "fault 16"],
    ["clear with PAE without NXE", "PAE", { efer: 0 }, "fault 0"],
    ["set with SMEP without NXE", "PAE", { efer: 0, cr4: CR4.smep }, "fault 16"],
    ["clear in 32-bit paging, even with NXE", "32-bit", { efer: EFER.nxe }, "fault 0"],
    ["set in 32-bit paging with SMEP", "32-bit", { cr4: CR4.smep }, "fault 16"],
    ["set in 4-level paging with NXE", "4-level", {}, "fault 16"],
    ["clear in 4-level paging without NXE", "4-level", { efer: EFER.lma }, "fault 0"],
  ])("is %s", (_name, mode, change, expected) => {
    const machine = new PagingMachine({ mode, leaf: 0n }).configure(change);
    expect(machine.access(X)).toBe(expected);
  });
});
