/** What emitted code returns to `Cpu.run`. Small integers: nothing on this path throws. */
export const STATUS = {
  /** No block is known for CONTEXT.rip. */
  lookup: 0,
  /** The budget does not cover the next block. */
  budget: 1,
  /** The slow memory path has filled in the stop details; the instruction did not happen. */
  stopped: 2,
  /** CONTEXT.stopDetail is an exception vector; the instruction did not happen. */
  exception: 3,
  /** CONTEXT.stopDetail is an INTERCEPT number; the instruction did not happen. */
  instruction: 4,
  /** IN, OUT, INS, OUTS; CONTEXT.stopDetail is their PORT_DETAIL bits; the instruction did not happen. */
  port: 5,
  /** CONTEXT.stopDetail is a HELPER number: the instruction is executed outside emitted code. */
  helper: 6,
  /** The instruction would write a frame that holds decoded code; it did not happen. */
  codeWrite: 7,
  /** STI has happened: interrupts stay blocked for one more instruction. */
  shadow: 8,
} as const;

/** CONTEXT.stopDetail of STATUS.port: the size in bytes and these bits. */
export const PORT_DETAIL = { sizeMask: 7, in: 8, string: 16, repeat: 32, immediate: 64 } as const;

/** Instructions that change processor state beyond the general registers; carried out by helpers.ts. */
export const HELPER = {
  moveToSegment: 0,
  popSegment: 1,
  loadFarPointer: 2,
  jumpFar: 3,
  callFar: 4,
  returnFar: 5,
  interruptReturn: 6,
  interrupt: 7,
  breakpoint: 8,
  interruptOnOverflow: 9,
  popFlags: 10,
} as const;
