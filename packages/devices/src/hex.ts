/** A number as messages show it; what is no non-negative integer as it is. */
export function hex(value: number | bigint): string {
  const isHexable = typeof value === "bigint" ? value >= 0n : Number.isInteger(value) && value >= 0;
  return isHexable ? `0x${value.toString(16)}` : String(value);
}
