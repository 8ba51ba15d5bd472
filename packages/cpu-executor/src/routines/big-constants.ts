/** Constants of the transcendental routines, computed with integers: fractions scaled by 2^SCALE. */
const SCALE = 192n;
const ONE = 1n << SCALE;

/** arctan(n / d) by its series, for n below d. */
function arcTangent(n: bigint, d: bigint): bigint {
  let power = (ONE * n) / d;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += (k & 2n) === 0n ? power / k : -(power / k);
    power = (power * n * n) / (d * d);
  }
  return sum;
}

/** ln 2 = 2 artanh(1/3). */
function naturalLog2(): bigint {
  let power = ONE / 3n;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power /= 9n;
  }
  return 2n * sum;
}

const LN2 = naturalLog2();
/** Machin's formula. */
const PI = 16n * arcTangent(1n, 5n) - 4n * arcTangent(1n, 239n);

/** A fraction scaled by 2^bits as two 64-bit constants of the routine language: high, low. */
export function halves(value: bigint, bits: bigint): string {
  const scaled = value >> (SCALE - bits);
  const mask = (1n << 64n) - 1n;
  return `0x${((scaled >> 64n) & mask).toString(16)}n, 0x${(scaled & mask).toString(16)}n`;
}

/** One over an integer. */
const over = (n: bigint): bigint => ONE / n;

export const BIG: {
  readonly ln2: bigint;
  readonly log2e: bigint;
  readonly pi: bigint;
  readonly arcTangent: (n: bigint, d: bigint) => bigint;
  readonly over: (n: bigint) => bigint;
} = { ln2: LN2, log2e: (ONE * ONE) / LN2, pi: PI, arcTangent, over };

/** Declares a number as a pair NAMEHi, NAMELo. */
export const letPair = (name: string, value: bigint, bits: bigint): string => {
  const [high, low] = halves(value, bits).split(", ");
  return `let ${name}Hi = ${high}; let ${name}Lo = ${low};`;
};
