import { HostMemory } from "@likex/host-memory";
import { expect } from "vitest";
import { BLOCK, DECLINED } from "../../src/emitted-block.ts";
import { ACCESS, GuestMmu, type GuestMmuOptions, TRANSLATION } from "../../src/index.ts";
import { type EntrySeed, type EptSeed, POOL_FRAMES } from "./random-tables.ts";
import { bits, ReferenceMemory } from "./reference-memory.ts";
import { type Accessor, type Kind, modeOf, type ReferenceState } from "./reference-rights.ts";
import type { Outcome } from "./reference-walk.ts";

const PAGE = 4096n;
const MEGABYTE = 1n << 20n;
const ARENA = 6n * MEGABYTE;
/** Guest memory of 2 MiB lies here behind the EPT, the EPT's four tables behind it. */
const BEHIND_EPT = 2n * MEGABYTE;
const EPT_ROOT = 4n * MEGABYTE;
/** From here on are the blocks of emitted walks. */
const BLOCKS = 5n * MEGABYTE;
/** What a run writes: the pool of frames in both its places, and the EPT. */
const REGIONS = [0n, BEHIND_EPT, EPT_ROOT].map(Number);
const REGION = (POOL_FRAMES + 1) * 4096;
/** Guest frames that the EPT maps. */
const MAPPED = [...Array(POOL_FRAMES + 1).keys(), 511];
const WIDTHS = [36, 40, 46, 52] as const;

/** Whether translations are kept makes no difference to who forgets them in time: half of the MMUs keep them. */
const kept = (width: number): GuestMmuOptions => ({ guestPhysical: width > 40 ? "kept" : "walked" });

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

const KIND: Record<Kind, number> = { read: ACCESS.read, write: ACCESS.write, fetch: ACCESS.execute };
const PRIVILEGE: Record<Accessor, number> = {
  user: ACCESS.user,
  supervisor: 0,
  "supervisor with AC": ACCESS.userAllowed,
  implicit: ACCESS.implicit,
  "implicit with AC": ACCESS.implicit | ACCESS.userAllowed,
  "implicit at CPL 3": ACCESS.implicit | ACCESS.user,
};

/** The MMU under test over one arena, and the reference's copy of it. */
export class RandomMachine {
  readonly memory: HostMemory = HostMemory.create({ bytes: Number(ARENA) });
  readonly reference: ReferenceMemory = new ReferenceMemory(new Uint8Array(Number(ARENA)));
  /** What the tables under test are written to. */
  readonly tested: number = this.memory.allocateFrames(Number(BLOCKS >> 12n) - 1);
  readonly #mmus = new Map(
    WIDTHS.map((width) => [width, new GuestMmu(this.memory, { physicalAddressWidth: width, ...kept(width) })] as const),
  );
  #mmu: GuestMmu = this.#mmuOf(46);
  /** How often the emitted walk has had an answer, by what it was. */
  readonly emitted: { declined: number; page: number; fault: number } = { declined: 0, page: 0, fault: 0 };

  constructor() {
    for (const mmu of this.#mmus.values()) mmu.emitted();
  }

  #mmuOf(width: number): GuestMmu {
    const mmu = this.#mmus.get(width as (typeof WIDTHS)[number]);
    if (mmu === undefined) throw new Error(`no MMU of width ${width}`);
    return mmu;
  }

  get mmu(): GuestMmu {
    return this.#mmu;
  }

  /** Clears what earlier runs wrote, writes tables, and gives the registers to the MMU. Returns the state with its EPT pointer. */
  prepare(seed: {
    state: Omit<ReferenceState, "eptPointer">;
    entries: readonly EntrySeed[];
    ept: EptSeed;
    linear: bigint;
  }): ReferenceState {
    for (const start of REGIONS) this.reference.bytes.fill(0, start, start + REGION);
    const eptPointer = this.#writeEpt(seed.ept);
    const state = { ...seed.state, eptPointer };
    this.#writeGuestTables(state, seed.entries, seed.linear, seed.ept.shape);
    for (const start of REGIONS) {
      const written = this.reference.bytes.subarray(start, start + REGION);
      this.memory.u8.set(written, start);
    }
    const mmu = this.#mmuOf(state.maxPhyAddr);
    this.#mmu = mmu;
    mmu.pkru = Number(state.pkru);
    for (let i = 0; i < 4; i++) {
      mmu.setPdpteHalf(2 * i, low(state.pdptes[i] as bigint));
      mmu.setPdpteHalf(2 * i + 1, high(state.pdptes[i] as bigint));
    }
    mmu.configure({
      eptPointer: Number(eptPointer),
      cr0: low(state.cr0),
      cr3Low: low(state.cr3),
      cr3High: high(state.cr3),
      cr4: low(state.cr4),
      efer: low(state.efer),
    });
    return state;
  }

  #writeEpt(seed: EptSeed): bigint {
    if (seed.shape === "none") return 0n;
    const table = (level: number): bigint => EPT_ROOT + BigInt(4 - level) * PAGE;
    const at = (level: number, index: number): bigint => table(level) + BigInt(index * 8);
    const { reference } = this;
    reference.write(at(4, 0), 8, table(3) | 7n);
    reference.write(at(3, 0), 8, seed.shape === "1G" ? 0xb7n : table(2) | 7n);
    reference.write(at(2, 0), 8, seed.shape === "2M" ? BEHIND_EPT | 0xb7n : table(1) | 7n);
    for (const frame of MAPPED) reference.write(at(1, frame), 8, (BEHIND_EPT + BigInt(frame) * PAGE) | 0x37n);
    for (const { level, at: frame, clear, set } of seed.changes) {
      const entry = at(level, level === 1 ? frame : 0);
      reference.write(entry, 8, (reference.read(entry, 8) & ~BigInt(clear)) | set);
    }
    return EPT_ROOT | 0x1en | (seed.tracksAccess ? 0x40n : 0n);
  }

  /** The entries of one walk, from CR3 or the PDPTE register down. */
  #writeGuestTables(
    state: ReferenceState,
    entries: readonly EntrySeed[],
    linear: bigint,
    shape: EptSeed["shape"],
  ): void {
    const mode = modeOf(state);
    if (mode === "none") return;
    const base = shape === "none" || shape === "1G" ? 0n : BEHIND_EPT;
    const entryBytes = mode === "32-bit" ? 4 : 8;
    const indexBits = mode === "32-bit" ? 10 : 9;
    let table = bits(state.cr3, 31, 12) << 12n;
    if (mode === "PAE") table = bits(state.pdptes[Number(bits(linear, 31, 30))] as bigint, 31, 12) << 12n;
    for (let level = mode === "4-level" ? 4 : 2; level >= 1; level--) {
      const seed = entries[4 - level] as EntrySeed;
      const lowest = 12 + indexBits * (level - 1);
      const host = base + table + bits(linear, lowest + indexBits - 1, lowest) * BigInt(entryBytes);
      const isLarge = seed.large && level > 1 && level < 4 && (mode !== "32-bit" || bits(state.cr4, 4, 4) === 1n);
      // Bit 7 is PAT at level 1, and ignored in a directory of 32-bit paging without PSE.
      const hasIgnoredPs = seed.large && (level === 1 || mode === "32-bit");
      const address = isLarge ? BigInt(seed.largeBits) << 12n : BigInt(seed.frame) << 12n;
      let entry = address | BigInt(seed.flags) | (isLarge || hasIgnoredPs ? 0x80n : 0n);
      // Bits 62:52 are the 4-level mode's to ignore, and reserved in PAE paging: there they are rare.
      if (mode === "4-level" || seed.strayBit !== 0) entry |= BigInt(seed.top) << 52n;
      else if (mode === "PAE") entry |= BigInt(seed.top & 0x800) << 52n;
      if (seed.strayBit !== 0) entry |= 1n << BigInt(seed.strayBit);
      if (host + 8n <= ARENA) this.reference.write(host, entryBytes, BigInt.asUintN(entryBytes * 8, entry));
      table = BigInt(seed.frame) << 12n;
    }
  }

  /**
   * What the MMU under test says; before that its emitted walk, which must have done the same to memory by then and say the same,
   * unless it declines.
   */
  translate(linear: bigint, kind: Kind, accessor: Accessor): Outcome {
    const emitted = this.#mmu.emitted();
    const access = KIND[kind] | PRIVILEGE[accessor];
    const result = emitted?.translate(emitted.block, low(linear), high(linear), access) ?? DECLINED;
    const isSame = result === DECLINED || this.firstDifference() === -1;
    const outcome = this.#translate(linear, kind, accessor);
    if (emitted === undefined || result === DECLINED) this.emitted.declined++;
    else if (isSame) this.#compare(emitted.block, result, outcome);
    else throw new Error("the emitted walk has left other memory than the reference's");
    return outcome;
  }

  #compare(block: number, result: number, outcome: Outcome): void {
    const field = (offset: number): number => this.memory.i32[(block + offset) >> 2] as number;
    if (result === TRANSLATION.pageFault) {
      this.emitted.fault++;
      expect(outcome).toMatchObject({ result: "fault", errorCode: field(BLOCK.errorCode) });
      return;
    }
    this.emitted.page++;
    expect(result).toBe(TRANSLATION.ok);
    const data = ACCESS.read | ACCESS.write;
    expect(outcome).toMatchObject({
      result: "page",
      hostPage: BigInt(field(BLOCK.hostPage)),
      pageSize: BigInt(field(BLOCK.pageSize)),
    });
    expect(field(BLOCK.permissions) & data).toBe((outcome as { permissions: number }).permissions & data);
  }

  #translate(linear: bigint, kind: Kind, accessor: Accessor): Outcome {
    const mmu = this.#mmu;
    switch (mmu.translate(low(linear), high(linear), KIND[kind] | PRIVILEGE[accessor])) {
      case TRANSLATION.ok:
        return {
          result: "page",
          hostPage: BigInt(mmu.hostPage),
          guestPage: BigInt(mmu.guestPage),
          permissions: mmu.permissions,
          pageSize: BigInt(mmu.pageSize),
          isGlobal: mmu.isGlobal,
        };
      case TRANSLATION.pageFault:
        return {
          result: "fault",
          errorCode: mmu.pageFaultErrorCode,
          cr2: (BigInt(mmu.guestLinearHigh >>> 0) << 32n) | BigInt(mmu.guestLinearLow >>> 0),
        };
      case TRANSLATION.nonCanonical:
        return { result: "not canonical" };
      default:
        return {
          result: "stop",
          reason: mmu.stopReason,
          qualification: BigInt(mmu.qualification),
          guestPhysical: BigInt(mmu.guestPhysicalAddress),
        };
    }
  }

  /** Offset of the first difference between the two memories among what `prepare` writes, or -1. */
  firstDifference(): number {
    for (const start of REGIONS) {
      const subject = this.memory.u8.subarray(start, start + REGION);
      if (Buffer.compare(subject, this.reference.bytes.subarray(start, start + REGION)) !== 0)
        return this.#find(start, start + REGION);
    }
    return -1;
  }

  /** The same for all memory, the blocks excepted. */
  firstDifferenceAnywhere(): number {
    return this.#find(0, Number(BLOCKS));
  }

  #find(from: number, to: number): number {
    for (let at = from; at < to; at++) if (this.memory.u8[at] !== this.reference.bytes[at]) return at;
    return -1;
  }
}
