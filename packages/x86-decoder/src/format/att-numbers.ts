import type { NumberOptions } from "./formatter.ts";
export interface NumberText {
  unsigned(low: number, high: number): string;
  padded(low: number, high: number, digits: number): string;
}
export function createNumberText(defaults: Required<NumberOptions>, options: NumberOptions = {}): NumberText {
  const { base, prefix, suffix, digits } = { ...defaults, ...options };
  const up = (t: string) => prefix + (digits === "upper" ? t.toUpperCase() : t) + suffix;
  const big = (l: number, h: number) => (BigInt(h) << 32n) | BigInt(l);
  return {
    unsigned: (l, h) => (h === 0 && l < 10) || base === 10 ? String(big(l, h)) : up(big(l, h).toString(16)),
    padded: (l, h, n) => (h === 0 && l < 10) || base === 10 ? String(big(l, h)) : up(big(l, h).toString(16).padStart(n, "0")),
  };
}
