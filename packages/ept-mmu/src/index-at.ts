/** Nine bits of an address of 48 bits (two int32): the index into the paging structure of a level, 4 to 1. */
export function indexAt(low: number, high: number, level: number): number {
  if (level === 1) return (low >>> 12) & 511;
  if (level === 2) return (low >>> 21) & 511;
  if (level === 3) return ((low >>> 30) | (high << 2)) & 511;
  return (high >>> 7) & 511;
}
