/**
 * Fields of `InstructionRows.flags`: bits 0 to 6 are PREFIX, then (by lowest bit) the operand size and the address size as
 * 16 << n, the effective segment, the segment prefix + 1, the vector length as 128 << n, EVEX.b, EVEX.z, EVEX.aaa, ENCODING,
 * EVEX.L'L as encoded, and the mode's default size as 16 << n.
 */
export const ROW_FLAGS = {
  operandSizeShift: 7,
  addressSizeShift: 9,
  segmentShift: 11,
  segmentPrefixShift: 14,
  vectorLengthShift: 17,
  evexB: 0x80000,
  zeroing: 0x100000,
  maskShift: 21,
  encodingShift: 24,
  roundingShift: 27,
  modeShift: 29,
} as const;

/**
 * Fields of `InstructionRows.registers`, by lowest bit: ModRM.mod, ModRM.reg, ModRM.rm (or the opcode's register), VEX.vvvv,
 * index, base, logarithm of the scale. Five bits for a register; six for index and base, where 63 is none and 32 RIP.
 */
export const ROW_REGISTERS = {
  regShift: 2,
  rmShift: 7,
  vvvvShift: 12,
  indexShift: 17,
  baseShift: 23,
  scaleShift: 29,
} as const;
