import { SEGMENT } from "./constants.ts";

/** What a byte is where a prefix or an opcode may stand. 1 to 6: a segment override, SEGMENT + 1. */
export const BYTE_KIND = {
  /** An opcode of the one-byte map. */
  opcode: 0,
  lastSegment: 6,
  operandSize: 7,
  addressSize: 8,
  lock: 9,
  repne: 10,
  rep: 11,
  rex: 12,
  lastPrefix: 12,
  /** 0F */
  escape: 13,
  vex2: 14,
  vex3: 15,
  evex: 16,
  xop: 17,
} as const;

/** BYTE_KIND by byte. */
export function byteKinds(bits: 32 | 64): Uint8Array {
  const kinds = new Uint8Array(256);
  kinds[0x26] = SEGMENT.es + 1;
  kinds[0x2e] = SEGMENT.cs + 1;
  kinds[0x36] = SEGMENT.ss + 1;
  kinds[0x3e] = SEGMENT.ds + 1;
  kinds[0x64] = SEGMENT.fs + 1;
  kinds[0x65] = SEGMENT.gs + 1;
  kinds[0x66] = BYTE_KIND.operandSize;
  kinds[0x67] = BYTE_KIND.addressSize;
  kinds[0xf0] = BYTE_KIND.lock;
  kinds[0xf2] = BYTE_KIND.repne;
  kinds[0xf3] = BYTE_KIND.rep;
  if (bits === 64) kinds.fill(BYTE_KIND.rex, 0x40, 0x50);
  kinds[0x0f] = BYTE_KIND.escape;
  kinds[0xc5] = BYTE_KIND.vex2;
  kinds[0xc4] = BYTE_KIND.vex3;
  kinds[0x62] = BYTE_KIND.evex;
  kinds[0x8f] = BYTE_KIND.xop;
  return kinds;
}
