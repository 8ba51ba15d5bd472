import { PREFIX, SEGMENT } from "./constants.ts";
import { decodeLong } from "./decode-long.ts";
import * as tables from "./decode-tables.ts";
import * as generated from "./generated/decode-tables.ts";
import { FORM_BITS, IMMEDIATE, MAPS as MAP_COUNT, NODE, NODE_BIT as NODE_MARK } from "./layout.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";
import type { InstructionRows } from "./rows.ts";

// Constants of this module V8 puts into the code as numbers and addresses; imported ones and fields of objects it loads
// at each use, which made the short path half as slow again (`pnpm bench decoder`).
const { BITS, TREE } = generated;
const { EXTEND_SHIFT, MODRM_REX_B, MODRM_ROW_64, MODRM_ROW_LEGACY, MODRM_TAIL, NO_BASE, NO_INDEX } = tables;
const { TAIL } = tables;
const MAPS = MAP_COUNT;
const NODE_BIT = NODE_MARK;

/** More than any read can reach from the start of an instruction: 15 bytes of prefixes, then 3 + 1 + 1 + 4 + 8. */
export const READ_AHEAD = 32;

/** Equal to no byte's upper half. */
const NO_REX_ROW = 0x100;
const FORM_MODRM = FORM_BITS.modrm;
const FORM_REGISTER = FORM_BITS.registerInOpcode;
const IMMEDIATE_64 = IMMEDIATE.upTo64;
const FORM_IMMEDIATE = FORM_BITS.immediateShift;
const FORM_NOT_SHORT = FORM_BITS.notShort;
const FORM_SIZE_64 = FORM_BITS.default64 | FORM_BITS.force64;
const FLAGS_OPERAND_SIZE = ROW_FLAGS.operandSizeShift;
const SIZE_64 = 2 << ROW_FLAGS.operandSizeShift;
const PREFIX_REX = PREFIX.rex;
const NODE_REG = NODE.reg;
const NODE_MOD = NODE.mod;
const NODE_MOD_REG = NODE.modReg;
const NODE_PREFIX = NODE.prefix;
const TAIL_SIZE = TAIL.sizeMask;
const TAIL_SIB = TAIL.sib;
const TAIL_STACK = TAIL.stackSegment;
const REX_R_SHIFT = ROW_REGISTERS.regShift + 1;
const RM_SHIFT = ROW_REGISTERS.rmShift;
const BASE_SHIFT = ROW_REGISTERS.baseShift;
const INDEX_SHIFT = ROW_REGISTERS.indexShift;
const SCALE_SHIFT = ROW_REGISTERS.scaleShift;
const NO_MODRM = 3 | NO_BASE | NO_INDEX;
const DS_TO_SS = (SEGMENT.ds ^ SEGMENT.ss) << ROW_FLAGS.segmentShift;

/** Immediates by kind, with an operand size of 32 or 64 bits; one that could have 64 bits has 32. */
const ofKind = (table: Int32Array): Int32Array =>
  Int32Array.from({ length: 8 }, (_, kind) => table[(kind === IMMEDIATE.upTo64 ? IMMEDIATE.upTo32 : kind) * 4 + 1]!);
const SHORT_IMMEDIATE_BYTES: Int32Array = /* @__PURE__ */ ofKind(tables.IMMEDIATE_BYTES);
const SHORT_IMMEDIATE_MASK: Int32Array = /* @__PURE__ */ ofKind(tables.IMMEDIATE_MASK);
const SHORT_IMMEDIATE_SIGN: Int32Array = /* @__PURE__ */ ofKind(tables.IMMEDIATE_SIGN);

const SEGMENT_DS = SEGMENT.ds << ROW_FLAGS.segmentShift;

/**
 * The decoder: fills rows of `out` from row `row` on with the instructions that start in bytes[at .. startLimit), each of
 * which may read up to `at` + READ_AHEAD, until the rows are full or an instruction reaches beyond `end`. Returns the
 * number of the first row that is not filled; `out.next` is the offset behind the last instruction. Offsets in rows are
 * `origin` more than positions in `bytes`.
 */
export function decodeRows(
  bytes: Uint8Array,
  view: DataView,
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
  const roots = mode64 ? MAPS * 256 : 0;
  const modrmRow = mode64 ? MODRM_ROW_64 : MODRM_ROW_LEGACY;
  const rexRow = mode64 ? 0x40 : NO_REX_ROW;
  // Without prefixes but REX the operand size is 32 bits, or 64 with REX.W.
  const shortFlags = ((bits >> 5) << ROW_FLAGS.modeShift) | ((bits >> 5) << ROW_FLAGS.addressSizeShift) | SEGMENT_DS;
  const shortSize = mode64 ? FORM_SIZE_64 : 0;

  while (at < startLimit && row < capacity) {
    if (bits !== 16) {
      // The short path: REX at most, one- or two-byte opcodes, ModRM, a plain immediate. Nine of ten instructions of real
      // code come through here; with few variables alive it takes half the time of the long one.
      let opcode = bytes[at]!;
      // 1 for a REX prefix: half of all instructions have one, which no branch predictor foresees.
      const isRex = (((opcode & 0xf0) ^ rexRow) - 1) >>> 31;
      const rex = opcode & -isRex;
      let next = at + isRex;
      opcode = bytes[next++]!;
      if (opcode === 0x0f) opcode = 0x100 + bytes[next++]!;
      let entry = TREE[roots + opcode]!;
      while (entry >= NODE_BIT) {
        const node = entry - NODE_BIT;
        const kind = TREE[node]!;
        if (kind === NODE_REG) entry = TREE[node + 1 + ((bytes[next]! >> 3) & 7)]!;
        else if (kind === NODE_MOD) entry = TREE[node + 1 + (bytes[next]! >= 0xc0 ? 1 : 0)]!;
        else if (kind === NODE_PREFIX) entry = TREE[node + 1]!;
        else if (kind === NODE_MOD_REG) {
          entry = TREE[node + 1 + ((bytes[next]! >> 3) & 7) + (bytes[next]! >= 0xc0 ? 8 : 0)]!;
        } else entry = 0;
      }
      const info = BITS[entry]!;
      if ((info & FORM_NOT_SHORT) === 0) {
        let registers = NO_MODRM;
        let displacement = 0;
        let flags = shortFlags | ((rex >> 1) & PREFIX_REX) | ((rex & 8) << 3);
        if ((info & FORM_MODRM) !== 0) {
          const modrm = bytes[next++]!;
          const tail = MODRM_TAIL[modrm]!;
          registers = modrmRow[modrm]! | (MODRM_REX_B[modrm]! & -(rex & 1)) | ((rex & 4) << REX_R_SHIFT);
          let size = tail & TAIL_SIZE;
          if ((tail & TAIL_SIB) !== 0) {
            const sib = bytes[next++]!;
            let base = (sib & 7) | ((rex & 1) << 3);
            let index = ((sib >> 3) & 7) | ((rex & 2) << 2);
            if (index === 4) index = 63;
            if (modrm < 0x40 && (sib & 7) === 5) {
              base = 63;
              size = 4;
            } else if (base === 4 || base === 5) flags ^= DS_TO_SS;
            registers =
              (registers & ~NO_INDEX) | (base << BASE_SHIFT) | (index << INDEX_SHIFT) | ((sib >> 6) << SCALE_SHIFT);
          } else if ((tail & TAIL_STACK) !== 0 && (rex & 1) === 0) flags ^= DS_TO_SS;
          if (size !== 0) {
            const shift = EXTEND_SHIFT[size]!;
            displacement = (view.getInt32(next, true) << shift) >> shift;
            next += size;
          }
        } else if ((info & FORM_REGISTER) !== 0) registers |= ((opcode & 7) | ((rex & 1) << 3)) << RM_SHIFT;
        let immediate = 0;
        let immediate2 = 0;
        const immediateKind = (info >> FORM_IMMEDIATE) & 7;
        if (immediateKind !== 0) {
          const size = SHORT_IMMEDIATE_BYTES[immediateKind]!;
          const shift = EXTEND_SHIFT[size]!;
          const extended = (view.getInt32(next, true) << shift) >> shift;
          immediate = extended & SHORT_IMMEDIATE_MASK[immediateKind]!;
          immediate2 = (extended >> 31) & SHORT_IMMEDIATE_SIGN[immediateKind]!;
          next += size;
        }
        if (next <= end && (immediateKind !== IMMEDIATE_64 || (rex & 8) === 0)) {
          offset[row] = at + origin;
          length[row] = next - at;
          form[row] = entry;
          rowFlags[row] = flags | ((info & shortSize) !== 0 ? SIZE_64 : (1 + ((rex >> 3) & 1)) << FLAGS_OPERAND_SIZE);
          rowRegisters[row] = registers;
          rowDisplacement[row] = displacement;
          rowImmediate[row] = immediate;
          rowImmediate2[row] = immediate2;
          row++;
          at = next;
          continue;
        }
      }
    }

    // Whether bytes beyond the range had a part in this, nobody can tell: it is truncated, not invalid.
    const next = decodeLong(bytes, view, at, bits, out, row);
    if (next > end) break;
    offset[row] = at + origin;
    at = form[row] === 0 ? at + 1 : next;
    row++;
  }
  out.next = at + origin;
  return row;
}
