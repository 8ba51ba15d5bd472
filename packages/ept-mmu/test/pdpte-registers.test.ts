import { hpa } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { ACCESS, PDPTE_LOAD, SPTE_FORMAT, TdpMmu } from "../src/index.ts";
import { CR4, PagingMachine } from "./support/paging-machine.ts";

const LEAF = 0x40_0067n;
const setUp = (width?: number) =>
  new PagingMachine({ mode: "PAE", leaf: LEAF, ...(width === undefined ? {} : { width }) });
const halves = ({ mmu }: PagingMachine): number[] => Array.from({ length: 8 }, (_, index) => mmu.pdpteHalf(index));

describe("PDPTE registers", () => {
  it("are loaded from the table that bits 31:5 of CR3 name, by nothing else", () => {
    const machine = setUp();
    const { memory, mmu, root } = machine;
    for (let i = 0; i < 4; i++) memory.writeU64(hpa(root + 0x1e0 + i * 8), (BigInt(i + 1) << 32n) | 0x5001n);
    const before = halves(machine);
    machine.configure();
    expect(halves(machine)).toEqual(before);
    expect(mmu.loadPdptes(root + 0x1e0 + 0x1f)).toBe(PDPTE_LOAD.ok);
    expect(halves(machine)).toEqual([0x5001, 1, 0x5001, 2, 0x5001, 3, 0x5001, 4]);
  });

  it("are what walks use: changes of the table do not matter until they are loaded", () => {
    const machine = setUp();
    machine.memory.writeU64(hpa(machine.root + 8), 0n);
    expect(machine.access(ACCESS.read)).toBe("ok 7");
    expect(machine.mmu.loadPdptes(machine.root)).toBe(PDPTE_LOAD.ok);
    expect(machine.access(ACCESS.read)).toBe("fault 0");
  });

  it("are not marked accessed, neither in memory nor in the register", () => {
    const machine = setUp();
    expect(machine.access(ACCESS.write)).toBe("ok 7");
    expect(machine.memory.readU64(hpa(machine.root + 8)) & 0x60n).toBe(0n);
    expect(machine.mmu.pdpteHalf(2) & 0x60).toBe(0);
  });

  it("are checked for reserved bits 2:1, 8:5 and 63:MAXPHYADDR when present, and then none changes", () => {
    const isReserved = (position: number): boolean =>
      position === 1 || position === 2 || (position >= 5 && position <= 8) || position >= 40;
    for (let position = 1; position < 64; position++) {
      const machine = setUp(40);
      const before = halves(machine);
      const entry = 0x9001n | (1n << BigInt(position));
      machine.memory.writeU64(hpa(machine.root), 0x8001n);
      machine.memory.writeU64(hpa(machine.root + 24), entry);
      expect({ position, load: machine.mmu.loadPdptes(machine.root) }).toEqual({
        position,
        load: isReserved(position) ? PDPTE_LOAD.reserved : PDPTE_LOAD.ok,
      });
      if (isReserved(position)) expect(halves(machine)).toEqual(before);
      machine.memory.writeU64(hpa(machine.root + 24), entry & ~1n);
      expect(machine.mmu.loadPdptes(machine.root)).toBe(PDPTE_LOAD.ok);
    }
  });

  it("do not restrict access: R/W, U/S and XD are those of the tables", () => {
    const machine = setUp();
    expect(machine.access(ACCESS.write | ACCESS.user)).toBe("ok 7");
    expect(machine.configure({ cr4: CR4.smep }).access(ACCESS.execute | ACCESS.user)).toBe("ok 7");
  });
});

describe("loading PDPTE registers through the EPT", () => {
  const setUpEpt = (accessedDirty: number) => {
    const machine = setUp();
    const tdp = new TdpMmu(machine.memory, { format: SPTE_FORMAT.kvm });
    tdp.map(0x123, machine.root >> 12, { write: false, execute: false });
    machine.mmu.configure({
      eptPointer: tdp.eptPointer + accessedDirty,
      cr0: 0x80000001 | 0,
      cr3Low: 0x12_3000,
      cr3High: 0,
      cr4: CR4.pae,
      efer: 0,
    });
    return { machine, tdp };
  };

  it("reads, and does not write, even when the EPT keeps accessed and dirty flags", () => {
    for (const accessedDirty of [0, 0x40]) {
      const { machine, tdp } = setUpEpt(accessedDirty);
      const before = tdp.lookup(0x123);
      expect(machine.mmu.loadPdptes(0x12_3000)).toBe(PDPTE_LOAD.ok);
      expect(tdp.lookup(0x123) & 0x200n).toBe(before & 0x200n);
    }
  });

  it("stops where the EPT has no entry, with no linear address in the qualification", () => {
    const { machine } = setUpEpt(0);
    const before = halves(machine);
    expect(machine.mmu.loadPdptes(0x45_6020)).toBe(PDPTE_LOAD.stop);
    const { stopReason, qualification, guestPhysicalAddress } = machine.mmu;
    expect([stopReason, qualification, guestPhysicalAddress]).toEqual([48, 1, 0x45_6020]);
    expect(halves(machine)).toEqual(before);
  });
});
