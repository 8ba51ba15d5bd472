import { SEGMENT } from "../context.ts";
import type { CpuState } from "../state.ts";
import { isNull, RIGHTS } from "./descriptor.ts";

const CONFORMING_CODE = RIGHTS.code | RIGHTS.conforming;
const DATA_SEGMENTS = [SEGMENT.es, SEGMENT.fs, SEGMENT.gs, SEGMENT.ds] as const;

/** Whether a data segment register is one that a return to an outer level leaves as it is (SDM Vol 2A, IRET; Vol 2B, RET). */
function isKept(state: CpuState, register: number, level: number): boolean {
  const rights = state.segmentAccessRights(register);
  if ((rights & RIGHTS.unusable) !== 0) {
    const selector = state.segmentSelector(register);
    return selector === 0 || !isNull(selector);
  }
  return (rights & CONFORMING_CODE) === CONFORMING_CODE || ((rights >> 5) & 3) >= level;
}

/** Whether a return to an outer level leaves all data segment registers as they are. */
export function keepsDataSegments(state: CpuState, level: number): boolean {
  for (let i = 0; i < DATA_SEGMENTS.length; i++) if (!isKept(state, DATA_SEGMENTS[i] as number, level)) return false;
  return true;
}

/** At a return to an outer level, data segments of inner levels become null, and null selectors lose their RPL. */
export function hideInnerSegments(state: CpuState, level: number): void {
  for (const register of DATA_SEGMENTS) {
    if (isKept(state, register, level)) continue;
    // A register that is null already keeps its base, which in 64-bit mode is in use: Intel's processors do so too.
    const isEmpty = (state.segmentAccessRights(register) & RIGHTS.unusable) !== 0;
    const low = isEmpty ? state.segmentBaseLow(register) : 0;
    const high = isEmpty ? state.segmentBaseHigh(register) : 0;
    state.setSegmentRaw(register, 0, low, high, 0, RIGHTS.unusable);
  }
}
