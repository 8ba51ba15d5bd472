import { HostMemory, hpa } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { ACCESS, EPT_CAPABILITY, GuestMmu, SPTE_FORMAT, TdpMmu, TRANSLATION } from "../src/index.ts";
import { makeTables } from "./support/tables.ts";

const ALL = { write: true, execute: true };
const REAL_MODE = { cr0: 0x10, cr3Low: 0, cr3High: 0, cr4: 0x2000, efer: 0 };
const LONG_MODE = { cr0: 0x80010031 | 0, cr3High: 0, cr4: 0x20, efer: 0xd00 };
const LINEAR = 0x7fff_8765_4321;
const LOW = LINEAR | 0;
const HIGH = Math.floor(LINEAR / 2 ** 32);

const setUp = () => {
  const memory = HostMemory.create({ bytes: 16 << 20 });
  const tdp = new TdpMmu(memory, { format: SPTE_FORMAT.kvm });
  const mmu = new GuestMmu(memory);
  return { memory, tdp, mmu };
};

describe("without paging", () => {
  it("a linear address is guest-physical and goes through the EPT", () => {
    const { tdp, mmu } = setUp();
    tdp.map(0xfffff, 0x123, ALL);
    mmu.configure({ ...REAL_MODE, eptPointer: tdp.eptPointer });
    expect(mmu.translate(0xffff_f123 | 0, 0, ACCESS.execute)).toBe(TRANSLATION.ok);
    expect([mmu.hostPage, mmu.guestPage, mmu.permissions]).toEqual([0x123000, 0xffff_f000, 7]);
    expect(mmu.translate(0xffff_e000 | 0, 0, ACCESS.execute)).toBe(TRANSLATION.stop);
  });

  it("has 32 bits: what is above wraps", () => {
    const { tdp, mmu } = setUp();
    tdp.map(0, 0x55, ALL);
    mmu.configure({ ...REAL_MODE, eptPointer: tdp.eptPointer });
    expect(mmu.translate(0x10, 1, ACCESS.read)).toBe(TRANSLATION.ok);
    expect([mmu.hostPage, mmu.guestPage]).toEqual([0x55000, 0]);
  });

  it("a violation tells the exact guest-physical and linear addresses and the access", () => {
    const { tdp, mmu } = setUp();
    mmu.configure({ ...REAL_MODE, eptPointer: tdp.eptPointer });
    expect(mmu.translate(0xffff_fff0 | 0, 0, ACCESS.execute)).toBe(TRANSLATION.stop);
    expect(mmu.stopReason).toBe(48);
    expect(mmu.qualification).toBe(0x184);
    expect(mmu.guestPhysicalAddress).toBe(0xffff_fff0);
    expect([mmu.guestLinearLow, mmu.guestLinearHigh]).toEqual([0xffff_fff0 | 0, 0]);
    tdp.map(0xfffff, 0x60, { write: false, execute: true });
    expect(mmu.translate(0xffff_fff4 | 0, 0, ACCESS.write | ACCESS.user)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x1aa);
    expect(mmu.guestPhysicalAddress).toBe(0xffff_fff4);
  });

  it("a misconfiguration has no qualification, not even the last violation's", () => {
    const { memory, tdp, mmu } = setUp();
    tdp.map(0, 0x55, ALL);
    mmu.configure({ ...REAL_MODE, eptPointer: tdp.eptPointer });
    expect(mmu.translate(0x1000, 0, ACCESS.read)).toBe(TRANSLATION.stop);
    memory.writeU64(hpa(tdp.rootHpa), 2n);
    expect(mmu.translate(0x123, 0, ACCESS.read)).toBe(TRANSLATION.stop);
    expect([mmu.stopReason, mmu.qualification, mmu.guestPhysicalAddress]).toEqual([49, 0, 0x123]);
  });

  it("and without EPT, addresses are host-physical up to the arena's end", () => {
    const { memory, mmu } = setUp();
    mmu.configure({ ...REAL_MODE, eptPointer: 0 });
    expect(mmu.translate(0x3456, 0, ACCESS.write)).toBe(TRANSLATION.ok);
    expect([mmu.hostPage, mmu.guestPage, mmu.permissions]).toEqual([0x3000, 0x3000, 7]);
    expect(mmu.translate(memory.bytes, 0, ACCESS.read)).toBe(TRANSLATION.stop);
  });
});

describe("advanced information on EPT violations", () => {
  const setUpAdvanced = (leaf: bigint) => {
    const { memory, tdp } = setUp();
    for (let frame = 0; frame < 64; frame++) tdp.map(frame, frame, ALL);
    const tables = makeTables(memory, LINEAR, { table: 7n, leaf });
    const mmu = new GuestMmu(memory, { eptCapabilities: EPT_CAPABILITY.advancedInformation });
    mmu.configure({ ...LONG_MODE, cr3Low: tables.root, eptPointer: tdp.eptPointer });
    return { tdp, mmu, tables };
  };

  it.each<[string, bigint, number]>([
    ["supervisor, read-only", 0x40_0061n, 0x181],
    ["user", 0x40_0065n, 0x381],
    ["writable", 0x40_0063n, 0x581],
    ["execute-disable", (1n << 63n) | 0x40_0061n, 0x981],
  ])("tells of a page that is %s", (_name, leaf, qualification) => {
    const { mmu } = setUpAdvanced(leaf);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(qualification);
  });

  it("tells nothing where the violation is at a paging structure", () => {
    const { mmu, tdp, tables } = setUpAdvanced(0x40_0067n);
    tdp.zap(tables.entryAt(1) >> 12, 1);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x81);
  });

  it("calls every page a user's, writable and executable without paging", () => {
    const { mmu, tdp } = setUpAdvanced(0n);
    mmu.configure({ ...REAL_MODE, eptPointer: tdp.eptPointer });
    expect(mmu.translate(0x7f_0000, 0, ACCESS.write)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x782);
  });
});

/** Guest-physical is host-physical for every page of the arena, so that tables made by hand can be used. */
const setUpPaging = (leaf: bigint, leafLevel = 1) => {
  const { memory, tdp, mmu } = setUp();
  for (let frame = 0; frame < 2048; frame++) tdp.map(frame, frame, ALL);
  const tables = makeTables(memory, LINEAR, { table: 7n, leaf, leafLevel });
  const configure = (change: object = {}) =>
    mmu.configure({ ...LONG_MODE, cr3Low: tables.root, eptPointer: tdp.eptPointer, ...change });
  configure();
  return { memory, tdp, mmu, tables, configure };
};

describe("4-level paging behind the EPT", () => {
  it("translates pages of 4 KiB, and pages of 2 MiB and 1 GiB by the 4 KiB", () => {
    const small = setUpPaging(0x40_0067n);
    expect(small.mmu.translate(LOW, HIGH, ACCESS.write)).toBe(TRANSLATION.ok);
    expect([small.mmu.guestPage, small.mmu.hostPage, small.mmu.permissions]).toEqual([0x40_0000, 0x40_0000, 7]);
    const large = setUpPaging(0x40_00e7n, 2);
    expect(large.mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.ok);
    expect(large.mmu.guestPage).toBe(0x40_0000 + (LINEAR & 0x1f_f000));
    const huge = setUpPaging(0xe7n, 3);
    expect(huge.mmu.translate((LOW & ~0x3fff_ffff) | 0x7f_e123, HIGH, ACCESS.read)).toBe(TRANSLATION.ok);
    expect(huge.mmu.guestPage).toBe(0x7f_e000);
  });

  it("sets accessed and dirty flags, and grants writes from the dirty flag on", () => {
    const { memory, mmu, tables } = setUpPaging(0x40_0007n);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.ok);
    expect(mmu.permissions).toBe(ACCESS.read | ACCESS.execute);
    for (const level of [4, 3, 2, 1]) expect(memory.readU64(tables.entryAt(level)) & 0x60n).toBe(0x20n);
    expect(mmu.translate(LOW, HIGH, ACCESS.write)).toBe(TRANSLATION.ok);
    expect(memory.readU64(tables.entryAt(1)) & 0x60n).toBe(0x60n);
    expect(mmu.permissions).toBe(7);
  });

  it("tells of the flags it writes into a frame that holds decoded code", () => {
    const { memory, mmu, tables } = setUpPaging(0x40_0007n);
    const frame = hpa(tables.entryAt(1));
    memory.watchFrame(frame);
    const version = memory.frameVersion(frame);
    mmu.translate(LOW, HIGH, ACCESS.read);
    expect(memory.frameVersion(frame)).not.toBe(version);
  });

  it.each<[string, number, bigint, number, object, number]>([
    ["an absent page read by the supervisor", 1, 0n, ACCESS.read, {}, 0],
    ["an absent table written by the user", 3, 0n, ACCESS.write | ACCESS.user, {}, 6],
    ["an absent page fetched with NXE", 1, 0n, ACCESS.execute, {}, 0x10],
    ["an absent page fetched without NXE", 1, 0n, ACCESS.execute, { efer: 0x500 }, 0],
    ["a user read of a supervisor page", 1, 0x40_0063n, ACCESS.read | ACCESS.user, {}, 5],
    ["a user write of a read-only page", 1, 0x40_0065n, ACCESS.write | ACCESS.user, {}, 7],
    ["a supervisor write of a read-only page with WP", 1, 0x40_0065n, ACCESS.write, {}, 3],
    ["a fetch of a no-execute page", 1, (1n << 63n) | 0x40_0067n, ACCESS.execute, {}, 0x11],
    ["the no-execute bit without NXE", 1, (1n << 63n) | 0x40_0067n, ACCESS.read, { efer: 0x500 }, 9],
    ["bit 7 at level 4", 4, 0x40_00e7n, ACCESS.read, {}, 9],
    ["a reserved bit of a 2 MiB page", 2, 0x40_20e7n, ACCESS.read, {}, 9],
  ])("faults at %s", (_name, level, entry, access, change, errorCode) => {
    const { mmu, tables, configure } = setUpPaging(0x40_0067n);
    tables.change(level, () => entry);
    configure(change);
    expect(mmu.translate(LOW, HIGH, access)).toBe(TRANSLATION.pageFault);
    expect(mmu.pageFaultErrorCode).toBe(errorCode);
    expect([mmu.guestLinearLow, mmu.guestLinearHigh]).toEqual([LOW, HIGH]);
  });

  it("lets the supervisor write read-only pages without WP", () => {
    const { mmu, configure } = setUpPaging(0x40_0065n);
    configure({ cr0: 0x80000031 | 0 });
    expect(mmu.translate(LOW, HIGH, ACCESS.write)).toBe(TRANSLATION.ok);
  });

  it("stops with the address of the paging-structure entry that the EPT does not map", () => {
    const { tdp, mmu, tables } = setUpPaging(0x40_0067n);
    const entry = tables.entryAt(2);
    tdp.zap(entry >> 12, 1);
    expect(mmu.translate(LOW, HIGH, ACCESS.write | ACCESS.user)).toBe(TRANSLATION.stop);
    expect([mmu.stopReason, mmu.qualification, mmu.guestPhysicalAddress]).toEqual([48, 0x81, entry]);
  });

  it("reads paging structures that the EPT write-protects, and stops only to set a flag in them", () => {
    const { tdp, mmu, tables } = setUpPaging(0x40_0067n);
    const frame = tables.entryAt(1) >> 12;
    tdp.writeProtect(frame, 1);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.ok);
    tables.change(1, (old) => old & ~0x60n);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
    expect([mmu.qualification, mmu.guestPhysicalAddress]).toEqual([0x83 | 0x28, tables.entryAt(1)]);
  });

  it("treats reads of paging structures as writes when the EPT keeps accessed and dirty flags", () => {
    const { tdp, mmu, tables, configure } = setUpPaging(0x40_0067n);
    for (const level of [4, 3, 2]) tables.change(level, (old) => old | 0x20n);
    const frame = tables.entryAt(4) >> 12;
    tdp.writeProtect(frame, 1);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.ok);
    configure({ eptPointer: tdp.eptPointer + 0x40 });
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x83 | 0x28);
  });

  it("faults where the guest refuses a page that the EPT does not map: the page is not reached", () => {
    const { tdp, mmu, tables } = setUpPaging(0x40_0065n);
    tdp.zap(0x400, 1);
    expect(mmu.translate(LOW, HIGH, ACCESS.write | ACCESS.user)).toBe(TRANSLATION.pageFault);
    expect(mmu.pageFaultErrorCode).toBe(7);
    tables.change(1, (old) => old | (1n << 51n));
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.pageFault);
    tables.change(1, () => 0x40_0067n);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
  });

  it("stops where the EPT does not map a table, whatever the table holds, but not below an entry that is not present", () => {
    const { tdp, mmu, tables } = setUpPaging(0n);
    tdp.zap(tables.entryAt(1) >> 12, 1);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
    expect(mmu.guestPhysicalAddress).toBe(tables.entryAt(1));
    tables.change(2, () => 0n);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.pageFault);
  });

  it("reports a misconfiguration at a table with the entry's address and no qualification", () => {
    const { memory, mmu, tables, tdp } = setUpPaging(0x40_0067n);
    const gfn = tables.entryAt(3) >> 12;
    let table: number = tdp.rootHpa;
    for (const index of [0, 0, gfn >> 9]) table = Number(memory.readU64(hpa(table + index * 8)) & 0xf_ffff_f000n);
    memory.writeU64(hpa(table + (gfn & 511) * 8), 2n);
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.stop);
    expect([mmu.stopReason, mmu.qualification, mmu.guestPhysicalAddress]).toEqual([49, 0, tables.entryAt(3)]);
  });

  it("has set the guest's flags when the EPT refuses the page itself", () => {
    const { tdp, mmu, memory, tables } = setUpPaging(0x40_0007n);
    tdp.map(0x400, 0x400, { write: false, execute: true });
    expect(mmu.translate(LOW, HIGH, ACCESS.write)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x182 | 0x28);
    expect(memory.readU64(tables.entryAt(1)) & 0x60n).toBe(0x60n);
  });

  it("grants what both translations grant", () => {
    const { tdp, mmu } = setUpPaging(0x40_0067n);
    tdp.map(0x400, 0x400, { write: false, execute: false });
    expect(mmu.translate(LOW, HIGH, ACCESS.read)).toBe(TRANSLATION.ok);
    expect(mmu.permissions).toBe(ACCESS.read);
    expect(mmu.translate(LOW, HIGH, ACCESS.execute)).toBe(TRANSLATION.stop);
    expect(mmu.qualification).toBe(0x184 | 0x8);
    expect(mmu.guestPhysicalAddress).toBe(0x40_0000 + (LINEAR & 0xfff));
  });
});
