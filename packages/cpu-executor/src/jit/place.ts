import type { CodePlace } from "../code-cache.ts";
import type { RegionBase, RegionPage } from "./region.ts";

const TWO_32 = 2 ** 32;

/** Where the code at a position is. The base is taken apart once, for who asks for many positions. */
export function placesOf({ rip, bits }: RegionBase): (page: RegionPage, position: number) => CodePlace {
  const baseLow = Number(BigInt.asUintN(32, rip));
  const baseHigh = Number(BigInt.asUintN(64, rip) / BigInt(TWO_32));
  return (page, position) => {
    const low = baseLow + position;
    const ripHigh = bits === 64 ? (baseHigh + Math.floor(low / TWO_32)) | 0 : 0;
    return { host: page.host + position - page.offset, ripLow: low | 0, ripHigh, bits };
  };
}
