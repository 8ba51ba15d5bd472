import { SEGMENT } from "../context.ts";
import type { SystemAccess } from "./access.ts";

const MAP_BASE = 0x66;
const TSS_32_BIT = 8;

/** Whether IN, OUT, INS or OUTS may access ports: above IOPL, and in virtual-8086 mode always, the TSS's map decides (SDM Vol 1, 19.5). */
export function mayAccessPorts(access: SystemAccess, port: number, bytes: number): boolean {
  const { state } = access;
  if (state.isRealMode || (state.cpl <= state.iopl && !state.isVirtual8086)) return true;
  const limit = state.segmentLimit(SEGMENT.tr);
  if ((state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) === 0 || limit < MAP_BASE + 1) return false;
  const base = state.segmentBase(SEGMENT.tr);
  const linear = (offset: number): bigint => BigInt.asUintN(state.isLongMode ? 64 : 32, base + BigInt(offset));
  const at = Number(access.readSystem(linear(MAP_BASE), 2)) + (port >> 3);
  // Two bytes are read, so that ports that span a byte of the map are both seen.
  if (at + 1 > limit) return false;
  const bits = Number(access.readSystem(linear(at), 2)) >> (port & 7);
  return !access.failed && (bits & ((1 << bytes) - 1)) === 0;
}
