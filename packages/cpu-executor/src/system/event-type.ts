import { VECTOR } from "./access.ts";

/** VMX interruption types (SDM Vol 3C, table 24-15). */
export const EVENT_TYPE = {
  external: 0,
  nmi: 2,
  exception: 3,
  softwareInterrupt: 4,
  /** INT1. */
  privilegedSoftwareException: 5,
  /** INT3 and INTO. */
  softwareException: 6,
} as const;

/** From an INT n, INT3 or INTO of the program: the gate's level is checked, and no EXT bit set (SDM Vol 3A, 6.12.1.2, 6.13). */
export const isSoftwareEvent = (type: number): boolean =>
  type === EVENT_TYPE.softwareInterrupt || type === EVENT_TYPE.softwareException;

/** Traps among the exceptions; all others are faults that repeat their instruction, or aborts. */
const isTrap = (vector: number): boolean => vector === VECTOR.db || vector === VECTOR.bp || vector === VECTOR.of;

/** A fault pushes RFLAGS with RF set, so that the repeated instruction meets no breakpoint again (SDM Vol 3B, 17.3.1.1). */
export const hasResumeFlag = (type: number, vector: number): boolean =>
  type === EVENT_TYPE.exception && !isTrap(vector) && vector !== VECTOR.df;
