import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";

/** Index of an address's entry in the table of a level, computed the slow way. */
export const slowIndex = (address: number, level: number): number =>
  Number((BigInt(address) >> BigInt(12 + 9 * (level - 1))) & 511n);

export interface HandMadeTables {
  readonly root: number;
  /** Host-physical address of the entry of a level, 4 to `leafLevel`. */
  entryAt(level: number): HostPhysicalAddress;
  /** Changes the entry of a level. */
  change(level: number, entry: (old: bigint) => bigint): void;
}

/** Tables that map one address, written entry by entry: `table` bits above the leaf, `leaf` in it. */
export function makeTables(
  memory: HostMemory,
  address: number,
  options: { table: bigint; leaf: bigint; leafLevel?: number },
): HandMadeTables {
  const leafLevel = options.leafLevel ?? 1;
  const entries = new Map<number, HostPhysicalAddress>();
  const root = memory.allocateFrame();
  let table = root;
  for (let level = 4; level >= leafLevel; level--) {
    const entry = (table + slowIndex(address, level) * 8) as HostPhysicalAddress;
    entries.set(level, entry);
    if (level === leafLevel) memory.writeU64(entry, options.leaf);
    else {
      table = memory.allocateFrame();
      memory.writeU64(entry, BigInt(table) | options.table);
    }
  }
  const entryAt = (level: number): HostPhysicalAddress => {
    const at = entries.get(level);
    if (at === undefined) throw new Error(`there is no entry of level ${level}`);
    return at;
  };
  return {
    root,
    entryAt,
    change: (level, entry) => memory.writeU64(entryAt(level), entry(memory.readU64(entryAt(level)))),
  };
}
