import { kvm_dtable, kvm_segment, kvm_sregs, offsetOf } from "@likex/kvm-abi";
import { VMCS, type Vmx } from "@likex/vmx";

const FIELD = {
  base: offsetOf(kvm_segment, "base"),
  limit: offsetOf(kvm_segment, "limit"),
  selector: offsetOf(kvm_segment, "selector"),
  type: offsetOf(kvm_segment, "type"),
  present: offsetOf(kvm_segment, "present"),
  dpl: offsetOf(kvm_segment, "dpl"),
  db: offsetOf(kvm_segment, "db"),
  s: offsetOf(kvm_segment, "s"),
  l: offsetOf(kvm_segment, "l"),
  g: offsetOf(kvm_segment, "g"),
  avl: offsetOf(kvm_segment, "avl"),
  unusable: offsetOf(kvm_segment, "unusable"),
} as const;
const TABLE = { base: offsetOf(kvm_dtable, "base"), limit: offsetOf(kvm_dtable, "limit") } as const;

/** Access rights in the VMCS (SDM Vol 3C, table "Format of Access Rights"). */
const UNUSABLE = 1 << 16;
const ACCESSED = 1;

interface SegmentPlace {
  readonly offset: number;
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly rights: number;
  readonly isLdt: boolean;
}

const PLACES: readonly SegmentPlace[] = [
  {
    offset: offsetOf(kvm_sregs, "cs"),
    selector: VMCS.GUEST_CS_SELECTOR,
    base: VMCS.GUEST_CS_BASE,
    limit: VMCS.GUEST_CS_LIMIT,
    rights: VMCS.GUEST_CS_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "ds"),
    selector: VMCS.GUEST_DS_SELECTOR,
    base: VMCS.GUEST_DS_BASE,
    limit: VMCS.GUEST_DS_LIMIT,
    rights: VMCS.GUEST_DS_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "es"),
    selector: VMCS.GUEST_ES_SELECTOR,
    base: VMCS.GUEST_ES_BASE,
    limit: VMCS.GUEST_ES_LIMIT,
    rights: VMCS.GUEST_ES_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "fs"),
    selector: VMCS.GUEST_FS_SELECTOR,
    base: VMCS.GUEST_FS_BASE,
    limit: VMCS.GUEST_FS_LIMIT,
    rights: VMCS.GUEST_FS_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "gs"),
    selector: VMCS.GUEST_GS_SELECTOR,
    base: VMCS.GUEST_GS_BASE,
    limit: VMCS.GUEST_GS_LIMIT,
    rights: VMCS.GUEST_GS_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "ss"),
    selector: VMCS.GUEST_SS_SELECTOR,
    base: VMCS.GUEST_SS_BASE,
    limit: VMCS.GUEST_SS_LIMIT,
    rights: VMCS.GUEST_SS_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "tr"),
    selector: VMCS.GUEST_TR_SELECTOR,
    base: VMCS.GUEST_TR_BASE,
    limit: VMCS.GUEST_TR_LIMIT,
    rights: VMCS.GUEST_TR_AR_BYTES,
    isLdt: false,
  },
  {
    offset: offsetOf(kvm_sregs, "ldt"),
    selector: VMCS.GUEST_LDTR_SELECTOR,
    base: VMCS.GUEST_LDTR_BASE,
    limit: VMCS.GUEST_LDTR_LIMIT,
    rights: VMCS.GUEST_LDTR_AR_BYTES,
    isLdt: true,
  },
];

const TABLES = [
  { offset: offsetOf(kvm_sregs, "gdt"), base: VMCS.GUEST_GDTR_BASE, limit: VMCS.GUEST_GDTR_LIMIT },
  { offset: offsetOf(kvm_sregs, "idt"), base: VMCS.GUEST_IDTR_BASE, limit: VMCS.GUEST_IDTR_LIMIT },
] as const;

/** Offset of `cs.l` in kvm_sregs, for the check of a mode. */
export const CS_L: number = offsetOf(kvm_sregs, "cs") + FIELD.l;

/** Segment registers and descriptor tables of the current VMCS, into a kvm_sregs. */
export const getSegments = (vmx: Vmx, out: DataView): void => {
  for (const { offset, selector, base, limit, rights } of PLACES) {
    const access = vmx.vmread32(rights);
    const unusable = (access & UNUSABLE) !== 0;
    out.setBigUint64(offset + FIELD.base, vmx.vmread(base) ?? 0n, true);
    out.setUint32(offset + FIELD.limit, vmx.vmread32(limit), true);
    out.setUint16(offset + FIELD.selector, vmx.vmread32(selector), true);
    out.setUint8(offset + FIELD.type, access & 15);
    // Linux reports a segment as present whenever it is usable: VMX keeps both in one bit.
    out.setUint8(offset + FIELD.present, unusable ? 0 : 1);
    out.setUint8(offset + FIELD.dpl, (access >> 5) & 3);
    out.setUint8(offset + FIELD.db, (access >> 14) & 1);
    out.setUint8(offset + FIELD.s, (access >> 4) & 1);
    out.setUint8(offset + FIELD.l, (access >> 13) & 1);
    out.setUint8(offset + FIELD.g, (access >> 15) & 1);
    out.setUint8(offset + FIELD.avl, (access >> 12) & 1);
    out.setUint8(offset + FIELD.unusable, unusable ? 1 : 0);
  }
  for (const { offset, base, limit } of TABLES) {
    out.setBigUint64(offset + TABLE.base, vmx.vmread(base) ?? 0n, true);
    out.setUint16(offset + TABLE.limit, vmx.vmread32(limit), true);
  }
};

/** The reverse. */
export const setSegments = (vmx: Vmx, sregs: DataView): void => {
  for (const { offset, selector, base, limit, rights, isLdt } of PLACES) {
    const bit = (field: number, at: number): number => (sregs.getUint8(offset + field) !== 0 ? 1 << at : 0);
    // VM entry demands the accessed bit of every segment but LDTR, whose type does not have it.
    const type = (sregs.getUint8(offset + FIELD.type) & 15) | (isLdt ? 0 : ACCESSED);
    const isUsable = sregs.getUint8(offset + FIELD.unusable) === 0 && sregs.getUint8(offset + FIELD.present) !== 0;
    const access =
      type |
      bit(FIELD.s, 4) |
      ((sregs.getUint8(offset + FIELD.dpl) & 3) << 5) |
      bit(FIELD.present, 7) |
      bit(FIELD.avl, 12) |
      bit(FIELD.l, 13) |
      bit(FIELD.db, 14) |
      bit(FIELD.g, 15) |
      (isUsable ? 0 : UNUSABLE);
    vmx.vmwrite(base, sregs.getBigUint64(offset + FIELD.base, true));
    vmx.vmwriteNumber(limit, sregs.getUint32(offset + FIELD.limit, true));
    vmx.vmwriteNumber(selector, sregs.getUint16(offset + FIELD.selector, true));
    vmx.vmwriteNumber(rights, access);
  }
  for (const { offset, base, limit } of TABLES) {
    vmx.vmwrite(base, sregs.getBigUint64(offset + TABLE.base, true));
    vmx.vmwriteNumber(limit, sregs.getUint16(offset + TABLE.limit, true));
  }
};
