import { INVALID_REASON, PREFIX } from "./constants.ts";
import { FORM_BITS, RULES } from "./layout.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";

const field = (registers: number, shift: number): number => (registers >> shift) & 31;

/** Whether the registers that a form wants to be different are so (SDM Vol 2, VGATHERDPS, TDPBSSD, VFCMADDCPH). */
function sharesRegister(rules: number, info: number, registers: number): boolean {
  const reg = field(registers, ROW_REGISTERS.regShift);
  const rm = field(registers, ROW_REGISTERS.rmShift);
  const vvvv = field(registers, ROW_REGISTERS.vvvvShift);
  if ((rules & RULES.unique) !== 0) {
    const index = field(registers, ROW_REGISTERS.indexShift);
    const hasMask = (info & FORM_BITS.vvvv) !== 0;
    return reg === index || (hasMask && (reg === vvvv || index === vvvv));
  }
  if ((rules & RULES.uniqueDestination) !== 0) {
    return ((info & FORM_BITS.vvvv) !== 0 && reg === vvvv) || ((registers & 3) === 3 && reg === rm);
  }
  if ((rules & RULES.uniqueTiles) !== 0) return reg === (rm & 7) || reg === vvvv || (rm & 7) === vvvv;
  return false;
}

/** INVALID_REASON of an EVEX or otherwise restricted instruction whose row is `flags` and `registers`. */
export function violation(rules: number, info: number, flags: number, registers: number, modrm: number): number {
  const memory = (registers & 3) !== 3;
  const mask = (flags >> ROW_FLAGS.maskShift) & 7;
  if (mask === 0 ? (rules & RULES.maskRequired) !== 0 : (rules & RULES.masking) === 0) return INVALID_REASON.mask;
  if ((flags & ROW_FLAGS.zeroing) !== 0) {
    if (mask === 0 || (rules & RULES.zeroing) === 0) return INVALID_REASON.mask;
    if (memory && (rules & RULES.destinationInRm) !== 0) return INVALID_REASON.mask;
  }
  if ((flags & ROW_FLAGS.evexB) !== 0) {
    const allowed = memory ? RULES.broadcastMask << RULES.broadcastShift : RULES.embeddedRounding;
    if ((rules & allowed) === 0) return INVALID_REASON.broadcast;
  }
  if ((info & FORM_BITS.vsib) !== 0 || (rules & RULES.sibRequired) !== 0) {
    const address16 = ((flags >> ROW_FLAGS.addressSizeShift) & 3) === 0;
    if (address16 || (modrm & 7) !== 4) return INVALID_REASON.addressing;
  }
  if ((rules & RULES.no66) !== 0 && (flags & PREFIX.operandSize) !== 0) return INVALID_REASON.opcode;
  if ((rules & RULES.address32) !== 0 && ((flags >> ROW_FLAGS.addressSizeShift) & 3) !== 1)
    return INVALID_REASON.addressing;
  if ((rules & RULES.rmBelow8) !== 0 && field(registers, ROW_REGISTERS.rmShift) > 7) return INVALID_REASON.register;
  return sharesRegister(rules, info, registers) ? INVALID_REASON.sameRegister : INVALID_REASON.none;
}
