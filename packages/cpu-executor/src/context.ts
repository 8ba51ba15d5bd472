/**
 * The processor context: one block of host memory per logical processor, the one place that states its layout. TypeScript
 * reads it through the arena's typed arrays; emitted code takes the block's address as a parameter and uses these
 * offsets as constants. Offsets in bytes from the start of the block; all values little-endian.
 */
export const CONTEXT = {
  /** 16 general registers of 8 bytes in hardware order: rax rcx rdx rbx rsp rbp rsi rdi r8..r15. */
  gpr: 0,
  /** Two scratch registers that records may name like general registers. */
  temporary0: 128,
  temporary1: 136,
  /** Always zero: an absent base or index register. */
  zero: 144,
  /** Instruction pointer (offset in CS), 8 bytes: exact whenever emitted code is not running. */
  rip: 152,
  /** Lazy arithmetic flags: kind and width (4 bytes), then result and source, sign-extended to 8 bytes. See flags.ts. */
  flagOperation: 160,
  /** The RFLAGS bits that are not arithmetic: IF, DF, IOPL, NT, RF, VM, AC, TF and so on. 4 bytes. */
  flagRest: 164,
  flagResult: 168,
  flagSource: 176,
  /** Instructions that may still be executed, 4 bytes signed. */
  budget: 184,
  /** From a function beside the main one: where the record that ended the block keeps its link, 0 for none, or the block to enter. 4 bytes. */
  linkSite: 188,
  /** Value read or written by the slow memory path, 8 bytes. */
  memoryValue: 192,
  /** Host address that the last write probe found, 0 when the write must take the slow path. 4 bytes. */
  probedHost: 200,
  /** Detail of a stop raised by emitted code: vector, intercept number or helper number. 4 bytes. */
  stopDetail: 204,
  /** Record that stopped. 4 bytes. */
  stopRecord: 208,
  /** Block that is running. 4 bytes. */
  block: 212,
  /**
   * Segments as emitted code wants them: 16 bytes each, linear base (8) and end (8), for ES CS SS DS FS GS, then those of
   * SEGMENT_SLOT. Every access whose last byte lies below the end is allowed, whatever its kind; all others ask the slow
   * path, which knows limits, types and the wrap-around of linear addresses.
   */
  segments: 224,
  /** Linear address that the slow path of a segment check found, 8 bytes. */
  linear: 400,
  /** Shift that truncates a stack pointer to the stack's address size: 64 minus 16, 32 or 64. 4 bytes. */
  stackShift: 216,
  /** With a compiler: where the arena's regions count the instructions that they execute, 8 bytes each. 4 bytes. */
  regionCounters: 220,
  /** Segment registers: selector (4), access rights in VMX format (4), limit (4), unused (4); ES CS SS DS FS GS LDTR TR. */
  segmentRegisters: 416,
  /** Linear bases of the same eight registers, 8 bytes each. */
  segmentBases: 544,
  /** Host addresses of the soft TLB and of the jump cache in use, and what selects an entry's offset in each; 4 bytes each. */
  tlb: 608,
  tlbMask: 612,
  jumpCache: 616,
  jumpCacheMask: 620,
  /** What compiled regions take for granted of the segments: a CODE_MODE. 4 bytes. */
  codeMode: 624,
  /** Not 0: NMIs are blocked until the next IRET. 4 bytes. */
  nmiBlocked: 628,
  /** Linear bases of GDT and IDT (8 bytes each) and their limits (4 bytes each). */
  gdtrBase: 632,
  idtrBase: 640,
  gdtrLimit: 648,
  idtrLimit: 652,
  /** CR2, 8 bytes. */
  cr2: 656,
  /** Exceptions (bit = vector) that emitted code does not deliver: those that are intercepted, all of them while one instruction runs alone. 4 bytes. */
  outsideExceptions: 664,
  /** Deliveries that have taken one from the budget since a run began. 4 bytes. */
  deliveries: 668,
  /** What the budget was behind the last IRET that set RF, which ends with the next instruction; NOT_RESUMED when there was none. 4 bytes. */
  resumed: 672,
  /** At each instruction (INTERCEPT numbers, 64 bytes): 1 where a run stops. */
  intercepts: 676,
  /** Host address and mask of the soft TLB of each privilege, 4 bytes each; 0 where it has none. */
  tlbBanks: 740,
  /** Block of the Mmu's emitted translation (EmittedMmu), 4 bytes; 0 while emitted code must not fill the soft TLB itself. */
  mmuBlock: 772,
  /** ACCESS bits of the guest's privilege, and those of the access that has met STATUS.pageFault; 4 bytes each. */
  accessBits: 776,
  faultAccess: 780,
  /** Bits of RSP that stay when the stack pointer changes, 8 bytes: 63:16 of a 16-bit stack. A 32-bit one's upper half becomes 0. */
  stackKept: 784,
  /** Bytes of the register part; FPU follows in the same frame. */
  size: 792,
} as const;

/**
 * Floating-point and vector state in the context's frame, behind the register part. The XSAVE area of the instructions
 * that save this state (SDM Vol 1, 13.4) is put together from it; nothing is kept in that format.
 */
export const FPU = {
  /** x87 registers R0..R7 by physical number, 16 bytes each: significand (8), sign and exponent (2). MMX registers are the significands. */
  registers: 1024,
  /** TOP, 0..7. 4 bytes. */
  top: 1152,
  /** Bit n: register Rn is not empty. 4 bytes. */
  tags: 1156,
  /** Control word, 4 bytes, upper half 0. */
  control: 1160,
  /** Status word without TOP, 4 bytes. */
  status: 1164,
  /** Last opcode (11 bits), instruction pointer and data pointer (SDM Vol 1, 8.1.8): 4, 8 and 8 bytes. */
  opcode: 1168,
  instruction: 1176,
  data: 1184,
  /** The last two of the instruction that is running: they become architectural when it raises an exception. */
  currentOpcode: 1172,
  currentData: 1192,
  mxcsr: 1200,
  /** Exceptions that the running instruction has found so far: IE DE ZE OE UE PE, bits 0..5. 4 bytes. */
  found: 1204,
  /** Status of a failed memory access, 4 bytes. */
  accessStatus: 1208,
  /** Whether the last rounding was away from zero: C1. 4 bytes. */
  roundedUp: 1212,
  /** Significand of the last result, 8 bytes. */
  significand: 1216,
  /** Places for values of routines, 56 bytes. */
  scratch: 1224,
  /** Copies for results that must not be visible before the instruction has succeeded, 64 bytes. */
  operand: 1280,
  /** XCR0, 8 bytes. */
  xcr0: 1344,
  /** CR0 and CR4, 4 bytes each: whether these instructions may be executed. */
  cr0: 1352,
  cr4: 1356,
  /** Exception that CR0 and CR4 make of every SSE instruction: 6, 7, or 0 for none. 4 bytes. */
  sseFault: 1360,
  /** Of a routine that gives a significand: sign and exponent (2 bytes) and status bits (2 bytes), or -1 when it gives none. */
  valueResult: 1364,
  /** Vector registers 0..15, 32 bytes each: XMM is the low half, the high half is for AVX. */
  vectors: 1536,
  /** Memory operands that the soft TLB does not serve, and those that are put together: 1088 bytes. */
  buffer: 2048,
} as const;

/** In CONTEXT.resumed: no budget. */
export const NOT_RESUMED = -1;

export const SEGMENT = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, ldtr: 6, tr: 7 } as const;

/**
 * Positions in CONTEXT.segments beyond the six segment registers: base 0 without limit (64-bit mode), FS and GS without
 * limit (64-bit mode), the stack's segment and the destination segment of string instructions in the current mode.
 */
export const SEGMENT_SLOT = { flat: 6, fs64: 7, gs64: 8, stack: 9, destination: 10 } as const;

/**
 * An entry of the soft TLB, in bytes: a direct-mapped table that emitted code looks into. Its offset is the linear address
 * shifted right, CONTEXT.tlbMask applied: an entry each for consecutive pages.
 */
export const TLB = {
  entryBytes: 32,
  shift: 7,
  /** Linear address of the page that may be read, and of the page that may be written: 8 bytes each. */
  read: 0,
  write: 8,
  /** Host address of the page, 4 bytes. */
  host: 16,
  /** A byte-wise fill with this makes a tag that no canonical address matches. */
  invalidByte: 0x7f,
  /** Four bytes of an entry that TABLE_NOTES uses. */
  spare: 20,
} as const;

/**
 * What is noted about a soft TLB or jump cache in the spare bytes of its entries, by entry: how many of the following have been
 * written since the last flush, MANY when the list is full; how many displaced another; the list of written entries' offsets.
 */
export const TABLE_NOTES = { written: 0, displaced: 1, list: 2, listed: 64, many: -1 } as const;

/**
 * An entry of the jump cache, in bytes: from instruction pointer (8) to decoded block (4), direct-mapped. Its offset is the
 * pointer's low half times `factor`, shifted right, CONTEXT.jumpCacheMask applied: entry points at the same offsets of
 * many pages spread over the table.
 */
export const JUMP_CACHE = { entryBytes: 16, rip: 0, block: 8, spare: 12, factor: -1640531535, shift: 14 } as const;

/**
 * What INVLPG asks, a byte for each mark, in the context's second frame: which large pages translations may be a part of, LARGE
 * for each size, and which pages the jump caches may have blocks of. Offsets from the context's start.
 */
export const PAGE_MARKS = { large: 4096, largeOfSize: 1024, code: 7168, codePages: 1024 } as const;

/** Frames of the context; the tables of SoftTlb and of the block finder are elsewhere. */
export const CONTEXT_FRAMES = 2;

/**
 * CONTEXT.codeMode: 64-bit code, or 32-bit code with CS, DS, ES and SS from 0 to 4 GiB and a 32-bit stack, as operating systems
 * have it. Regions are compiled for these two.
 */
export const CODE_MODE = { other: 0, flat32: 32, long: 64 } as const;

/** RFLAGS bits (SDM Vol 1, 3.4.3). */
export const RFLAGS = {
  cf: 1,
  fixed: 2,
  pf: 4,
  af: 0x10,
  zf: 0x40,
  sf: 0x80,
  tf: 0x100,
  if: 0x200,
  df: 0x400,
  of: 0x800,
  iopl: 0x3000,
  nt: 0x4000,
  rf: 0x10000,
  vm: 0x20000,
  ac: 0x40000,
  vif: 0x80000,
  vip: 0x100000,
  id: 0x200000,
} as const;

/** The six arithmetic flags: CF PF AF ZF SF OF. */
export const ARITHMETIC_FLAGS = 0x8d5;
