/** A run of bytes that has to be in guest memory before the guest starts. */
export interface ProgramSegment {
  /** Guest-physical address of the first byte. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes in guest memory, at least as many as `bytes` has; those behind them are zero. */
  readonly memorySize: number;
}

/** The processor state that a program expects at its first instruction, in real-address mode. */
export interface RealModeEntry {
  readonly mode: "real";
  /** Guest-physical address of the first instruction: `codeBase + instructionPointer`. */
  readonly address: number;
  readonly codeSelector: number;
  /** Base address in the CS descriptor cache, bytes. */
  readonly codeBase: number;
  /** Offset in CS, 0 to 0xffff. */
  readonly instructionPointer: number;
}

/**
 * The same in 32-bit protected mode: paging and interrupts are off, CS and the data segments are flat (base 0, limit
 * 4 GiB - 1), A20 is open. There is no stack, GDT or IDT: the program brings its own.
 */
export interface ProtectedModeEntry {
  readonly mode: "protected";
  /** Guest-physical address of the first instruction, below 4 GiB. */
  readonly address: number;
  /** What the program finds in EAX and EBX; other general registers are 0. */
  readonly eax: number;
  readonly ebx: number;
}

export type EntryState = RealModeEntry | ProtectedModeEntry;

/** What every loader returns: memory contents and entry state. The bytes are the caller's, not a copy. */
export interface GuestProgram<Entry extends EntryState = EntryState> {
  readonly segments: readonly ProgramSegment[];
  readonly entry: Entry;
}
