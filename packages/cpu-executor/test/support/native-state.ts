import { fillWithNumbers, floatState, initialFx } from "./float-state.ts";
import { Random } from "./random.ts";

/** Where native vectors have their code and data; both are one page. */
export const CODE_PAGE = 0x10000000;
export const DATA_PAGE = 0x20000000;
/** The part of the data page that is compared; the rest is 0 before. */
export const WINDOW = DATA_PAGE + 0x700;
export const WINDOW_BYTES = 256;
/** Bytes of an FXSAVE image. */
export const FX_BYTES = 512;
/** Seeds from here on have random floating-point and vector state, and numbers in memory. */
export const FLOAT_SEEDS = 1_000_000_000_000;

const ARITHMETIC_FLAGS = 0x8d5;
const ALWAYS = 0x202;
const DIRECTION = 0x400;

/** The processor's state before the instruction of a native vector. */
export interface NativeState {
  readonly gpr: readonly bigint[];
  readonly rflags: number;
  /** The window's contents. */
  readonly memory: Uint8Array;
  /** x87, MMX and SSE state in FXSAVE64's layout. */
  readonly fx: Uint8Array;
}

/**
 * The state that a vector's seed stands for: random registers biased to the borders of operand widths, address registers
 * that point into the window, and a small count in rCX in a quarter of the states.
 */
export function nativeState(seed: number): NativeState {
  const random = new Random(BigInt(seed));
  const gpr = Array.from({ length: 16 }, () => random.value());
  if (random.below(4) === 0) gpr[1] = BigInt(random.below(6));
  gpr[3] = BigInt(WINDOW + 128);
  gpr[4] = BigInt(WINDOW + 144);
  gpr[5] = BigInt(WINDOW + 96);
  gpr[6] = BigInt(WINDOW + 64 + random.below(32));
  gpr[7] = BigInt(WINDOW + 160 + random.below(32));
  gpr[9] = BigInt(random.below(8));
  const direction = random.below(4) === 0 ? DIRECTION : 0;
  const rflags = ALWAYS | direction | (Number(random.next() & 0xffffn) & ARITHMETIC_FLAGS);
  const memory = new Uint8Array(WINDOW_BYTES);
  const view = new DataView(memory.buffer);
  for (let i = 0; i < WINDOW_BYTES; i += 8) view.setBigUint64(i, random.value(), true);
  if (seed < FLOAT_SEEDS) return { gpr, rflags, memory, fx: initialFx() };
  fillWithNumbers(memory, random);
  return { gpr, rflags, memory, fx: floatState(random) };
}

/** The state after an instruction, or at the exception that it raised. */
export interface NativeResult {
  /** Exception vector, or -1. */
  readonly trap: number;
  readonly gpr: readonly bigint[];
  readonly rflags: number;
  readonly memory: Uint8Array;
  readonly fx: Uint8Array;
}
