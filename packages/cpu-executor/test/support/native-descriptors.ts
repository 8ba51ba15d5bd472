import { LDT, type LdtSegment, LINUX } from "./native-environment.ts";

/** A segment's hidden part, rights in the format of the VMCS. */
interface Hidden {
  readonly base: number;
  /** In bytes. */
  readonly limit: number;
  readonly rights: number;
}

const UNUSABLE: Hidden = { base: 0, limit: 0, rights: 0x10000 };

/** A code or data segment of DPL 3 that has been accessed. */
const USER_SEGMENT = 0x71;

/** Linux marks the descriptors of modify_ldt as accessed, so that it may map them read-only. */
function rightsOf({ big, contents, restricted, pages, present }: LdtSegment): number {
  const type = (contents << 2) | ((restricted ^ 1) << 1);
  return USER_SEGMENT | type | (present << 7) | (big << 14) | (pages << 15);
}

export function ldtDescriptor(segment: LdtSegment): bigint {
  const rights = rightsOf(segment);
  const base = BigInt(segment.base >>> 0);
  const limit = BigInt(segment.limit);
  return (
    (limit & 0xffffn) |
    ((base & 0xffffffn) << 16n) |
    (BigInt(rights & 0xff) << 40n) |
    ((limit >> 16n) << 48n) |
    (BigInt(rights >> 12) << 52n) |
    ((base >> 24n) << 56n)
  );
}

/** x86-64 Linux's GDT, as far as a program can see it (arch/x86/include/asm/segment.h). */
export function userGdt(): bigint[] {
  return [
    0n,
    0x00cf9b000000ffffn,
    0x00af9b000000ffffn,
    0x00cf93000000ffffn,
    0x00cffb000000ffffn,
    0x00cff3000000ffffn,
    0x00affb000000ffffn,
  ];
}

const GDT_SEGMENTS: Readonly<Record<number, Hidden>> = {
  [LINUX.code32]: { base: 0, limit: 0xffffffff, rights: 0xc0fb },
  [LINUX.data]: { base: 0, limit: 0xffffffff, rights: 0xc0f3 },
  [LINUX.code64]: { base: 0, limit: 0xffffffff, rights: 0xa0fb },
};

const IN_LDT = 4;

/** What a segment register that an environment loads has behind its selector. */
export function segmentOfSelector(selector: number): Hidden {
  if ((selector & IN_LDT) === 0) return GDT_SEGMENTS[selector] ?? UNUSABLE;
  const segment = LDT[(selector >> 3) - 1] as LdtSegment;
  const limit = segment.pages === 1 ? ((segment.limit << 12) | 0xfff) >>> 0 : segment.limit;
  return { base: segment.base, limit, rights: rightsOf(segment) };
}
