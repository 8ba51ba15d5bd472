import { INVALID_REASON, PREFIX, SEGMENT } from "./decoded.ts";
import { violation } from "./form-rules.ts";
import { BITS, FORM_RULES, TREE } from "./generated/decode-tables.ts";
import { ENCODING, FORM_BITS, IMMEDIATE, MAP_INDEX, MAPS, NODE, NODE_BIT, RULES, SPECIAL_REG } from "./layout.ts";
import { BYTE_KIND, byteKinds } from "./prefixes.ts";
import { type InstructionRows, ROW_FLAGS, ROW_REGISTERS } from "./rows.ts";

/** The longest instruction, in bytes (SDM Vol 2, 2.3.11). */
const MAX_LENGTH = 15;

/** More than any read can reach from the start of an instruction: 15 bytes of prefixes, then 3 + 1 + 1 + 4 + 8. */
export const READ_AHEAD = 32;

const KINDS_LEGACY: Uint8Array = /* @__PURE__ */ byteKinds(32);
const KINDS_64: Uint8Array = /* @__PURE__ */ byteKinds(64);

/** Base and index of the eight 16-bit addressing forms (SDM Vol 2, table 2-1); 63: none. */
const BASE_16: Uint8Array = /* @__PURE__ */ Uint8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX_16: Uint8Array = /* @__PURE__ */ Uint8Array.of(6, 7, 6, 7, 63, 63, 63, 63);

/** Control registers that exist: CR0, CR2, CR3, CR4, CR8. */
const CONTROL_REGISTERS = 0x11d;

const MAP_3DNOW = MAP_INDEX["legacy 3DNow"]!;
/** Maps from here on are those of VEX, EVEX and XOP. */
const FIRST_VECTOR_MAP = MAP_INDEX["VEX 0F"]!;
const MAP_VEX = MAP_INDEX["VEX 0F"]! - 1;
const MAP_EVEX = MAP_INDEX["EVEX 0F"]! - 1;
const MAP_EVEX_5 = MAP_INDEX["EVEX MAP5"]! - 5;
const MAP_XOP = MAP_INDEX["XOP X8"]! - 8;

const SEGMENT_DS = SEGMENT.ds << ROW_FLAGS.segmentShift;
const SEGMENT_SS = SEGMENT.ss << ROW_FLAGS.segmentShift;
const SEGMENT_ES = SEGMENT.es << ROW_FLAGS.segmentShift;
const SEGMENT_MASK = 7 << ROW_FLAGS.segmentShift;

/** base and index absent. */
const NO_BASE = 63 << ROW_REGISTERS.baseShift;
const NO_INDEX = 63 << ROW_REGISTERS.indexShift;

/**
 * The decoder: fills rows of `out` from row `row` on with the instructions that start in bytes[at .. startLimit), each of
 * which may read up to `at` + READ_AHEAD, until the rows are full or an instruction reaches beyond `end`. Returns the
 * number of the first row that is not filled; `out.next` is the offset behind the last instruction. Offsets in rows are
 * `origin` more than positions in `bytes`.
 *
 * One function with everything in locals: split up, it is 1.5 times slower (`pnpm bench decoder`).
 */
export function decodeRows(
  bytes: Uint8Array,
  at: number,
  startLimit: number,
  end: number,
  origin: number,
  bits: 16 | 32 | 64,
  out: InstructionRows,
  row: number,
): number {
  const { offset, length, form, flags: rowFlags, registers: rowRegisters, capacity } = out;
  const { displacement: rowDisplacement, immediate: rowImmediate, immediate2: rowImmediate2 } = out;
  const mode64 = bits === 64;
  const kinds = mode64 ? KINDS_64 : KINDS_LEGACY;
  const roots = mode64 ? MAPS * 256 : 0;
  // Sizes as 16 << n.
  const defaultSize = bits === 16 ? 0 : 1;
  const initialFlags = (bits >> 5) << ROW_FLAGS.modeShift;
  const defaultAddress = bits >> 5;
  const otherAddress = bits === 32 ? 0 : 1;

  while (at < startLimit && row < capacity) {
    let next = at;
    let flags = initialFlags;
    let rex = 0;
    // Fifth bits of register numbers: 1 for ModRM.reg, 2 for ModRM.rm as a register, 4 for vvvv or a vector index.
    let high = 0;
    let segment = -1;
    let map = 0;
    let pp = 0;
    let vectorLength = 0;
    let vvvv = 0;
    let modrm = -1;
    let reason: number = INVALID_REASON.opcode;
    let opcode = bytes[next++]!;
    let kind = kinds[opcode]!;

    invalid: {
      if (kind !== BYTE_KIND.opcode) {
        // Prefixes, in any order; a REX prefix counts only directly before the opcode (SDM Vol 2, 2.2.1).
        while (kind <= BYTE_KIND.lastPrefix && kind !== BYTE_KIND.opcode) {
          if (kind === BYTE_KIND.rex) {
            rex = opcode;
          } else {
            rex = 0;
            if (kind <= BYTE_KIND.lastSegment) {
              flags = (flags & ~(7 << ROW_FLAGS.segmentPrefixShift)) | (kind << ROW_FLAGS.segmentPrefixShift);
              if (!mode64 || kind > SEGMENT.ds + 1) segment = kind - 1;
            } else if (kind === BYTE_KIND.operandSize) flags |= PREFIX.operandSize;
            else if (kind === BYTE_KIND.addressSize) flags |= PREFIX.addressSize;
            else if (kind === BYTE_KIND.lock) flags |= PREFIX.lock;
            else if (kind === BYTE_KIND.rep) flags = (flags & ~PREFIX.repne) | PREFIX.rep;
            else flags = (flags & ~PREFIX.rep) | PREFIX.repne;
          }
          if (next - at >= MAX_LENGTH) {
            reason = INVALID_REASON.tooLong;
            break invalid;
          }
          opcode = bytes[next++]!;
          kind = kinds[opcode]!;
        }
        if (rex !== 0) flags |= (rex & 8) !== 0 ? PREFIX.rex | PREFIX.rexW : PREFIX.rex;
        if ((flags & (PREFIX.rep | PREFIX.repne | PREFIX.operandSize)) !== 0) {
          pp = (flags & PREFIX.rep) !== 0 ? 2 : (flags & PREFIX.repne) !== 0 ? 3 : 1;
        }
        if (kind === BYTE_KIND.escape) {
          opcode = bytes[next++]!;
          map = 1;
          if (opcode === 0x38 || opcode === 0x3a) {
            map = opcode === 0x38 ? 2 : 3;
            opcode = bytes[next++]!;
          } else if (opcode === 0x0f) map = MAP_3DNOW;
        } else if (kind !== BYTE_KIND.opcode && (mode64 || bytes[next]! >= 0xc0 || kind === BYTE_KIND.xop)) {
          // VEX, EVEX and XOP. Outside of 64-bit mode, LES, LDS and BOUND with a register are what they take the place of.
          if (kind !== BYTE_KIND.xop || (bytes[next]! & 0x1f) >= 8) {
            if ((flags & (PREFIX.lock | PREFIX.rep | PREFIX.repne | PREFIX.operandSize)) !== 0 || rex !== 0) {
              reason = INVALID_REASON.prefixBeforeVex;
              break invalid;
            }
            const p0 = bytes[next++]!;
            if (kind === BYTE_KIND.vex2) {
              rex = mode64 ? (~p0 >> 5) & 4 : 0;
              vvvv = (~p0 >> 3) & 15;
              vectorLength = (p0 >> 2) & 1;
              pp = p0 & 3;
              map = MAP_VEX + 1;
              flags |= ENCODING.VEX << ROW_FLAGS.encodingShift;
            } else {
              rex = mode64 ? (~p0 >> 5) & 7 : 0;
              const p1 = bytes[next++]!;
              vvvv = (~p1 >> 3) & 15;
              pp = p1 & 3;
              rex |= (p1 >> 4) & 8;
              if (kind === BYTE_KIND.evex) {
                const p2 = bytes[next++]!;
                const m = p0 & 7;
                if ((p0 & 8) !== 0 || (p1 & 4) === 0 || m === 0 || m === 4 || m === 7) {
                  reason = INVALID_REASON.reservedBits;
                  break invalid;
                }
                if (mode64) high = ((~p0 >> 4) & 1) | ((rex & 2) !== 0 ? 2 : 0) | ((~p2 >> 1) & 4);
                else if ((p2 & 8) === 0) {
                  reason = INVALID_REASON.vvvv;
                  break invalid;
                }
                vectorLength = (p2 >> 5) & 3;
                map = m < 4 ? MAP_EVEX + m : MAP_EVEX_5 + m;
                flags |=
                  (ENCODING.EVEX << ROW_FLAGS.encodingShift) |
                  ((p2 & 7) << ROW_FLAGS.maskShift) |
                  (vectorLength << ROW_FLAGS.roundingShift);
                if ((p2 & 0x10) !== 0) flags |= ROW_FLAGS.evexB;
                if ((p2 & 0x80) !== 0) flags |= ROW_FLAGS.zeroing;
              } else {
                vectorLength = (p1 >> 2) & 1;
                const m = p0 & 0x1f;
                if (kind === BYTE_KIND.vex3) {
                  if (m === 0 || m > 3) {
                    reason = INVALID_REASON.reservedBits;
                    break invalid;
                  }
                  map = MAP_VEX + m;
                  flags |= ENCODING.VEX << ROW_FLAGS.encodingShift;
                } else {
                  if (m > 10) {
                    reason = INVALID_REASON.reservedBits;
                    break invalid;
                  }
                  map = MAP_XOP + m;
                  flags |= ENCODING.XOP << ROW_FLAGS.encodingShift;
                }
              }
              if ((rex & 8) !== 0) flags |= PREFIX.rexW;
            }
            opcode = bytes[next++]!;
          }
        }
      }

      // Sizes as 16 << n, here only by prefixes.
      let operandSize = (flags & PREFIX.operandSize) !== 0 ? defaultSize ^ 1 : defaultSize;
      if ((rex & 8) !== 0 && mode64) operandSize = 2;

      // Down the tree to the form.
      let suffix = next;
      if (map === MAP_3DNOW) {
        // The opcode stands behind the operands: find out where.
        modrm = bytes[next]!;
        const rm = modrm & 7;
        const mod = modrm >> 6;
        suffix = next + 1;
        if (mod !== 3) {
          if (((flags & PREFIX.addressSize) !== 0 ? otherAddress : defaultAddress) === 0) {
            suffix += mod === 1 ? 1 : mod === 2 || rm === 6 ? 2 : 0;
          } else {
            const sib = rm === 4 ? bytes[suffix++]! & 7 : rm;
            suffix += mod === 1 ? 1 : mod === 2 || sib === 5 ? 4 : 0;
          }
        }
        opcode = bytes[suffix]!;
        flags |= ENCODING["3DNow"] << ROW_FLAGS.encodingShift;
      }
      let entry = TREE[roots + (map << 8) + opcode]!;
      while (entry >= NODE_BIT) {
        const node = entry - NODE_BIT;
        let child = 0;
        switch (TREE[node]!) {
          case NODE.prefix:
            child = pp;
            break;
          case NODE.mod:
            modrm = bytes[next]!;
            child = modrm >= 0xc0 ? 1 : 0;
            break;
          case NODE.reg:
            modrm = bytes[next]!;
            child = (modrm >> 3) & 7;
            break;
          case NODE.modReg:
            modrm = bytes[next]!;
            child = ((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0);
            break;
          case NODE.modrm:
            modrm = bytes[next]!;
            child = modrm >= 0xc0 ? (modrm & 63) + 8 : (modrm >> 3) & 7;
            break;
          case NODE.operandSize:
            child = operandSize;
            break;
          case NODE.length:
            modrm = bytes[next]!;
            child = (flags & ROW_FLAGS.evexB) !== 0 && modrm >= 0xc0 ? 2 : vectorLength;
            break;
          case NODE.w:
            child = (rex >> 3) & 1;
            break;
          default:
            child = rex & 1;
        }
        entry = TREE[node + 1 + child]!;
      }
      if (entry === 0) {
        if (modrm >= 0) next = (map === MAP_3DNOW ? suffix : next) + 1;
        break invalid;
      }
      const info = BITS[entry]!;

      if ((info & (FORM_BITS.force64 | FORM_BITS.default64 | FORM_BITS.consumes66)) !== 0) {
        if ((info & FORM_BITS.consumes66) !== 0 && (rex & 8) === 0) operandSize = defaultSize;
        if (mode64) {
          if ((info & FORM_BITS.force64) !== 0) operandSize = 2;
          else if ((info & FORM_BITS.default64) !== 0 && operandSize === 1) operandSize = 2;
        }
      }
      const addressSize = (flags & PREFIX.addressSize) !== 0 ? otherAddress : defaultAddress;
      flags |= (operandSize << ROW_FLAGS.operandSizeShift) | (addressSize << ROW_FLAGS.addressSizeShift);
      flags |= segment < 0 ? SEGMENT_DS : segment << ROW_FLAGS.segmentShift;

      let registers = 3 | NO_BASE | NO_INDEX;
      let displacement = 0;
      if ((info & FORM_BITS.modrm) !== 0) {
        modrm = bytes[next++]!;
        let mod = modrm >> 6;
        let reg = ((modrm >> 3) & 7) | ((rex & 4) << 1) | ((high & 1) << 4);
        const rm = (modrm & 7) | ((rex & 1) << 3);
        const special = (info >> FORM_BITS.specialRegShift) & FORM_BITS.specialRegMask;
        if (special !== SPECIAL_REG.none) {
          if (special <= SPECIAL_REG.segmentDestination) {
            reg &= 7;
            if (reg > SEGMENT.gs || (special === SPECIAL_REG.segmentDestination && reg === SEGMENT.cs)) {
              reason = INVALID_REASON.register;
              break invalid;
            }
          } else if (
            special === SPECIAL_REG.below16
              ? reg > 15
              : special === SPECIAL_REG.control
                ? ((CONTROL_REGISTERS >> reg) & 1) === 0
                : reg > 7
          ) {
            reason = INVALID_REASON.register;
            break invalid;
          }
          // ModRM.mod is ignored (SDM Vol 2, MOV to and from control and debug registers).
          if ((info & FORM_BITS.ignoresMod) !== 0) mod = 3;
        }
        if ((flags & PREFIX.lock) !== 0 && ((info & FORM_BITS.lock) === 0 || mod === 3)) {
          reason = INVALID_REASON.lock;
          break invalid;
        }
        if (mod !== 3) {
          let displacementSize = mod === 1 ? 1 : mod === 2 ? 4 : 0;
          let base = rm;
          registers = NO_INDEX;
          if (addressSize !== 0) {
            let low = modrm & 7;
            if (low === 4) {
              const sib = bytes[next++]!;
              low = sib & 7;
              base = low | ((rex & 1) << 3);
              let index = ((sib >> 3) & 7) | ((rex & 2) << 2);
              if ((info & FORM_BITS.vsib) !== 0) index |= (high & 4) << 2;
              else if (index === 4) index = 63;
              registers = (index << ROW_REGISTERS.indexShift) | ((sib >> 6) << ROW_REGISTERS.scaleShift);
              if (low === 5 && mod === 0) {
                base = 63;
                displacementSize = 4;
              }
            } else if (low === 5 && mod === 0) {
              base = mode64 ? 32 : 63;
              displacementSize = 4;
            }
            if (segment < 0 && (base === 4 || base === 5)) flags ^= SEGMENT_DS ^ SEGMENT_SS;
          } else {
            const form16 = modrm & 7;
            if (form16 === 6 && mod === 0) {
              displacementSize = 2;
              base = 63;
            } else {
              base = BASE_16[form16]!;
              registers = INDEX_16[form16]! << ROW_REGISTERS.indexShift;
              if (segment < 0 && base === 5) flags ^= SEGMENT_DS ^ SEGMENT_SS;
              if (mod === 2) displacementSize = 2;
            }
          }
          registers |= base << ROW_REGISTERS.baseShift;
          if (displacementSize === 1) displacement = (bytes[next++]! << 24) >> 24;
          else if (displacementSize === 4) {
            displacement =
              bytes[next]! | (bytes[next + 1]! << 8) | (bytes[next + 2]! << 16) | (bytes[next + 3]! << 24);
            next += 4;
          } else if (displacementSize === 2) {
            displacement = bytes[next]! | (bytes[next + 1]! << 8);
            if (base !== 63) displacement = (displacement << 16) >> 16;
            next += 2;
          }
        }
        registers |= mod | (reg << ROW_REGISTERS.regShift) | (rm << ROW_REGISTERS.rmShift);

        if (map >= FIRST_VECTOR_MAP) {
          if ((info & FORM_BITS.vvvv) === 0) {
            if (vvvv !== 0 || ((high & 4) !== 0 && (info & FORM_BITS.vsib) === 0)) {
              reason = INVALID_REASON.vvvv;
              break invalid;
            }
          } else {
            if (!mode64) vvvv &= 7;
            else if ((info & FORM_BITS.vsib) === 0) vvvv |= (high & 4) << 2;
            if ((info & FORM_BITS.vvvvBelow8) !== 0 && vvvv > 7) {
              reason = INVALID_REASON.register;
              break invalid;
            }
          }
          if (map > MAP_EVEX && map <= MAP_EVEX_5 + 6) {
            const rules = FORM_RULES[entry]!;
            if (mod === 3) {
              if ((high & 2) !== 0) registers |= 16 << ROW_REGISTERS.rmShift;
              if ((flags & ROW_FLAGS.evexB) !== 0) vectorLength = 2;
            } else if ((modrm >> 6) === 1) {
              displacement =
                displacement <<
                ((flags & ROW_FLAGS.evexB) !== 0
                  ? (rules >> RULES.broadcastShift) & RULES.broadcastMask
                  : (rules & RULES.disp8Mask) +
                    ((rules & RULES.disp8ByLength) !== 0 ? vectorLength : 0) +
                    ((rules & RULES.disp8ByW) !== 0 && operandSize === 2 ? 1 : 0));
            }
          }
          flags |= vectorLength << ROW_FLAGS.vectorLengthShift;
          registers |= vvvv << ROW_REGISTERS.vvvvShift;
        } else if (map === MAP_3DNOW) next = suffix + 1;
        if ((info & FORM_BITS.hasRules) !== 0) {
          reason = violation(FORM_RULES[entry]!, info, flags, registers, modrm);
          if (reason !== INVALID_REASON.none) break invalid;
        }
      } else {
        if ((flags & PREFIX.lock) !== 0) {
          reason = INVALID_REASON.lock;
          break invalid;
        }
        if ((info & FORM_BITS.registerInOpcode) !== 0) {
          registers |= ((opcode & 7) | ((rex & 1) << 3)) << ROW_REGISTERS.rmShift;
        } else if ((info >> FORM_BITS.stringShift) & FORM_BITS.stringMask & 2) {
          flags = (flags & ~SEGMENT_MASK) | SEGMENT_ES;
        }
        if (map >= FIRST_VECTOR_MAP) {
          if (vvvv !== 0) {
            reason = INVALID_REASON.vvvv;
            break invalid;
          }
          flags |= vectorLength << ROW_FLAGS.vectorLengthShift;
        }
      }

      let immediate = 0;
      let immediate2 = 0;
      let immediateKind = (info >> FORM_BITS.immediateShift) & FORM_BITS.immediateMask;
      if (immediateKind === IMMEDIATE.upTo64 && operandSize !== 2) immediateKind = IMMEDIATE.upTo32;
      switch (immediateKind) {
        case IMMEDIATE.none:
          break;
        case IMMEDIATE.byte:
          immediate = bytes[next++]!;
          break;
        case IMMEDIATE.register:
          immediate = bytes[next++]!;
          if (!mode64) immediate &= 0x7f;
          break;
        case IMMEDIATE.signedByte:
          immediate = (bytes[next++]! << 24) >> 24;
          immediate2 = immediate >> 31;
          break;
        case IMMEDIATE.word:
          immediate = bytes[next]! | (bytes[next + 1]! << 8);
          next += 2;
          break;
        case IMMEDIATE.wordAndByte:
          immediate = bytes[next]! | (bytes[next + 1]! << 8);
          immediate2 = bytes[next + 2]!;
          next += 3;
          break;
        case IMMEDIATE.twoBytes:
          immediate = bytes[next]!;
          immediate2 = bytes[next + 1]!;
          next += 2;
          break;
        case IMMEDIATE.dword:
          immediate = bytes[next]! | (bytes[next + 1]! << 8) | (bytes[next + 2]! << 16) | (bytes[next + 3]! << 24);
          next += 4;
          break;
        case IMMEDIATE.upTo64:
          immediate = bytes[next]! | (bytes[next + 1]! << 8) | (bytes[next + 2]! << 16) | (bytes[next + 3]! << 24);
          immediate2 = bytes[next + 4]! | (bytes[next + 5]! << 8) | (bytes[next + 6]! << 16) | (bytes[next + 7]! << 24);
          next += 8;
          break;
        case IMMEDIATE.upTo32:
        case IMMEDIATE.branch:
          immediate = bytes[next]! | (bytes[next + 1]! << 8);
          if (operandSize === 0) {
            if (immediateKind === IMMEDIATE.branch) {
              immediate = (immediate << 16) >> 16;
              immediate2 = immediate >> 31;
            }
            next += 2;
          } else {
            immediate |= (bytes[next + 2]! << 16) | (bytes[next + 3]! << 24);
            immediate2 = immediate >> 31;
            next += 4;
          }
          break;
        case IMMEDIATE.farPointer:
          immediate = bytes[next]! | (bytes[next + 1]! << 8);
          next += 2;
          if (operandSize !== 0) {
            immediate |= (bytes[next]! << 16) | (bytes[next + 1]! << 24);
            next += 2;
          }
          immediate2 = bytes[next]! | (bytes[next + 1]! << 8);
          next += 2;
          break;
        default:
          // Memory at a direct offset.
          registers &= ~3;
          displacement = bytes[next]! | (bytes[next + 1]! << 8);
          if (addressSize === 0) next += 2;
          else {
            displacement |= (bytes[next + 2]! << 16) | (bytes[next + 3]! << 24);
            next += 4;
            immediate2 = displacement >> 31;
            if (addressSize === 2) {
              immediate2 = bytes[next]! | (bytes[next + 1]! << 8) | (bytes[next + 2]! << 16) | (bytes[next + 3]! << 24);
              next += 4;
            }
          }
      }

      if (next - at > MAX_LENGTH) {
        reason = INVALID_REASON.tooLong;
        break invalid;
      }
      if (next > end) {
        out.next = at + origin;
        return row;
      }
      offset[row] = at + origin;
      length[row] = next - at;
      form[row] = entry;
      rowFlags[row] = flags;
      rowRegisters[row] = registers;
      rowDisplacement[row] = displacement;
      rowImmediate[row] = immediate;
      rowImmediate2[row] = immediate2;
      row++;
      at = next;
      continue;
    }

    // Whether bytes beyond the range had a part in this, nobody can tell: it is truncated, not invalid.
    if (next > end) {
      out.next = at + origin;
      return row;
    }
    offset[row] = at + origin;
    length[row] = 1;
    form[row] = 0;
    rowFlags[row] = reason;
    rowRegisters[row] = 3;
    rowDisplacement[row] = 0;
    rowImmediate[row] = 0;
    rowImmediate2[row] = 0;
    row++;
    at++;
  }
  out.next = at + origin;
  return row;
}
