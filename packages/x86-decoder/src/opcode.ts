import { INVALID_REASON, PREFIX, SEGMENT } from "./constants.ts";
import { ENCODING, MAP_INDEX } from "./layout.ts";
import { BYTE_KIND, byteKinds } from "./prefixes.ts";
import { ROW_FLAGS } from "./row-fields.ts";

/** The longest instruction, in bytes (SDM Vol 2, 2.3.11). */
export const MAX_LENGTH = 15;

const KINDS_LEGACY: Uint8Array = /* @__PURE__ */ byteKinds(32);
const KINDS_64: Uint8Array = /* @__PURE__ */ byteKinds(64);

export const MAP_3DNOW: number = MAP_INDEX["legacy 3DNow"]!;
const MAP_VEX = MAP_INDEX["VEX 0F"]! - 1;
const MAP_EVEX = MAP_INDEX["EVEX 0F"]! - 1;
const MAP_EVEX_5 = MAP_INDEX["EVEX MAP5"]! - 5;
const MAP_XOP = MAP_INDEX["XOP X8"]! - 8;

/** Fifth bits of register numbers, in `Opcode.high`. */
export const HIGH = {
  /** ModRM.reg: EVEX.R', REX2.R4. */
  reg: 1,
  /** ModRM.rm as a vector register: EVEX.X. */
  vectorRm: 2,
  /** VEX.vvvv or a vector index: EVEX.V'. */
  vvvv: 4,
  /** SIB.index: REX2.X4. */
  index: 8,
  /** ModRM.rm, SIB.base or the opcode's register: REX2.B4. */
  rm: 16,
} as const;

/** What stands before the operands of an instruction: prefixes and opcode. Filled by `readOpcode`. */
export interface Opcode {
  /** Where ModRM or the immediate is. */
  next: number;
  /** ROW_FLAGS that the prefixes decide. */
  flags: number;
  /** W, R, X, B as in a REX prefix, of whatever prefix they come from. */
  rex: number;
  /** HIGH bits. */
  high: number;
  /** A segment override that counts (SEGMENT), or -1. */
  segment: number;
  /** MAP_INDEX of the opcode map. */
  map: number;
  /** 0 none, 1: 66, 2: F3, 3: F2. */
  pp: number;
  /** As 128 << n. */
  vectorLength: number;
  vvvv: number;
  opcode: number;
}

export const createOpcode = (): Opcode => ({
  next: 0,
  flags: 0,
  rex: 0,
  high: 0,
  segment: -1,
  map: 0,
  pp: 0,
  vectorLength: 0,
  vvvv: 0,
  opcode: 0,
});

/**
 * Reads prefixes, escapes and opcode of the instruction at bytes[at] into `out`; returns INVALID_REASON. Whatever it
 * returns, `out.next` is behind the last byte that was looked at. `apx`: D5 is the REX2 prefix.
 */
export function readOpcode(bytes: Uint8Array, at: number, bits: 16 | 32 | 64, apx: boolean, out: Opcode): number {
  const mode64 = bits === 64;
  const kinds = mode64 ? KINDS_64 : KINDS_LEGACY;
  let next = at + 1;
  let flags = (bits >> 5) << ROW_FLAGS.modeShift;
  let rex = 0;
  let opcode = bytes[at]!;
  let kind = kinds[opcode]!;
  out.high = 0;
  out.segment = -1;
  out.map = 0;
  out.pp = 0;
  out.vectorLength = 0;
  out.vvvv = 0;
  // Prefixes, in any order; a REX prefix counts only directly before the opcode (SDM Vol 2, 2.2.1).
  while (kind <= BYTE_KIND.lastPrefix && kind !== BYTE_KIND.opcode) {
    if (kind === BYTE_KIND.rex) {
      rex = opcode;
    } else {
      rex = 0;
      if (kind <= BYTE_KIND.lastSegment) {
        // In 64-bit mode ES, CS, SS and DS have no effect (SDM Vol 2, 2.1.1), not even on FS or GS before them.
        const counts = !mode64 || kind > SEGMENT.ds + 1;
        if (counts) out.segment = kind - 1;
        if (counts || out.segment < 0) {
          flags = (flags & ~(7 << ROW_FLAGS.segmentPrefixShift)) | (kind << ROW_FLAGS.segmentPrefixShift);
        }
      } else if (kind === BYTE_KIND.operandSize) flags |= PREFIX.operandSize;
      else if (kind === BYTE_KIND.addressSize) flags |= PREFIX.addressSize;
      else if (kind === BYTE_KIND.lock) flags |= PREFIX.lock;
      else if (kind === BYTE_KIND.rep) flags = (flags & ~PREFIX.repne) | PREFIX.rep;
      else flags = (flags & ~PREFIX.rep) | PREFIX.repne;
    }
    if (next - at >= MAX_LENGTH) {
      out.next = next;
      return INVALID_REASON.tooLong;
    }
    opcode = bytes[next++]!;
    kind = kinds[opcode]!;
  }
  if (rex !== 0) flags |= (rex & 8) !== 0 ? PREFIX.rex | PREFIX.rexW : PREFIX.rex;
  if ((flags & (PREFIX.rep | PREFIX.repne | PREFIX.operandSize)) !== 0) {
    out.pp = (flags & PREFIX.rep) !== 0 ? 2 : (flags & PREFIX.repne) !== 0 ? 3 : 1;
  }
  out.next = next;
  out.flags = flags;
  out.rex = rex;
  out.opcode = opcode;
  if (kind === BYTE_KIND.escape) {
    opcode = bytes[next++]!;
    out.map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      out.map = opcode === 0x38 ? 2 : 3;
      opcode = bytes[next++]!;
    } else if (opcode === 0x0f) out.map = MAP_3DNOW;
    out.next = next;
    out.opcode = opcode;
    return INVALID_REASON.none;
  }
  if (apx && mode64 && opcode === REX2) return readRex2(bytes, out);
  // Outside of 64-bit mode VEX and EVEX take the place of LES, LDS and BOUND with a register (SDM Vol 2, 2.3.1).
  const isVector =
    kind === BYTE_KIND.xop ? (bytes[next]! & 0x1f) >= 8 : kind !== BYTE_KIND.opcode && (mode64 || bytes[next]! >= 0xc0);
  return isVector ? readVectorPrefix(bytes, kind, mode64, out) : INVALID_REASON.none;
}

/** Reads what follows C4, C5, 62 or 8F, and the opcode. */
function readVectorPrefix(bytes: Uint8Array, kind: number, mode64: boolean, out: Opcode): number {
  if ((out.flags & (PREFIX.lock | PREFIX.rep | PREFIX.repne | PREFIX.operandSize)) !== 0 || out.rex !== 0) {
    return INVALID_REASON.prefixBeforeVex;
  }
  const p0 = bytes[out.next++]!;
  if (kind === BYTE_KIND.vex2) {
    out.rex = mode64 ? (~p0 >> 5) & 4 : 0;
    out.vvvv = (~p0 >> 3) & 15;
    out.vectorLength = (p0 >> 2) & 1;
    out.pp = p0 & 3;
    out.map = MAP_VEX + 1;
    out.flags |= ENCODING.VEX << ROW_FLAGS.encodingShift;
  } else {
    const p1 = bytes[out.next++]!;
    out.rex = (mode64 ? (~p0 >> 5) & 7 : 0) | ((p1 >> 4) & 8);
    out.vvvv = (~p1 >> 3) & 15;
    out.pp = p1 & 3;
    if ((p1 & 0x80) !== 0) out.flags |= PREFIX.rexW;
    if (kind === BYTE_KIND.evex) {
      const reason = readEvex(bytes, p0, p1, mode64, out);
      if (reason !== INVALID_REASON.none) return reason;
    } else {
      const map = p0 & 0x1f;
      out.vectorLength = (p1 >> 2) & 1;
      if (kind === BYTE_KIND.vex3 ? map === 0 || map > 3 : map > 10) return INVALID_REASON.reservedBits;
      out.map = kind === BYTE_KIND.vex3 ? MAP_VEX + map : MAP_XOP + map;
      out.flags |= (kind === BYTE_KIND.vex3 ? ENCODING.VEX : ENCODING.XOP) << ROW_FLAGS.encodingShift;
    }
  }
  out.opcode = bytes[out.next++]!;
  return INVALID_REASON.none;
}

/** The third payload byte of EVEX, and what is EVEX's own in the others (SDM Vol 2, 2.7.1). */
function readEvex(bytes: Uint8Array, p0: number, p1: number, mode64: boolean, out: Opcode): number {
  const p2 = bytes[out.next++]!;
  const map = p0 & 7;
  if ((p0 & 8) !== 0 || (p1 & 4) === 0 || map === 0 || map === 4 || map === 7) return INVALID_REASON.reservedBits;
  if (mode64) {
    out.high = ((~p0 >> 4) & HIGH.reg) | ((out.rex & 2) !== 0 ? HIGH.vectorRm : 0) | ((p2 & 8) === 0 ? HIGH.vvvv : 0);
  } else if ((p2 & 8) === 0) return INVALID_REASON.vvvv;
  out.vectorLength = (p2 >> 5) & 3;
  out.map = map < 4 ? MAP_EVEX + map : MAP_EVEX_5 + map;
  out.flags |=
    (ENCODING.EVEX << ROW_FLAGS.encodingShift) |
    ((p2 & 7) << ROW_FLAGS.maskShift) |
    (out.vectorLength << ROW_FLAGS.roundingShift) |
    ((p2 & 0x10) !== 0 ? ROW_FLAGS.evexB : 0) |
    ((p2 & 0x80) !== 0 ? ROW_FLAGS.zeroing : 0);
  return INVALID_REASON.none;
}

const REX2 = 0xd5;

/** Rows of opcodes, by map, that REX2 must not precede (Intel APX Architecture Specification, 3.1.2.1). */
const NOT_AFTER_REX2: readonly number[] = [(1 << 4) | (1 << 7) | (1 << 10) | (1 << 14), (1 << 3) | (1 << 8)];

/** Reads REX2's payload and the opcode: M0 R4 X4 B4 W R3 X3 B3. It must be the last prefix, and REX must not precede it. */
function readRex2(bytes: Uint8Array, out: Opcode): number {
  if (out.rex !== 0) return INVALID_REASON.prefixBeforeVex;
  const payload = bytes[out.next++]!;
  out.rex = 0x40 | (payload & 15);
  out.high =
    ((payload & 0x40) !== 0 ? HIGH.reg : 0) |
    ((payload & 0x20) !== 0 ? HIGH.index : 0) |
    ((payload & 0x10) !== 0 ? HIGH.rm : 0);
  out.flags |= PREFIX.rex | ((payload & 8) !== 0 ? PREFIX.rexW : 0);
  out.map = payload >> 7;
  out.opcode = bytes[out.next++]!;
  return ((NOT_AFTER_REX2[out.map]! >> (out.opcode >> 4)) & 1) !== 0 ? INVALID_REASON.opcode : INVALID_REASON.none;
}
