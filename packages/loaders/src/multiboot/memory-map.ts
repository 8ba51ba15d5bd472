/** Guest-physical addresses with memory behind them. */
export interface MemoryRange {
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

const KIB = 1024;
const MIB = 1 << 20;
const FOUR_GIB = 2 ** 32;
/** Where PCs have video memory and firmware: there is memory here, but programs for PCs do not expect it to be theirs. */
const HOLE: MemoryRange = { address: 0xa_0000, length: 0x6_0000 };

const endOf = ({ address, length }: MemoryRange): number => address + length;

/** The memory that a program may use: in order, adjacent ranges joined, without the hole below 1 MiB. */
export function usableMemory(memory: readonly MemoryRange[]): MemoryRange[] {
  const usable: MemoryRange[] = [];
  for (const range of memory.flatMap(withoutHole).sort((a, b) => a.address - b.address)) {
    const last = usable.at(-1);
    if (last !== undefined && endOf(last) === range.address) {
      usable[usable.length - 1] = { address: last.address, length: last.length + range.length };
    } else {
      usable.push(range);
    }
  }
  return usable;
}

function withoutHole(range: MemoryRange): MemoryRange[] {
  const below = { address: range.address, length: Math.min(endOf(range), HOLE.address) - range.address };
  const start = Math.max(range.address, endOf(HOLE));
  const above = { address: start, length: endOf(range) - start };
  return [below, above].filter(({ length }) => length > 0);
}

/** KiB of memory from `address` on, without a gap: `mem_lower` from 0 on, `mem_upper` from 1 MiB on (3.3). */
function kibFrom(usable: readonly MemoryRange[], address: number): number {
  const range = usable.find((candidate) => candidate.address <= address && endOf(candidate) > address);
  return range === undefined ? 0 : Math.floor((endOf(range) - address) / KIB);
}

export const lowerKib = (usable: readonly MemoryRange[]): number => kibFrom(usable, 0);

export const upperKib = (usable: readonly MemoryRange[]): number => Math.min(kibFrom(usable, MIB), FOUR_GIB / KIB - 1);

const ENTRY_BYTES = 24;
const AVAILABLE = 1;

/** The `mmap_*` entries: each begins with the size of what follows the size itself (3.3). */
export function memoryMapEntries(usable: readonly MemoryRange[]): Uint8Array {
  const bytes = new Uint8Array(usable.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { address, length }] of usable.entries()) {
    const at = index * ENTRY_BYTES;
    view.setUint32(at, ENTRY_BYTES - 4, true);
    view.setBigUint64(at + 4, BigInt(address), true);
    view.setBigUint64(at + 12, BigInt(length), true);
    view.setUint32(at + 20, AVAILABLE, true);
  }
  return bytes;
}

const PAGE = 4096;
const roundUp = (address: number): number => Math.ceil(address / PAGE) * PAGE;

/**
 * The lowest page-aligned address from `from` on with `length` bytes of memory below 4 GiB; undefined without one.
 */
export function findRoom(usable: readonly MemoryRange[], from: number, length: number): number | undefined {
  for (const range of usable) {
    const address = roundUp(Math.max(range.address, from));
    if (address + length <= Math.min(endOf(range), FOUR_GIB)) return address;
  }
  return undefined;
}
