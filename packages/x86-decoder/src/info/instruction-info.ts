import { createOperandList, MAX_OPERANDS, type OperandList } from "../operands.ts";

/** Most registers and memory locations that one instruction uses: VZEROUPPER, ENTER with 31 nested frames. */
export const MAX_REGISTERS = 64;
export const MAX_MEMORY = 72;

/** What one instruction does, in arrays that `readInfo` uses again. */
export interface InstructionInfo {
  registerCount: number;
  /**
   * Register ids. A register whose upper part becomes zero is written as a whole: EAX as RAX in 64-bit mode, XMM0 as ZMM0
   * with a VEX or EVEX prefix; one that is also read is then listed twice.
   */
  readonly register: Uint16Array;
  /** ACCESS per register. */
  readonly registerAccess: Uint8Array;
  memoryCount: number;
  /** SEGMENT per memory location. */
  readonly segment: Uint8Array;
  /** Register ids, NO_REGISTER_ID without one. */
  readonly base: Uint16Array;
  readonly index: Uint16Array;
  /** Logarithm of the index's scale. */
  readonly scaleShift: Uint8Array;
  /**
   * int32 and its upper half: to be added modulo the address size. The instruction pointer as base stands for the address
   * behind the instruction.
   */
  readonly displacement: Int32Array;
  readonly displacementHigh: Int32Array;
  /** Bytes; 0: not known without the machine's state (string instructions with a REP prefix, XSAVE). */
  readonly bytes: Uint16Array;
  /** ACCESS per memory location. */
  readonly memoryAccess: Uint8Array;
  /** The explicit operands, as `readOperands` gives them. */
  readonly operands: OperandList;
  /** ACCESS per explicit operand. */
  readonly operandAccess: Uint8Array;
  /** FLAG masks. */
  flagsRead: number;
  /** Set according to the result. */
  flagsWritten: number;
  flagsCleared: number;
  flagsSet: number;
  flagsUndefined: number;
  /** FLOW */
  flow: number;
  /** Whether a near branch's target is known. */
  hasTarget: boolean;
  /**
   * That target's offset in the bytes that were decoded, before truncation to `targetBits`; may be negative, and beyond them.
   */
  target: number;
  /** 16, 32 or 64: width of the instruction pointer behind a near branch. */
  targetBits: number;
  /** Bytes added to the stack pointer; 0 when that depends on the machine's state or the privilege level (INT, LEAVE). */
  stackIncrement: number;
  /** Added to the x87 top: 1 for a pop, -1 for a push. */
  x87Increment: number;
  /** CLASS bits. */
  class: number;
  /** Index in CPUID_FEATURES. */
  feature: number;
}

/** A record for `readInfo` to fill; one serves any number of instructions. */
export function createInstructionInfo(): InstructionInfo {
  return {
    registerCount: 0,
    register: new Uint16Array(MAX_REGISTERS),
    registerAccess: new Uint8Array(MAX_REGISTERS),
    memoryCount: 0,
    segment: new Uint8Array(MAX_MEMORY),
    base: new Uint16Array(MAX_MEMORY),
    index: new Uint16Array(MAX_MEMORY),
    scaleShift: new Uint8Array(MAX_MEMORY),
    displacement: new Int32Array(MAX_MEMORY),
    displacementHigh: new Int32Array(MAX_MEMORY),
    bytes: new Uint16Array(MAX_MEMORY),
    memoryAccess: new Uint8Array(MAX_MEMORY),
    operands: createOperandList(),
    operandAccess: new Uint8Array(MAX_OPERANDS),
    flagsRead: 0,
    flagsWritten: 0,
    flagsCleared: 0,
    flagsSet: 0,
    flagsUndefined: 0,
    flow: 0,
    hasTarget: false,
    target: 0,
    targetBits: 0,
    stackIncrement: 0,
    x87Increment: 0,
    class: 0,
    feature: 0,
  };
}
