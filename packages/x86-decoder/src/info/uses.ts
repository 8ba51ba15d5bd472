import { ENCODING } from "../layout.ts";
import { NO_REGISTER_ID, REGISTER_CLASS } from "../registers.ts";
import { ROW_FLAGS } from "../row-fields.ts";
import { ACCESS } from "./facts.ts";
import type { InstructionInfo } from "./instruction-info.ts";

const { gpr32, gpr64, xmm, ymm, zmm, segment: segmentClass } = REGISTER_CLASS;
const WRITES = ACCESS.write | ACCESS.conditionalWrite;

/** An access that takes place only if a count is not 0. */
export const conditional = (access: number): number => ((access & 3) << 2) | (access & ~3);

function put(info: InstructionInfo, id: number, access: number): void {
  const n = info.registerCount;
  info.register[n] = id;
  info.registerAccess[n] = access;
  info.registerCount = n + 1;
}

/**
 * Lists a register of the instruction whose row has `flags`. Writing 32 bits of a general register zeroes its upper half in
 * 64-bit mode (SDM Vol 1, 3.4.1.1), and writing a vector register with VEX, EVEX or XOP zeroes all above (SDM Vol 2, 2.3.10).
 */
export function useRegister(info: InstructionInfo, id: number, access: number, flags: number): void {
  const registerClass = id >> 5;
  if ((access & WRITES) !== 0) {
    let written = id;
    if (registerClass === gpr32) {
      if (((flags >> ROW_FLAGS.modeShift) & 3) === 2) written = (gpr64 << 5) | (id & 31);
    } else if (registerClass === xmm || registerClass === ymm) {
      if (((flags >> ROW_FLAGS.encodingShift) & 7) >= ENCODING.VEX) written = (zmm << 5) | (id & 31);
    }
    if (written !== id) {
      const reads = access & ~WRITES;
      if (reads !== 0) put(info, id, reads);
      put(info, written, access & WRITES);
      return;
    }
  }
  if (access !== ACCESS.none) put(info, id, access);
}

/** Lists the registers that make an address up: the segment's where it matters, base and index. */
export function useAddress(
  info: InstructionInfo,
  segment: number,
  base: number,
  index: number,
  access: number,
  flags: number,
): void {
  // CS, DS, ES and SS have base 0 in 64-bit mode (SDM Vol 1, 3.4.2.1).
  if (segment > 3 || ((flags >> ROW_FLAGS.modeShift) & 3) !== 2) put(info, (segmentClass << 5) | segment, access);
  useBaseAndIndex(info, base, index, access);
}

/** As `useAddress`, without the segment. */
export function useBaseAndIndex(info: InstructionInfo, base: number, index: number, access: number): void {
  if (base !== NO_REGISTER_ID && base >> 5 !== REGISTER_CLASS.instructionPointer) put(info, base, access);
  if (index !== NO_REGISTER_ID) put(info, index, access);
}

/** Lists a memory location, not its address registers. */
export function useMemory(
  info: InstructionInfo,
  segment: number,
  base: number,
  index: number,
  scaleShift: number,
  displacement: number,
  displacementHigh: number,
  bytes: number,
  access: number,
): void {
  const n = info.memoryCount;
  info.segment[n] = segment;
  info.base[n] = base;
  info.index[n] = index;
  info.scaleShift[n] = scaleShift;
  info.displacement[n] = displacement;
  info.displacementHigh[n] = displacementHigh;
  info.bytes[n] = bytes;
  info.memoryAccess[n] = access;
  info.memoryCount = n + 1;
}
