/** A run of bytes that has to be in guest memory before the guest starts. */
export interface ProgramSegment {
  /** Guest-physical address of the first byte. */
  readonly address: number;
  readonly bytes: Uint8Array;
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

/** What every loader returns: memory contents and entry state. The bytes are the caller's, not a copy. */
export interface GuestProgram {
  readonly segments: readonly ProgramSegment[];
  readonly entry: RealModeEntry;
}
