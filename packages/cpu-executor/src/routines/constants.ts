import { CONTEXT, FPU } from "../context.ts";

/** Exceptions of x87 and SSE: bits 0..5 of the status word and of MXCSR. */
export const FLOAT_EXCEPTION = { ie: 1, de: 2, ze: 4, oe: 8, ue: 16, pe: 32 } as const;

/**
 * How a result is rounded: precision in bits 7:0 (24, 53 or 64), exponent range in bits 9:8 (0 single, 1 double,
 * 2 extended), rounding control in bits 13:12, and these bits.
 */
export const FORMAT = {
  rangeShift: 8,
  roundingShift: 12,
  /** The exception's mask is clear: an x87 result's exponent is wrapped. */
  underflowUnmasked: 0x4000,
  overflowUnmasked: 0x8000,
  flushToZero: 0x10000,
  /** NaN operands are chosen by the rules of x87. */
  x87: 0x20000,
  /** An operand is denormal. */
  denormal: 0x40000,
} as const;

/** Names that every routine may use. */
export const ROUTINE_CONSTANTS: Readonly<Record<string, number | bigint>> = {
  REGISTERS: FPU.registers,
  TOP: FPU.top,
  TAGS: FPU.tags,
  CONTROL: FPU.control,
  STATUS: FPU.status,
  OPCODE: FPU.opcode,
  INSTRUCTION: FPU.instruction,
  DATA: FPU.data,
  CURRENT_OPCODE: FPU.currentOpcode,
  CURRENT_DATA: FPU.currentData,
  MXCSR: FPU.mxcsr,
  FOUND: FPU.found,
  ACCESS_STATUS: FPU.accessStatus,
  ROUNDED_UP: FPU.roundedUp,
  SIG: FPU.significand,
  SCRATCH: FPU.scratch,
  LOW: FPU.scratch + 8,
  EXP: FPU.scratch + 16,
  QUADRANT: FPU.scratch + 20,
  OPERAND: FPU.operand,
  VALUE_RESULT: FPU.valueResult,
  XCR0: FPU.xcr0,
  CR0: FPU.cr0,
  CR4: FPU.cr4,
  VECTORS: FPU.vectors,
  BUFFER: FPU.buffer,
  STACK_SHIFT: CONTEXT.stackShift,
  GPR: CONTEXT.gpr,
  MEMORY_VALUE: CONTEXT.memoryValue,
  PROBED_HOST: CONTEXT.probedHost,
  IE: FLOAT_EXCEPTION.ie,
  DE: FLOAT_EXCEPTION.de,
  ZE: FLOAT_EXCEPTION.ze,
  OE: FLOAT_EXCEPTION.oe,
  UE: FLOAT_EXCEPTION.ue,
  PE: FLOAT_EXCEPTION.pe,
  UNMASKED_UE: FORMAT.underflowUnmasked,
  UNMASKED_OE: FORMAT.overflowUnmasked,
  FLUSH: FORMAT.flushToZero,
  X87: FORMAT.x87,
  DENORMAL: FORMAT.denormal,
};
