import { INVALID_REASON, PREFIX, SEGMENT } from "./constants.ts";
import {
  EXTEND_MASK as EXTEND_MASK_TABLE,
  EXTEND_SHIFT as EXTEND_SHIFT_TABLE,
  IMMEDIATE_BYTES as IMMEDIATE_BYTES_TABLE,
  IMMEDIATE_MASK as IMMEDIATE_MASK_TABLE,
  IMMEDIATE_SIGN as IMMEDIATE_SIGN_TABLE,
  MODRM_REX_B as MODRM_REX_B_TABLE,
  MODRM_ROW_64 as MODRM_ROW_64_TABLE,
  MODRM_ROW_LEGACY as MODRM_ROW_LEGACY_TABLE,
  MODRM_TAIL as MODRM_TAIL_TABLE,
  NO_BASE,
  NO_INDEX,
  SIZE_RULES as SIZE_RULES_TABLE,
  TAIL,
} from "./decode-tables.ts";
import { findForm } from "./find-form.ts";
import { violation } from "./form-rules.ts";
import { BITS as BITS_TABLE, FORM_RULES as FORM_RULES_TABLE } from "./generated/decode-tables.ts";
import { ENCODING, FORM_BITS, IMMEDIATE, MAP_INDEX, RULES, SPECIAL_REG } from "./layout.ts";
import { HIGH, MAP_3DNOW, MAX_LENGTH, type Opcode, readOpcode } from "./opcode.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";
import type { InstructionRows } from "./rows.ts";

// Constants of this module V8 has the addresses of in its code; imported ones it loads at each use.
const BITS = BITS_TABLE;
const FORM_RULES = FORM_RULES_TABLE;
const EXTEND_MASK = EXTEND_MASK_TABLE;
const EXTEND_SHIFT = EXTEND_SHIFT_TABLE;
const IMMEDIATE_BYTES = IMMEDIATE_BYTES_TABLE;
const IMMEDIATE_MASK = IMMEDIATE_MASK_TABLE;
const IMMEDIATE_SIGN = IMMEDIATE_SIGN_TABLE;
const MODRM_REX_B = MODRM_REX_B_TABLE;
const MODRM_ROW_64 = MODRM_ROW_64_TABLE;
const MODRM_ROW_LEGACY = MODRM_ROW_LEGACY_TABLE;
const MODRM_TAIL = MODRM_TAIL_TABLE;
const SIZE_RULES = SIZE_RULES_TABLE;

/** Base and index of the eight 16-bit addressing forms (SDM Vol 2, table 2-1); 63: none. */
const BASE_16: Uint8Array = /* @__PURE__ */ Uint8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX_16: Uint8Array = /* @__PURE__ */ Uint8Array.of(6, 7, 6, 7, 63, 63, 63, 63);

/** Control registers that exist: CR0, CR2, CR3, CR4, CR8. */
const CONTROL_REGISTERS = 0x11d;

/** Maps from here on are those of VEX, EVEX and XOP. */
const FIRST_VECTOR_MAP = MAP_INDEX["VEX 0F"]!;

const SEGMENT_DS = SEGMENT.ds << ROW_FLAGS.segmentShift;
const DS_TO_SS = (SEGMENT.ds ^ SEGMENT.ss) << ROW_FLAGS.segmentShift;
const SEGMENT_MASK = 7 << ROW_FLAGS.segmentShift;
const NO_MODRM = 3 | NO_BASE | NO_INDEX;

/**
 * Decodes the instruction at bytes[at], whatever it is, into row `row`, and returns the position behind the last byte
 * that it looked at. For bytes that are no instruction the row has form 0 and the reason.
 */
export function decodeLong(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  bits: 16 | 32 | 64,
  out: InstructionRows,
  row: number,
): number {
  const o = out.opcode;
  let reason = readOpcode(bytes, at, bits, out.apx, o);
  if (reason !== INVALID_REASON.none) return noInstruction(out, row, reason, o.next);

  const mode64 = bits === 64;
  // Sizes as 16 << n, here only by prefixes.
  const defaultSize = bits === 16 ? 0 : 1;
  const prefixedSize = (o.flags & PREFIX.operandSize) !== 0 ? defaultSize ^ 1 : defaultSize;
  let operandSize = (o.rex & 8) !== 0 && mode64 ? 2 : prefixedSize;
  const otherAddress = bits === 32 ? 0 : 1;
  const addressSize = (o.flags & PREFIX.addressSize) !== 0 ? otherAddress : bits >> 5;
  const form = findForm(bytes, operandSize, addressSize, mode64, o);
  if (form === 0) return noInstruction(out, row, INVALID_REASON.opcode, o.next);

  const info = BITS[form]!;
  const sizeRule = (info >> FORM_BITS.sizeRuleShift) & FORM_BITS.sizeRuleMask;
  operandSize = SIZE_RULES[(bits & ~31) | (sizeRule << 2) | operandSize]!;
  o.flags |=
    (operandSize << ROW_FLAGS.operandSizeShift) |
    (addressSize << ROW_FLAGS.addressSizeShift) |
    (o.segment < 0 ? SEGMENT_DS : o.segment << ROW_FLAGS.segmentShift);

  out.registers[row] = NO_MODRM;
  out.displacement[row] = 0;
  if ((info & FORM_BITS.modrm) !== 0) {
    const modrm = bytes[o.next++]!;
    // MOV to and from control and debug registers ignores ModRM.mod (SDM Vol 2): no SIB, no displacement.
    const effective = (info & FORM_BITS.ignoresMod) !== 0 ? modrm | 0xc0 : modrm;
    if (addressSize === 0) readModrm16(view, effective, o, out, row);
    else readModrm(bytes, view, effective, info, mode64, o, out, row);
    reason = checkOperands(form, info, modrm, mode64, operandSize, o, out, row);
    // The opcode of 3DNow! stands here.
    if (o.map === MAP_3DNOW) o.next++;
  } else {
    reason = withoutModrm(info, o, out, row);
  }
  if (reason !== INVALID_REASON.none) return noInstruction(out, row, reason, o.next);

  readImmediate(bytes, view, info, operandSize, addressSize, mode64, o, out, row);
  if (o.next - at > MAX_LENGTH) return noInstruction(out, row, INVALID_REASON.tooLong, o.next);
  out.length[row] = o.next - at;
  out.form[row] = form;
  out.flags[row] = o.flags;
  return o.next;
}

function noInstruction(out: InstructionRows, row: number, reason: number, next: number): number {
  out.length[row] = 1;
  out.form[row] = 0;
  out.flags[row] = reason;
  out.registers[row] = 3;
  out.displacement[row] = 0;
  out.immediate[row] = 0;
  out.immediate2[row] = 0;
  return next;
}

/** ModRM, SIB and displacement with 32- and 64-bit addressing (SDM Vol 2, tables 2-2 and 2-3). */
function readModrm(
  bytes: Uint8Array,
  view: DataView,
  modrm: number,
  info: number,
  mode64: boolean,
  o: Opcode,
  out: InstructionRows,
  row: number,
): void {
  const { rex, high, segment } = o;
  const tail = MODRM_TAIL[modrm]!;
  const fourth = (high & HIGH.rm) !== 0 ? 16 : 0;
  let size = tail & TAIL.sizeMask;
  let registers =
    (mode64 ? MODRM_ROW_64 : MODRM_ROW_LEGACY)[modrm]! |
    (MODRM_REX_B[modrm]! & -(rex & 1)) |
    ((rex & 4) << (ROW_REGISTERS.regShift + 1)) |
    ((high & HIGH.reg) << (ROW_REGISTERS.regShift + 4)) |
    (fourth << ROW_REGISTERS.rmShift);
  if ((tail & TAIL.sib) !== 0) {
    const sib = bytes[o.next++]!;
    let base = (sib & 7) | ((rex & 1) << 3) | fourth;
    let index = ((sib >> 3) & 7) | ((rex & 2) << 2) | ((high & HIGH.index) << 1);
    if ((info & FORM_BITS.vsib) !== 0) index |= (high & HIGH.vvvv) << 2;
    else if (index === 4) index = 63;
    if (modrm < 0x40 && (sib & 7) === 5) {
      base = 63;
      size = 4;
    } else if ((base === 4 || base === 5) && segment < 0) o.flags ^= DS_TO_SS;
    registers =
      (registers & ~NO_INDEX) |
      (base << ROW_REGISTERS.baseShift) |
      (index << ROW_REGISTERS.indexShift) |
      ((sib >> 6) << ROW_REGISTERS.scaleShift);
  } else if (fourth !== 0 && ((registers >> ROW_REGISTERS.baseShift) & 63) < 32) {
    registers |= 16 << ROW_REGISTERS.baseShift;
  } else if ((tail & TAIL.stackSegment) !== 0 && (rex & 1) === 0 && segment < 0) o.flags ^= DS_TO_SS;
  const shift = EXTEND_SHIFT[size]!;
  out.registers[row] = registers;
  out.displacement[row] = ((view.getInt32(o.next, true) << shift) >> shift) & EXTEND_MASK[size]!;
  o.next += size;
}

/** ModRM and displacement with 16-bit addressing (SDM Vol 2, table 2-1). */
function readModrm16(view: DataView, modrm: number, o: Opcode, out: InstructionRows, row: number): void {
  let registers =
    (modrm >> 6) | (((modrm >> 3) & 7) << ROW_REGISTERS.regShift) | ((modrm & 7) << ROW_REGISTERS.rmShift);
  if (modrm >= 0xc0) registers |= NO_BASE | NO_INDEX;
  else if ((modrm & 0xc7) === 6) {
    registers |= NO_BASE | NO_INDEX;
    out.displacement[row] = view.getUint16(o.next, true);
    o.next += 2;
  } else {
    const base = BASE_16[modrm & 7]!;
    registers |= (base << ROW_REGISTERS.baseShift) | (INDEX_16[modrm & 7]! << ROW_REGISTERS.indexShift);
    if (base === 5 && o.segment < 0) o.flags ^= DS_TO_SS;
    if (modrm >= 0x80) {
      out.displacement[row] = view.getInt16(o.next, true);
      o.next += 2;
    } else if (modrm >= 0x40) out.displacement[row] = view.getInt8(o.next++);
  }
  out.registers[row] = registers;
}

/** What a form demands of ModRM, LOCK, vvvv and EVEX; completes the row's registers, flags and disp8*N. */
function checkOperands(
  form: number,
  info: number,
  modrm: number,
  mode64: boolean,
  operandSize: number,
  o: Opcode,
  out: InstructionRows,
  row: number,
): number {
  const isMemory = (out.registers[row]! & 3) !== 3;
  const special = (info >> FORM_BITS.specialRegShift) & FORM_BITS.specialRegMask;
  if (special !== SPECIAL_REG.none) {
    const reg = (out.registers[row]! >> ROW_REGISTERS.regShift) & 31;
    // A segment register's number has three bits; REX.R is ignored.
    if (special <= SPECIAL_REG.segmentDestination) out.registers[row]! &= ~(24 << ROW_REGISTERS.regShift);
    if (!registerExists(special, reg)) return INVALID_REASON.register;
  }
  if ((o.flags & PREFIX.lock) !== 0 && ((info & FORM_BITS.lock) === 0 || !isMemory)) return INVALID_REASON.lock;
  if (o.map >= FIRST_VECTOR_MAP) {
    if ((info & FORM_BITS.vvvv) === 0) {
      if (o.vvvv !== 0) return INVALID_REASON.vvvv;
      if ((o.high & HIGH.vvvv) !== 0 && (info & FORM_BITS.vsib) === 0) return INVALID_REASON.vvvv;
    } else {
      if (!mode64) o.vvvv &= 7;
      else if ((info & FORM_BITS.vsib) === 0) o.vvvv |= (o.high & HIGH.vvvv) << 2;
      if ((info & FORM_BITS.vvvvBelow8) !== 0 && o.vvvv > 7) return INVALID_REASON.register;
    }
    if (((o.flags >> ROW_FLAGS.encodingShift) & 7) === ENCODING.EVEX) {
      if (isMemory) {
        if (modrm >> 6 === 1) out.displacement[row]! <<= disp8Shift(FORM_RULES[form]!, operandSize, o);
      } else {
        if ((o.high & HIGH.vectorRm) !== 0) out.registers[row]! |= 16 << ROW_REGISTERS.rmShift;
        // Rounding and suppressed exceptions imply 512 bits, or a scalar (SDM Vol 2, 2.7.12).
        if ((o.flags & ROW_FLAGS.evexB) !== 0) o.vectorLength = 2;
      }
    }
    o.flags |= o.vectorLength << ROW_FLAGS.vectorLengthShift;
    out.registers[row]! |= o.vvvv << ROW_REGISTERS.vvvvShift;
  }
  if ((info & FORM_BITS.hasRules) === 0) return INVALID_REASON.none;
  return violation(FORM_RULES[form]!, info, o.flags, out.registers[row]!, modrm);
}

function registerExists(special: number, reg: number): boolean {
  switch (special) {
    case SPECIAL_REG.segment:
      return (reg & 7) <= SEGMENT.gs;
    case SPECIAL_REG.segmentDestination:
      return (reg & 7) <= SEGMENT.gs && (reg & 7) !== SEGMENT.cs;
    case SPECIAL_REG.control:
      return ((CONTROL_REGISTERS >> reg) & 1) !== 0;
    case SPECIAL_REG.below16:
      return reg < 16;
    default:
      return reg < 8;
  }
}

/** Logarithm of the factor of an 8-bit displacement (SDM Vol 2, 2.7.5). */
function disp8Shift(rules: number, operandSize: number, { flags, vectorLength }: Opcode): number {
  if ((flags & ROW_FLAGS.evexB) !== 0) return (rules >> RULES.broadcastShift) & RULES.broadcastMask;
  return (
    (rules & RULES.disp8Mask) +
    ((rules & RULES.disp8ByLength) !== 0 ? vectorLength : 0) +
    ((rules & RULES.disp8ByW) !== 0 && operandSize === 2 ? 1 : 0)
  );
}

/** The same for forms that have no ModRM byte. */
function withoutModrm(info: number, o: Opcode, out: InstructionRows, row: number): number {
  if ((o.flags & PREFIX.lock) !== 0) return INVALID_REASON.lock;
  if ((info & FORM_BITS.registerInOpcode) !== 0) {
    const register = (o.opcode & 7) | ((o.rex & 1) << 3) | ((o.high & HIGH.rm) !== 0 ? 16 : 0);
    out.registers[row]! |= register << ROW_REGISTERS.rmShift;
  } else if ((info >> FORM_BITS.stringShift) & FORM_BITS.stringMask & 2) {
    o.flags = (o.flags & ~SEGMENT_MASK) | (SEGMENT.es << ROW_FLAGS.segmentShift);
  }
  if (o.map >= FIRST_VECTOR_MAP) {
    if (o.vvvv !== 0) return INVALID_REASON.vvvv;
    o.flags |= o.vectorLength << ROW_FLAGS.vectorLengthShift;
  }
  return INVALID_REASON.none;
}

function readImmediate(
  bytes: Uint8Array,
  view: DataView,
  info: number,
  operandSize: number,
  addressSize: number,
  mode64: boolean,
  o: Opcode,
  out: InstructionRows,
  row: number,
): void {
  const { next } = o;
  let kind = (info >> FORM_BITS.immediateShift) & FORM_BITS.immediateMask;
  if (kind === IMMEDIATE.upTo64 && operandSize !== 2) kind = IMMEDIATE.upTo32;
  if (kind < IMMEDIATE.firstComplex) {
    const at = (kind << 2) | operandSize;
    const size = IMMEDIATE_BYTES[at]!;
    const shift = EXTEND_SHIFT[size]!;
    const extended = (view.getInt32(next, true) << shift) >> shift;
    out.immediate[row] = extended & IMMEDIATE_MASK[at]!;
    out.immediate2[row] = (extended >> 31) & IMMEDIATE_SIGN[at]!;
    o.next = next + size;
    return;
  }
  let immediate = 0;
  let immediate2 = 0;
  switch (kind) {
    case IMMEDIATE.register:
      immediate = mode64 ? bytes[next]! : bytes[next]! & 0x7f;
      o.next += 1;
      break;
    case IMMEDIATE.twoBytes:
      immediate = bytes[next]!;
      immediate2 = bytes[next + 1]!;
      o.next += 2;
      break;
    case IMMEDIATE.wordAndByte:
      immediate = view.getUint16(next, true);
      immediate2 = bytes[next + 2]!;
      o.next += 3;
      break;
    case IMMEDIATE.farPointer:
      immediate = operandSize === 0 ? view.getUint16(next, true) : view.getInt32(next, true);
      o.next += operandSize === 0 ? 4 : 6;
      immediate2 = view.getUint16(o.next - 2, true);
      break;
    case IMMEDIATE.moffs:
      // Memory at a direct offset.
      out.registers[row]! &= ~3;
      out.displacement[row] = addressSize === 0 ? view.getUint16(next, true) : view.getInt32(next, true);
      if (addressSize === 2) immediate2 = view.getInt32(next + 4, true);
      else if (addressSize === 1) immediate2 = out.displacement[row]! >> 31;
      o.next += 2 << addressSize;
      break;
    default:
      immediate = view.getInt32(next, true);
      immediate2 = view.getInt32(next + 4, true);
      o.next += 8;
  }
  out.immediate[row] = immediate;
  out.immediate2[row] = immediate2;
}
