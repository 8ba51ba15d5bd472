import { fillWithNumbers, floatState, initialFx } from "./float-state.ts";
import { CODE_PAGE, ENVIRONMENTS, type Environment, WINDOW_BYTES, WINDOW_OFFSET } from "./native-environment.ts";
import { type NativeRecords, RECORD } from "./native-record.ts";
import { Random } from "./random.ts";

/** Seeds of this many states belong to an environment and a kind of state, integer or floating-point, in this order. */
export const SEEDS = 1_000_000_000_000;

export const seedOf = (environment: number, kind: "integer" | "float", number: number): number =>
  (environment * 2 + (kind === "float" ? 1 : 0)) * SEEDS + number;

export const environmentOf = (seed: number): Environment => ENVIRONMENTS[Math.floor(seed / SEEDS / 2)] as Environment;

/** Whether a seed's state has random floating-point and vector registers, and numbers in memory. */
export const isFloatSeed = (seed: number): boolean => Math.floor(seed / SEEDS) % 2 === 1;

/**
 * Outside 64-bit mode half of the states have pointers in rSI and rDI, and the others small numbers, for addresses that are
 * the sum of two registers.
 */
export const hasIndices = (seed: number): boolean => (seed & 1) !== 0;

/** Number of the register that addresses memory operands, and of the one that may index them with small values in 64-bit mode. */
export const BASE_REGISTER = 3;
export const INDEX_REGISTER = 9;

const [RCX, RSP, RBP, RSI, RDI] = [1, 4, 5, 6, 7];
const LEGACY_REGISTERS = 8;

const ARITHMETIC_FLAGS = 0x8d5;
const ALWAYS = 0x202;
const DIRECTION = 0x400;
const ALIGNMENT_CHECK = 0x40000;

const random = new Random(0);

/**
 * Writes the state that a seed stands for, all but the code: random registers biased to the borders of operand widths,
 * address registers that point into the window, and a small count in rCX in a quarter of the states.
 */
export function writeState(records: NativeRecords, i: number, seed: number): void {
  const environment = environmentOf(seed);
  records.clear(i);
  writePlace(records, i, environment);
  random.reseed(seed);
  const { i32 } = records;
  const start = (i * RECORD.size) >> 2;
  for (let word = start; word < start + 32; word += 2) {
    random.advanceValue();
    i32[word] = random.low;
    i32[word + 1] = random.high;
  }
  const setRegister = (register: number, value: number): void => {
    i32[start + register * 2] = value;
    i32[start + register * 2 + 1] = 0;
  };
  if (random.below(4) === 0) setRegister(RCX, random.below(6));
  const window = environment.place.window - environment.base;
  setRegister(BASE_REGISTER, window + 128);
  setRegister(RSP, window + 144);
  setRegister(RBP, window + 96);
  setRegister(RSI, window + 64 + random.below(32));
  setRegister(RDI, window + 160 + random.below(32));
  setRegister(INDEX_REGISTER, random.below(8));
  const direction = random.below(4) === 0 ? DIRECTION : 0;
  random.advance();
  const rflags = ALWAYS | direction | (random.low & ARITHMETIC_FLAGS);
  records.set(i, RECORD.rflags, rflags | (environment.checksAlignment ? ALIGNMENT_CHECK : 0));
  const memory = i * RECORD.size + RECORD.memory + WINDOW_OFFSET;
  for (let word = memory >> 2; word < (memory + WINDOW_BYTES) >> 2; word += 2) {
    random.advanceValue();
    i32[word] = random.low;
    i32[word + 1] = random.high;
  }
  const fx = i * RECORD.size + RECORD.fx;
  if (isFloatSeed(seed)) {
    fillWithNumbers(records, memory, WINDOW_BYTES, random);
    floatState(records, fx, random);
  } else initialFx(records, fx);
  if (environment.bits !== 64) restrict(records, i, seed, environment);
}

function writePlace(records: NativeRecords, i: number, environment: Environment): void {
  const { place, selectors, fsBase, gsBase } = environment;
  selectors.forEach((selector, n) => {
    records.u16[((i * RECORD.size + RECORD.selectors) >> 1) + n] = selector;
  });
  records.set(i, RECORD.bits, environment.bits);
  records.set(i, RECORD.codeBase, environment.codeBase);
  records.set(i, RECORD.ip, CODE_PAGE - environment.codeBase);
  records.set(i, RECORD.region, place.window - WINDOW_OFFSET);
  records.set(i, RECORD.regionFrom, place.from);
  records.set(i, RECORD.regionTo, place.to);
  records.set(i, RECORD.fsBase, fsBase);
  records.set(i, RECORD.fsBase + 4, fsBase < 0 ? -1 : 0);
  records.set(i, RECORD.gsBase, gsBase);
  records.set(i, RECORD.gsBase + 4, gsBase < 0 ? -1 : 0);
}

/** What is different outside 64-bit mode: registers of 32 bits, small numbers in rSI and rDI, upper halves in 16-bit code. */
function restrict(records: NativeRecords, i: number, seed: number, environment: Environment): void {
  const { i32 } = records;
  const start = (i * RECORD.size) >> 2;
  for (let register = 0; register < 16; register++) {
    if (register >= LEGACY_REGISTERS) i32[start + register * 2] = 0;
    i32[start + register * 2 + 1] = 0;
  }
  i32[start + RSP * 2] = (i32[start + RSP * 2] as number) + (random.below(8) - 4) * 4;
  if (hasIndices(seed)) {
    i32[start + RSI * 2] = random.below(32);
    i32[start + RDI * 2] = random.below(8);
  }
  if (environment.bits !== 16 || random.below(2) === 0) return;
  for (const register of [BASE_REGISTER, RSP, RBP, RSI, RDI]) {
    random.advance();
    i32[start + register * 2] = (i32[start + register * 2] as number) | (random.low << 16);
  }
}
