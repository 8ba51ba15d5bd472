import { isCanonical } from "./address.ts";
import { CR4 } from "./paging-registers.ts";

/** Which cached translations an operation invalidates (SDM Vol 3A, 4.10.4.1). */
export const INVALIDATION = {
  none: 0,
  /** One page, all of it if it is larger than 4 KiB: what the current PCID has of it, and global translations. */
  page: 1,
  /** One page: what one PCID has of it, global translations excepted. */
  pageOfPcid: 2,
  /** All that one PCID has, global translations excepted. */
  pcid: 3,
  /** All that any PCID has, global translations excepted. */
  nonGlobal: 4,
  all: 5,
  /** The instruction raises #GP(0) instead. */
  fault: 6,
} as const;

const INVPCID_TYPE = { address: 0, context: 1, all: 2, nonGlobal: 3 } as const;

/** The PCID that translations belong to: bits 11:0 of CR3 with CR4.PCIDE, else 0. */
export const pcidOf = (cr3Low: number, cr4: number): number => ((cr4 & CR4.pcide) !== 0 ? cr3Low & 0xfff : 0);

/** MOV to CR3. The PCID is that of the new value; bit 63 of the operand keeps what it has. */
export const invalidatedByMovToCr3 = (operandHigh: number, cr4: number): number =>
  (cr4 & CR4.pcide) !== 0 && operandHigh < 0 ? INVALIDATION.none : INVALIDATION.pcid;

/**
 * MOV to CR4. Whoever caches `permissions` caches decisions, so beyond what the manual asks they go with every change of a
 * bit that decides.
 */
export const invalidatedByMovToCr4 = (before: number, after: number): number => {
  const decides = CR4.pse | CR4.pae | CR4.pge | CR4.smep | CR4.smap | CR4.pke;
  const changed = before ^ after;
  return (changed & decides) !== 0 || (changed & before & CR4.pcide) !== 0 ? INVALIDATION.all : INVALIDATION.none;
};

/** INVLPG: of an address that is not canonical, nothing; `linearHigh` is 0 outside 64-bit mode. */
export const invalidatedByInvlpg = (linearHigh: number): number =>
  isCanonical(linearHigh) ? INVALIDATION.page : INVALIDATION.none;

/**
 * INVPCID of a type, 0 to 2^53-1, and a descriptor as four int32: the PCID's quadword and the linear address, which counts
 * with all its 64 bits in every mode. Privilege and mode are the caller's to check.
 */
export const invalidatedByInvpcid = (
  type: number,
  pcidLow: number,
  pcidHigh: number,
  linearHigh: number,
  cr4: number,
): number => {
  if ((pcidLow & ~0xfff) !== 0 || pcidHigh !== 0) return INVALIDATION.fault;
  if (type === INVPCID_TYPE.all) return INVALIDATION.all;
  if (type === INVPCID_TYPE.nonGlobal) return INVALIDATION.nonGlobal;
  if (pcidLow !== 0 && (cr4 & CR4.pcide) === 0) return INVALIDATION.fault;
  if (type === INVPCID_TYPE.context) return INVALIDATION.pcid;
  return type === INVPCID_TYPE.address && isCanonical(linearHigh) ? INVALIDATION.pageOfPcid : INVALIDATION.fault;
};
