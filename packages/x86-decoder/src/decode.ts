import { BASE_RIP, DECODE_STATUS, type DecodedInstruction, NO_REGISTER, PREFIX, SEGMENT } from "./decoded.ts";
import { BITS, TREE } from "./generated/decode-tables.ts";
import { FORM_BITS, IMMEDIATE, MAPS, NODE, NODE_BIT, SPECIAL_REG, STRING_SEGMENT } from "./layout.ts";

const MAX_LENGTH = 15;

/** 0: no prefix; 1 to 6: segment + 1; then PREFIX_KIND. */
const PREFIX_KIND = { operandSize: 7, addressSize: 8, lock: 9, repne: 10, rep: 11, rex: 12 } as const;

const LEGACY_PREFIXES: Uint8Array = /* @__PURE__ */ prefixTable();

function prefixTable(): Uint8Array {
  const table = new Uint8Array(256);
  table[0x26] = SEGMENT.es + 1;
  table[0x2e] = SEGMENT.cs + 1;
  table[0x36] = SEGMENT.ss + 1;
  table[0x3e] = SEGMENT.ds + 1;
  table[0x64] = SEGMENT.fs + 1;
  table[0x65] = SEGMENT.gs + 1;
  table[0x66] = PREFIX_KIND.operandSize;
  table[0x67] = PREFIX_KIND.addressSize;
  table[0xf0] = PREFIX_KIND.lock;
  table[0xf2] = PREFIX_KIND.repne;
  table[0xf3] = PREFIX_KIND.rep;
  return table;
}

/** Base and index of the eight 16-bit addressing forms (SDM Vol 2, table 2-1). */
const BASE_16: Int8Array = /* @__PURE__ */ Int8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX_16: Int8Array = /* @__PURE__ */ Int8Array.of(6, 7, 6, 7, -1, -1, -1, -1);

/** Control registers that exist: CR0, CR2, CR3, CR4, CR8. */
const CONTROL_REGISTERS = 0x11d;

/**
 * Decodes the instruction at bytes[offset .. end) into `out` and returns a DECODE_STATUS. Reads nothing outside the range
 * (nor outside the array), never throws, allocates nothing. `bits` is the default operand size and, 64, the mode.
 */
export function decodeInto(
  bytes: Uint8Array,
  offset: number,
  end: number,
  bits: 16 | 32 | 64,
  out: DecodedInstruction,
): number {
  const available = Math.min(end, bytes.length) - offset;
  if (!(available > 0 && offset >= 0)) return DECODE_STATUS.truncated;
  const limit = offset + Math.min(available, MAX_LENGTH);
  const exhausted = available < MAX_LENGTH ? DECODE_STATUS.truncated : DECODE_STATUS.tooLong;
  let at = offset;

  // Prefixes, in any order; a REX prefix counts only directly before the opcode (SDM Vol 2, 2.2.1).
  let prefixes = 0;
  let rex = 0;
  let segmentPrefix = -1;
  let override = -1;
  let opcode = bytes[at++]!;
  for (;;) {
    if (bits === 64 && (opcode & 0xf0) === 0x40) {
      rex = opcode;
    } else {
      const kind = LEGACY_PREFIXES[opcode]!;
      if (kind === 0) break;
      rex = 0;
      if (kind <= SEGMENT.gs + 1) {
        segmentPrefix = kind - 1;
        if (bits !== 64 || kind > SEGMENT.ds + 1) override = segmentPrefix;
      } else if (kind === PREFIX_KIND.operandSize) prefixes |= PREFIX.operandSize;
      else if (kind === PREFIX_KIND.addressSize) prefixes |= PREFIX.addressSize;
      else if (kind === PREFIX_KIND.lock) prefixes |= PREFIX.lock;
      else if (kind === PREFIX_KIND.rep) prefixes = (prefixes & ~PREFIX.repne) | PREFIX.rep;
      else prefixes = (prefixes & ~PREFIX.rep) | PREFIX.repne;
    }
    if (at >= limit) return exhausted;
    opcode = bytes[at++]!;
  }
  if (rex !== 0) prefixes |= (rex & 8) !== 0 ? PREFIX.rex | PREFIX.rexW : PREFIX.rex;

  let map = 0;
  if (opcode === 0x0f) {
    if (at >= limit) return exhausted;
    opcode = bytes[at++]!;
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      if (at >= limit) return exhausted;
      opcode = bytes[at++]!;
    }
  }

  let operandSize: number =
    rex & 8
      ? 64
      : bits === 16
        ? (prefixes & PREFIX.operandSize) !== 0
          ? 32
          : 16
        : (prefixes & PREFIX.operandSize) !== 0
          ? 16
          : 32;

  // Down the tree to the form.
  let entry = TREE[((bits === 64 ? MAPS : 0) + map) * 256 + opcode]!;
  let modrm = -1;
  while (entry >= NODE_BIT) {
    const node = entry - NODE_BIT;
    const kind = TREE[node]!;
    if (kind >= NODE.mod && kind <= NODE.modrm) {
      if (at >= limit) return exhausted;
      modrm = bytes[at]!;
    }
    let child = 0;
    switch (kind) {
      case NODE.prefix:
        if ((prefixes & PREFIX.rep) !== 0) child = 2;
        else if ((prefixes & PREFIX.repne) !== 0) child = 3;
        else if ((prefixes & PREFIX.operandSize) !== 0) child = 1;
        break;
      case NODE.mod:
        child = modrm >= 0xc0 ? 1 : 0;
        break;
      case NODE.reg:
        child = (modrm >> 3) & 7;
        break;
      case NODE.modReg:
        child = ((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0);
        break;
      case NODE.modrm:
        child = modrm >= 0xc0 ? (modrm & 63) + 8 : (modrm >> 3) & 7;
        break;
      case NODE.operandSize:
        child = operandSize >> 5;
        break;
      default:
        child = rex & 1;
    }
    entry = TREE[node + 1 + child]!;
  }
  if (entry === 0) return DECODE_STATUS.invalid;
  const form = entry - 1;
  const info = BITS[form]!;

  if (bits === 64) {
    if ((info & FORM_BITS.force64) !== 0) operandSize = 64;
    else if ((info & FORM_BITS.default64) !== 0 && operandSize === 32) operandSize = 64;
  }
  if ((info & FORM_BITS.consumes66) !== 0 && (rex & 8) === 0) operandSize = bits === 16 ? 16 : 32;

  const addressSize = (prefixes & PREFIX.addressSize) === 0 ? bits : bits === 32 ? 16 : 32;

  let segment = override < 0 ? SEGMENT.ds : override;
  let mod = 3;
  let reg = 0;
  let rm = 0;
  let base = NO_REGISTER;
  let index = NO_REGISTER;
  let scaleShift = 0;
  let displacement = 0;
  let displacementHigh = 0;

  if ((info & FORM_BITS.modrm) !== 0) {
    if (at >= limit) return exhausted;
    modrm = bytes[at++]!;
    mod = modrm >> 6;
    reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    rm = (modrm & 7) | ((rex & 1) << 3);
    const special = (info >> FORM_BITS.specialRegShift) & FORM_BITS.specialRegMask;
    if (special !== SPECIAL_REG.none) {
      if (special <= SPECIAL_REG.segmentDestination) {
        reg &= 7;
        if (reg > SEGMENT.gs || (special === SPECIAL_REG.segmentDestination && reg === SEGMENT.cs))
          return DECODE_STATUS.invalid;
      } else {
        // ModRM.mod is ignored (SDM Vol 2, MOV to and from control and debug registers).
        mod = 3;
        if (special === SPECIAL_REG.control ? ((CONTROL_REGISTERS >> reg) & 1) === 0 : reg > 7)
          return DECODE_STATUS.invalid;
      }
    }
    if ((prefixes & PREFIX.lock) !== 0 && ((info & FORM_BITS.lock) === 0 || mod === 3)) return DECODE_STATUS.invalid;
    if (mod !== 3) {
      let displacementSize = mod === 1 ? 1 : mod === 2 ? 4 : 0;
      if (addressSize !== 16) {
        let low = modrm & 7;
        base = rm;
        if (low === 4) {
          if (at >= limit) return exhausted;
          const sib = bytes[at++]!;
          low = sib & 7;
          base = low | ((rex & 1) << 3);
          index = ((sib >> 3) & 7) | ((rex & 2) << 2);
          if (index === 4) index = NO_REGISTER;
          scaleShift = sib >> 6;
          if (low === 5 && mod === 0) {
            base = NO_REGISTER;
            displacementSize = 4;
          }
        } else if (low === 5 && mod === 0) {
          base = bits === 64 ? BASE_RIP : NO_REGISTER;
          displacementSize = 4;
        }
        if (override < 0 && (base === 4 || base === 5)) segment = SEGMENT.ss;
      } else {
        const form16 = modrm & 7;
        if (form16 === 6 && mod === 0) displacementSize = 2;
        else {
          base = BASE_16[form16]!;
          index = INDEX_16[form16]!;
          if (override < 0 && base === 5) segment = SEGMENT.ss;
          if (mod === 2) displacementSize = 2;
        }
      }
      if (displacementSize !== 0) {
        if (at + displacementSize > limit) return exhausted;
        if (displacementSize === 1) displacement = (bytes[at]! << 24) >> 24;
        else if (displacementSize === 4) {
          displacement = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        } else {
          displacement = bytes[at]! | (bytes[at + 1]! << 8);
          if (base !== NO_REGISTER) displacement = (displacement << 16) >> 16;
        }
        at += displacementSize;
        displacementHigh = displacement >> 31;
      }
    }
  } else {
    if ((prefixes & PREFIX.lock) !== 0) return DECODE_STATUS.invalid;
    if ((info & FORM_BITS.registerInOpcode) !== 0) rm = (opcode & 7) | ((rex & 1) << 3);
    if (((info >> FORM_BITS.stringShift) & FORM_BITS.stringMask) === STRING_SEGMENT.destination) segment = SEGMENT.es;
  }

  let immediate = 0;
  let immediateHigh = 0;
  let immediate2 = 0;
  const kind = (info >> FORM_BITS.immediateShift) & FORM_BITS.immediateMask;
  if (kind !== IMMEDIATE.none) {
    let size = 1;
    switch (kind) {
      case IMMEDIATE.byte:
      case IMMEDIATE.signedByte:
        break;
      case IMMEDIATE.word:
        size = 2;
        break;
      case IMMEDIATE.wordAndByte:
        size = 3;
        break;
      case IMMEDIATE.upTo64:
        size = operandSize >> 3;
        break;
      case IMMEDIATE.farPointer:
        size = operandSize === 16 ? 4 : 6;
        break;
      case IMMEDIATE.moffs:
        size = addressSize >> 3;
        break;
      default:
        size = operandSize === 16 ? 2 : 4;
    }
    if (at + size > limit) return exhausted;
    switch (kind) {
      case IMMEDIATE.byte:
        immediate = bytes[at]!;
        break;
      case IMMEDIATE.signedByte:
        immediate = (bytes[at]! << 24) >> 24;
        immediateHigh = immediate >> 31;
        break;
      case IMMEDIATE.word:
        immediate = bytes[at]! | (bytes[at + 1]! << 8);
        break;
      case IMMEDIATE.wordAndByte:
        immediate = bytes[at]! | (bytes[at + 1]! << 8);
        immediate2 = bytes[at + 2]!;
        break;
      default: {
        immediate = bytes[at]! | (bytes[at + 1]! << 8);
        if (size === 2) {
          if (kind === IMMEDIATE.branch) immediate = (immediate << 16) >> 16;
        } else if (size === 4 && kind === IMMEDIATE.farPointer) {
          immediate2 = bytes[at + 2]! | (bytes[at + 3]! << 8);
        } else {
          immediate |= (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
          if (size === 6) immediate2 = bytes[at + 4]! | (bytes[at + 5]! << 8);
        }
        immediateHigh = kind === IMMEDIATE.farPointer ? 0 : immediate >> 31;
        if (size === 8)
          immediateHigh = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
        if (kind === IMMEDIATE.moffs) {
          mod = 0;
          displacement = immediate;
          displacementHigh = immediateHigh;
          immediate = 0;
          immediateHigh = 0;
        }
      }
    }
    at += size;
  }

  out.form = form;
  out.length = at - offset;
  out.operandSize = operandSize;
  out.addressSize = addressSize;
  out.prefixes = prefixes;
  out.segment = segment;
  out.segmentPrefix = segmentPrefix;
  out.mod = mod;
  out.reg = reg;
  out.rm = rm;
  out.base = base;
  out.index = index;
  out.scaleShift = scaleShift;
  out.displacement = displacement;
  out.displacementHigh = displacementHigh;
  out.immediate = immediate;
  out.immediateHigh = immediateHigh;
  out.immediate2 = immediate2;
  return DECODE_STATUS.ok;
}
