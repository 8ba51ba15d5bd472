/** Bits of CpuState.interruptShadow: what blocks events for one more instruction (SDM Vol 3C, table 24-3). */
export const SHADOW = { sti: 1, movSs: 2 } as const;
