import { type Cpu, SEGMENT } from "../../src/index.ts";

const DATA = [SEGMENT.es, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs];

/** Puts a processor at level 0 into protected or 64-bit mode without paging, all segments from 0 to 4 GiB. */
export function useFlatSegments(cpu: Cpu, bits: 32 | 64): void {
  cpu.cr0 = 0x11;
  if (bits === 64) cpu.efer = 0x500;
  cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffffffff, bits === 64 ? 0xa09b : 0xc09b);
  for (const register of DATA) cpu.setSegmentRaw(register, 16, 0, 0, 0xffffffff, 0xc093);
}
