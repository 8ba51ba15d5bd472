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
  /** IN, OUT, INS, OUTS; CONTEXT.stopDetail has PORT_DETAIL's layout; the instruction did not happen. */
  port: 5,
  /** CONTEXT.stopDetail is a HELPER number: the instruction is executed outside emitted code. */
  helper: 6,
  /** The instruction would write a frame that holds decoded code; it did not happen. */
  codeWrite: 7,
  /** STI has happened: interrupts stay blocked for one more instruction. */
  shadow: 8,
  /** A linear address was not canonical; the instruction did not happen. */
  nonCanonical: 9,
  /** The instruction has happened and ends its block; CONTEXT.rip is behind it. */
  done: 10,
  /** The block at CONTEXT.rip has been entered BLOCK.heat times: CONTEXT.block. */
  hot: 11,
  /** A region has left the instruction at CONTEXT.rip to the interpreter, and no block that begins there is known. */
  resume: 12,
  /** To the main function only: an IRET that sets RF has happened; CONTEXT.rip is where it leads. */
  resumed: 13,
  /** A page fault, whose error code is in CONTEXT.stopDetail, with CONTEXT.linear and faultAccess; the instruction did not happen. */
  pageFault: 14,
} as const;

/** What the emitted function `enter` returns beside a STATUS. */
export const ENTER = {
  /** Nothing has been run: what comes next must be looked at first. */
  notEntered: 64,
  /** Plus an instruction length: a port access has stopped with all that belongs to it in the context. */
  port: 128,
} as const;

/** CONTEXT.stopDetail of STATUS.port: an exit qualification for I/O instructions (SDM Vol 3C, table 27-5). */
export const PORT_DETAIL = { sizeMinus1: 7, in: 8, string: 16, repeat: 32, immediate: 64, portShift: 16 } as const;

/**
 * What emitted code asks about an access to a segment: bytes 10:0, write 11, flush 12, the logarithm of the alignment that the
 * operand must have 15:13, context offset of the segment 31:16.
 */
export const SEGMENT_CHECK = { bytes: 0x7ff, write: 0x800, flush: 0x1000, alignmentShift: 13, slotShift: 16 } as const;

/**
 * Instructions that are carried out outside emitted code, in src/system, and those that emitted code hands over where their
 * simple case does not apply (CLI, STI, PUSHF).
 */
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
  debugTrap: 11,
  bound: 12,
  enter: 13,
  arpl: 14,
  lar: 15,
  lsl: 16,
  verr: 17,
  verw: 18,
  syscall: 19,
  sysret: 20,
  sysenter: 21,
  sysexit: 22,
  swapgs: 23,
  readFsBase: 24,
  readGsBase: 25,
  writeFsBase: 26,
  writeGsBase: 27,
  clac: 28,
  stac: 29,
  readRandom: 30,
  readSeed: 31,
  readProcessorId: 32,
  invalidatePcid: 34,
  clearInterruptFlag: 35,
  setInterruptFlag: 36,
  pushFlags: 37,
  readPkru: 38,
  writePkru: 39,
} as const;
