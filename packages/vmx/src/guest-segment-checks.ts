import { OK } from "./control-checks.ts";
import { isCanonical } from "./host-checks.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** Access rights as the VMCS has them: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16. */
export const ACCESS_RIGHTS = {
  type: 0xf,
  s: 0x10,
  dpl: 0x60,
  p: 0x80,
  l: 0x2000,
  db: 0x4000,
  g: 0x8000,
  unusable: 0x10000,
} as const;

/** Bits 11:8 and 31:17 of the access rights are reserved. */
const RESERVED = 0xfffe0f00;

interface SegmentOffsets {
  readonly name: string;
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly rights: number;
}

/** Where the VMCS holds the segment registers, in the processor's order: ES CS SS DS FS GS LDTR TR. */
export const SEGMENTS: readonly SegmentOffsets[] = (["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const).map(
  (name) => ({
    name,
    selector: F[`GUEST_${name}_SELECTOR`],
    base: F[`GUEST_${name}_BASE`],
    limit: F[`GUEST_${name}_LIMIT`],
    rights: F[`GUEST_${name}_AR_BYTES`],
  }),
);

const [ES, CS, SS, DS, FS, GS, LDTR, TR] = SEGMENTS as readonly [
  SegmentOffsets,
  SegmentOffsets,
  SegmentOffsets,
  SegmentOffsets,
  SegmentOffsets,
  SegmentOffsets,
  SegmentOffsets,
  SegmentOffsets,
];
const CODE_AND_DATA = [CS, SS, DS, ES, FS, GS];
const DATA = [DS, ES, FS, GS];

interface Mode {
  readonly vmcs: Vmcs;
  readonly ia32e: boolean;
  readonly unrestricted: boolean;
  readonly virtual8086: boolean;
}

const CR0_PE = 1;
const RFLAGS_VM = 1 << 17;

const isUsable = (vmcs: Vmcs, segment: SegmentOffsets): boolean =>
  (vmcs.low(segment.rights) & ACCESS_RIGHTS.unusable) === 0;
const typeOf = (vmcs: Vmcs, segment: SegmentOffsets): number => vmcs.low(segment.rights) & ACCESS_RIGHTS.type;
const dplOf = (vmcs: Vmcs, segment: SegmentOffsets): number => (vmcs.low(segment.rights) >> 5) & 3;
const rplOf = (vmcs: Vmcs, segment: SegmentOffsets): number => vmcs.word(segment.selector) & 3;

/** SDM Vol 3C, "Checks on Guest Segment Registers". */
export const checkGuestSegments = (vmcs: Vmcs, ia32e: boolean, unrestricted: boolean): string => {
  const virtual8086 = (vmcs.low(F.GUEST_RFLAGS) & RFLAGS_VM) !== 0;
  const mode = { vmcs, ia32e, unrestricted, virtual8086 };
  return (
    checkSelectors(mode) ||
    checkBases(mode) ||
    (virtual8086 ? checkVirtual8086(mode) : checkAccessRights(mode)) ||
    checkSystem(mode)
  );
};

const checkSelectors = ({ vmcs, unrestricted, virtual8086 }: Mode): string => {
  if ((vmcs.word(TR.selector) & 4) !== 0) return "guest TR selector: TI";
  if (isUsable(vmcs, LDTR) && (vmcs.word(LDTR.selector) & 4) !== 0) return "guest LDTR selector: TI";
  if (!virtual8086 && !unrestricted && rplOf(vmcs, SS) !== rplOf(vmcs, CS)) return "guest SS selector: RPL";
  return OK;
};

const checkBases = ({ vmcs, virtual8086 }: Mode): string => {
  if (virtual8086) {
    for (const segment of CODE_AND_DATA) {
      if (vmcs.number(segment.base) !== vmcs.word(segment.selector) << 4)
        return `guest ${segment.name} base in virtual-8086 mode`;
    }
  }
  for (const segment of [TR, FS, GS]) if (!isCanonical(vmcs, segment.base)) return `guest ${segment.name} base`;
  if (isUsable(vmcs, LDTR) && !isCanonical(vmcs, LDTR.base)) return "guest LDTR base";
  if (vmcs.high(CS.base) !== 0) return "guest CS base";
  for (const segment of [SS, DS, ES]) {
    if (isUsable(vmcs, segment) && vmcs.high(segment.base) !== 0) return `guest ${segment.name} base`;
  }
  return OK;
};

const checkVirtual8086 = ({ vmcs }: Mode): string => {
  for (const segment of CODE_AND_DATA) {
    if (vmcs.low(segment.limit) !== 0xffff) return `guest ${segment.name} limit in virtual-8086 mode`;
    if (vmcs.low(segment.rights) !== 0xf3) return `guest ${segment.name} access rights in virtual-8086 mode`;
  }
  return OK;
};

const checkAccessRights = (mode: Mode): string => {
  const { vmcs } = mode;
  const wrongType = checkTypes(mode);
  if (wrongType !== OK) return wrongType;
  const wrongPrivilege = checkPrivilege(mode);
  if (wrongPrivilege !== OK) return wrongPrivilege;
  for (const segment of CODE_AND_DATA) {
    if (segment !== CS && !isUsable(vmcs, segment)) continue;
    const rights = vmcs.low(segment.rights);
    if ((rights & ACCESS_RIGHTS.s) === 0) return `guest ${segment.name} access rights: S`;
    if ((rights & ACCESS_RIGHTS.p) === 0) return `guest ${segment.name} access rights: P`;
    if ((rights & RESERVED) !== 0) return `guest ${segment.name} access rights: reserved bits`;
    if (!isGranularityValid(vmcs, segment)) return `guest ${segment.name} access rights: G`;
  }
  const cs = vmcs.low(CS.rights);
  if (mode.ia32e && cs & ACCESS_RIGHTS.l && cs & ACCESS_RIGHTS.db) return "guest CS access rights: D with L";
  return OK;
};

const checkTypes = ({ vmcs, unrestricted }: Mode): string => {
  const cs = typeOf(vmcs, CS);
  if (![9, 11, 13, 15].includes(cs) && !(unrestricted && cs === 3)) return "guest CS access rights: type";
  if (isUsable(vmcs, SS) && ![3, 7].includes(typeOf(vmcs, SS))) return "guest SS access rights: type";
  for (const segment of DATA) {
    if (!isUsable(vmcs, segment)) continue;
    const type = typeOf(vmcs, segment);
    const unreadable = (type & 8) !== 0 && (type & 2) === 0;
    if ((type & 1) === 0 || unreadable) return `guest ${segment.name} access rights: type`;
  }
  return OK;
};

const checkPrivilege = ({ vmcs, unrestricted }: Mode): string => {
  const type = typeOf(vmcs, CS);
  const cpl = dplOf(vmcs, SS);
  const dpl = dplOf(vmcs, CS);
  const csOk = type === 3 ? dpl === 0 : type === 9 || type === 11 ? dpl === cpl : dpl <= cpl;
  if (!csOk) return "guest CS access rights: DPL";
  if (!unrestricted && cpl !== rplOf(vmcs, SS)) return "guest SS access rights: DPL";
  if ((type === 3 || (vmcs.low(F.GUEST_CR0) & CR0_PE) === 0) && cpl !== 0) return "guest SS access rights: DPL";
  if (unrestricted) return OK;
  for (const segment of DATA) {
    if (isUsable(vmcs, segment) && typeOf(vmcs, segment) < 12 && dplOf(vmcs, segment) < rplOf(vmcs, segment)) {
      return `guest ${segment.name} access rights: DPL`;
    }
  }
  return OK;
};

/** A limit with a 0 in bits 11:0 needs G = 0; one with a 1 in bits 31:20 needs G = 1. */
const isGranularityValid = (vmcs: Vmcs, segment: SegmentOffsets): boolean => {
  const limit = vmcs.low(segment.limit);
  const granular = (vmcs.low(segment.rights) & ACCESS_RIGHTS.g) !== 0;
  return granular ? (limit & 0xfff) === 0xfff : limit >>> 20 === 0;
};

const checkSystem = ({ vmcs, ia32e }: Mode): string => {
  const type = typeOf(vmcs, TR);
  if (type !== 11 && (ia32e || type !== 3)) return "guest TR access rights: type";
  if (!isUsable(vmcs, TR)) return "guest TR access rights: unusable";
  if (isUsable(vmcs, LDTR) && typeOf(vmcs, LDTR) !== 2) return "guest LDTR access rights: type";
  for (const segment of [TR, LDTR]) {
    if (!isUsable(vmcs, segment)) continue;
    const rights = vmcs.low(segment.rights);
    if ((rights & ACCESS_RIGHTS.s) !== 0) return `guest ${segment.name} access rights: S`;
    if ((rights & ACCESS_RIGHTS.p) === 0) return `guest ${segment.name} access rights: P`;
    if ((rights & RESERVED) !== 0) return `guest ${segment.name} access rights: reserved bits`;
    if (!isGranularityValid(vmcs, segment)) return `guest ${segment.name} access rights: G`;
  }
  return OK;
};
