import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { ACCESS, GuestMmu, type GuestMmuConfiguration, TRANSLATION } from "../../src/index.ts";

export type Mode = "32-bit" | "PAE" | "4-level";

export const CR0 = { pgAndPe: 0x80000001 | 0, wp: 0x10000 } as const;
export const CR4 = {
  pse: 0x10,
  pae: 0x20,
  pge: 0x80,
  pcide: 0x20000,
  smep: 0x100000,
  smap: 0x200000,
  pke: 0x400000,
} as const;
export const EFER = { lma: 0x400, nxe: 0x800 } as const;
export const NX = 1n << 63n;

/** The access that a test makes, by its name in the manual. */
export const USER = ACCESS.user;
export const IMPLICIT = ACCESS.implicit;
export const AC = ACCESS.userAllowed;

const REGISTERS: Record<Mode, { cr4: number; efer: number; top: number; entryBytes: number }> = {
  "32-bit": { cr4: CR4.pse, efer: 0, top: 2, entryBytes: 4 },
  PAE: { cr4: CR4.pae, efer: EFER.nxe, top: 2, entryBytes: 8 },
  "4-level": { cr4: CR4.pae, efer: EFER.lma | EFER.nxe, top: 4, entryBytes: 8 },
};

export interface PagingMachineOptions {
  readonly mode: Mode;
  /** The entry that maps the page. */
  readonly leaf: bigint;
  readonly leafLevel?: number;
  /** Bits of the entries above it. */
  readonly table?: bigint;
  readonly linear?: bigint;
  readonly width?: number;
  readonly eptPointer?: number;
}

/** One linear address mapped by tables that are written entry by entry; guest-physical is host-physical. */
export class PagingMachine {
  readonly memory: HostMemory = HostMemory.create({ bytes: 16 << 20 });
  readonly mmu: GuestMmu;
  readonly root: number;
  readonly linear: bigint;
  readonly #mode: Mode;
  readonly #eptPointer: number;
  readonly #entries = new Map<number, HostPhysicalAddress>();

  constructor(options: PagingMachineOptions) {
    const { mode, leaf, leafLevel = 1, table: tableBits = 7n } = options;
    const { top, entryBytes } = REGISTERS[mode];
    this.#mode = mode;
    this.#eptPointer = options.eptPointer ?? 0;
    this.linear = options.linear ?? 0x4040_5678n;
    this.mmu = new GuestMmu(this.memory, options.width === undefined ? {} : { physicalAddressWidth: options.width });
    this.root = this.memory.allocateFrame();
    let table: number = this.root;
    if (mode === "PAE") {
      table = this.memory.allocateFrame();
      for (let i = 0n; i < 4n; i++)
        this.memory.writeU64((this.root + Number(8n * i)) as HostPhysicalAddress, BigInt(table) | 1n);
    }
    const indexBits = entryBytes === 4 ? 10n : 9n;
    for (let level = top; level >= leafLevel; level--) {
      const index = (this.linear >> (12n + indexBits * BigInt(level - 1))) & ((1n << indexBits) - 1n);
      this.#entries.set(level, (table + Number(index) * entryBytes) as HostPhysicalAddress);
      const below = level === leafLevel ? 0 : this.memory.allocateFrame();
      this.set(level, level === leafLevel ? leaf : BigInt(below) | tableBits);
      table = below;
    }
    this.configure();
    if (mode === "PAE") this.mmu.loadPdptes(this.root);
  }

  configure(change: Partial<GuestMmuConfiguration> = {}): this {
    const { cr4, efer } = REGISTERS[this.#mode];
    this.mmu.configure({
      eptPointer: this.#eptPointer,
      cr0: CR0.pgAndPe | CR0.wp,
      cr3Low: this.root,
      cr3High: 0,
      cr4: cr4 | (change.cr4 ?? 0),
      efer: change.efer ?? efer,
      ...(change.cr0 === undefined ? {} : { cr0: change.cr0 }),
    });
    return this;
  }

  addressOf(level: number): HostPhysicalAddress {
    const address = this.#entries.get(level);
    if (address === undefined) throw new Error(`there is no entry of level ${level}`);
    return address;
  }

  get(level: number): bigint {
    const address = this.addressOf(level);
    return this.#mode === "32-bit" ? BigInt(this.memory.readU32(address)) : this.memory.readU64(address);
  }

  set(level: number, entry: bigint): void {
    const address = this.addressOf(level);
    if (this.#mode === "32-bit") this.memory.writeU32(address, Number(entry));
    else this.memory.writeU64(address, entry);
  }

  /** "ok" with the page's permissions, or the page fault's error code. */
  access(access: number, linear: bigint = this.linear): string {
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    const result = this.mmu.translate(low, high, access);
    if (result === TRANSLATION.ok) return `ok ${this.mmu.permissions}`;
    if (result === TRANSLATION.pageFault) return `fault ${this.mmu.pageFaultErrorCode}`;
    if (result === TRANSLATION.nonCanonical) return "not canonical";
    return `stop ${this.mmu.stopReason} ${this.mmu.qualification.toString(16)} at ${this.mmu.guestPhysicalAddress.toString(16)}`;
  }
}
