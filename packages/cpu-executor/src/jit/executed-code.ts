import type { HostPhysicalAddress } from "@likex/host-memory";
import type { DecodedInstruction } from "@likex/x86-decoder";
import { CONTEXT, TLB } from "../context.ts";
import type { PatchedFields } from "../patched-fields.ts";
import { BLOCK, NEVER_HOT } from "../record.ts";
import type { JitParts } from "./jit.ts";
import { placesOf } from "./place.ts";
import type { ExecutedCode, RegionBase, RegionPage } from "./region.ts";

/** A block that has been entered so often, as part of the threshold, belongs to the regions that reach it. */
const WARM = 32;
/** The same for one of many targets of a branch. */
const LUKEWARM = 512;
const PAGE = 4096;

/** The most BLOCK.heat of a block that is warm. */
export const stillWarm = (threshold: number): number => threshold - Math.ceil(threshold / WARM);

/**
 * The code around a page as a processor has executed it: `host` is where the page is. Other pages are those where the guest can
 * execute code now, and only frames that are watched, because others can change and keep their version.
 */
export function executedCode(
  { memory, context, selector, code, knownBlock }: JitParts,
  { page, host }: { readonly page: RegionBase; readonly host: number },
  {
    threshold,
    scratch,
    patchedFields,
  }: { readonly threshold: number; readonly scratch: DecodedInstruction; readonly patchedFields: PatchedFields },
): ExecutedCode {
  const { i32, u8 } = memory;
  const place = placesOf(page);
  const version = (frame: number): number => memory.frameVersion(frame as HostPhysicalAddress);
  const blockOf = (at: RegionPage, position: number): number => code.blockAt(place(at, position));
  const heatOf = (block: number): number => i32[(block + BLOCK.heat) >> 2] as number;
  const isWarm = (block: number, part = WARM): boolean => {
    if (block === 0) return false;
    const heat = heatOf(block);
    const isAttached = i32[(block + BLOCK.original) >> 2] !== 0;
    return heat > threshold ? isAttached : (threshold - heat) * part >= threshold;
  };
  /** A block that never becomes hot by itself, because a region has left its first instruction to the interpreter. */
  const isWarmAside = (block: number, part: number): boolean => {
    const entries = block === 0 ? 0 : NEVER_HOT - heatOf(block);
    return entries * part >= threshold && entries < NEVER_HOT >> 1;
  };
  const isPart = (at: RegionPage, position: number, part: number): boolean =>
    isWarm(blockOf(at, position), part) || isWarmAside(blockOf(at, position), part);
  return {
    ...{ u8, selector, page, scratch, patchedFields, read: new Map() },
    isWarm: (at, position) => isPart(at, position, WARM),
    isLukewarm: (at, position) => isPart(at, position, LUKEWARM),
    pageOf: (position) => {
      const offset = position & ~(PAGE - 1);
      const first = { offset: 0, host, version: version(host) };
      if (offset === 0) return first;
      const { ripLow, ripHigh } = place(first, position);
      const block = knownBlock(ripLow, ripHigh);
      if (block === 0 || u8[block + BLOCK.bits] !== page.bits) return undefined;
      const frame = (i32[(block + BLOCK.host) >> 2] as number) & ~(PAGE - 1);
      const isSafe = memory.isWatched(frame as HostPhysicalAddress);
      return isSafe ? { offset, host: frame, version: version(frame) } : undefined;
    },
    pointerAt: (linear) => {
      const bytes = page.bits / 8;
      const offset = Number((linear >> BigInt(TLB.shift)) & BigInt(i32[(context + CONTEXT.tlbMask) >> 2] as number));
      const entry = (i32[(context + CONTEXT.tlb) >> 2] as number) + offset;
      const delta = linear - (memory.u64[(entry + TLB.read) >> 3] as bigint);
      if (delta < 0n || delta > BigInt(PAGE - bytes)) return undefined;
      const at = (i32[(entry + TLB.host) >> 2] as number) + Number(delta);
      return bytes === 8 ? memory.view.getBigUint64(at, true) : BigInt(memory.view.getUint32(at, true));
    },
    registerNow: (number) => BigInt.asUintN(page.bits, memory.u64[((context + CONTEXT.gpr) >> 3) + number] as bigint),
    warmBlocks: (at) => {
      const found: number[] = [];
      for (let position = at.offset; position < at.offset + PAGE; position++)
        if (isWarm(blockOf(at, position))) found.push(position);
      return found;
    },
  };
}
