/** How a register, a memory location or an operand is used: a set of bits. */
export const ACCESS = {
  none: 0,
  read: 1,
  write: 2,
  /** Read in some cases and not in others: by flags, by a mask, by a count that may be 0. */
  conditionalRead: 4,
  conditionalWrite: 8,
  /** Of a memory operand only the address: LEA, prefetches, INVLPG. Its registers are read, no memory is listed. */
  address: 16,
} as const;

/** Bits of the flag masks: those of RFLAGS, and the x87 condition codes 16 above their place in the status word. */
export const FLAG = {
  carry: 1,
  parity: 4,
  auxiliary: 0x10,
  zero: 0x40,
  sign: 0x80,
  interrupt: 0x200,
  direction: 0x400,
  overflow: 0x800,
  alignmentCheck: 0x4_0000,
  /** UIF, which is no bit of RFLAGS (SDM Vol 3A, "User Interrupts"): CLUI, STUI and UIRET change it. */
  userInterrupt: 0x80_0000,
  c0: 0x100_0000,
  c1: 0x200_0000,
  c2: 0x400_0000,
  c3: 0x4000_0000,
} as const;

/** Where control goes behind an instruction. */
export const FLOW = {
  next: 0,
  /** To a known place: JMP with a displacement or a far pointer. */
  jump: 1,
  /** To a known place or to the next instruction: Jcc, LOOP, JRCXZ. */
  conditional: 2,
  call: 3,
  return: 4,
  indirectJump: 5,
  indirectCall: 6,
  interrupt: 7,
  /** Always an exception: UD0, UD1, UD2. */
  exception: 8,
  /** To the next instruction or, when the transaction aborts, to a known place. */
  xbegin: 9,
} as const;

/** Bits of `InstructionInfo.class`. */
export const CLASS = {
  /** Privilege level 0 is needed in protected mode, or IOPL for ports and the interrupt flag. */
  privileged: 1,
  /** Always exits in VMX non-root operation (SDM Vol 3C, "Instructions That Cause VM Exits Unconditionally"). */
  exits: 2,
  /** Exits in VMX non-root operation when a control or a mask says so (SDM Vol 3C, "… Conditionally"). */
  mayExit: 4,
  /** An exception other than #UD and #NM is possible without any memory: #DE, #MF, #XM, #GP of a privilege check, … */
  mayFault: 8,
  /** Ends a basic block: control may go elsewhere, or what was decoded behind it may no longer hold. */
  endsBlock: 16,
  /** A set of registers that is not listed is read or written: XSAVE, FXSAVE, FNSAVE and the like. */
  savesState: 32,
  /** Another x87 register is on top afterwards. */
  writesTop: 64,
  /** Whether the x87 top moves depends on the operand (FPTAN, FSINCOS). */
  conditionalTop: 128,
  /** The feature AVX512VL is needed too: an EVEX encoding with less than 512 bits. */
  vectorLength: 256,
} as const;
