import type { HostMemory } from "@likex/host-memory";
import { ACCESS } from "./access-rights.ts";
import type { GuestPhysical } from "./guest-physical.ts";

export const PDPTE_LOAD = {
  /** The registers hold the four entries. */
  ok: 0,
  /** A present entry has a reserved bit: the instruction raises #GP(0). */
  reserved: 1,
  /** The EPT forbids reading the table: VM exit. */
  stop: 2,
} as const;

const PRESENT = 1;
/** Bits 2:1 and 8:5 of a present entry (SDM Vol 3A, table 4-8). */
const RESERVED_LOW = 0x1e6;

/** The four registers that PAE paging starts from instead of a table in memory (SDM Vol 3A, 4.4.1). */
export class PdpteRegisters {
  readonly #i32: Int32Array;
  readonly #physical: GuestPhysical;
  readonly #reservedHigh: number;
  /** Low and high half of each. */
  readonly halves: Int32Array = new Int32Array(8);

  constructor(memory: HostMemory, physical: GuestPhysical, physicalAddressWidth: number) {
    this.#i32 = memory.i32;
    this.#physical = physical;
    this.#reservedHigh = ~(2 ** (physicalAddressWidth - 32) - 1);
  }

  /** Loads all four from the table that bits 31:5 of CR3 name, or none; a PDPTE_LOAD. */
  load(cr3Low: number): number {
    const table = cr3Low & ~0x1f;
    // Reads even when EPT accessed and dirty flags are on, unlike other accesses to guest paging structures (SDM Vol 3C, 28.3.3.2).
    if (!this.#physical.translate(table, 0, ACCESS.read)) return PDPTE_LOAD.stop;
    const at = (this.#physical.hostPage + (table & 0xfff)) >>> 2;
    for (let i = 0; i < 8; i += 2) {
      const low = this.#i32[at + i] as number;
      const isReserved = (low & RESERVED_LOW) !== 0 || ((this.#i32[at + i + 1] as number) & this.#reservedHigh) !== 0;
      if ((low & PRESENT) !== 0 && isReserved) return PDPTE_LOAD.reserved;
    }
    for (let i = 0; i < 8; i++) this.halves[i] = this.#i32[at + i] as number;
    return PDPTE_LOAD.ok;
  }
}
