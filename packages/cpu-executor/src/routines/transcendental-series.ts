import { BIG, halves } from "./big-constants.ts";

/**
 * The series and the table that x87's transcendental instructions are made of: fractions are pairs (hi, lo) scaled by 2^127 or
 * 2^128, of which routines give the high half and leave the low one at LOW.
 */
const factorial = (n: bigint): bigint => (n <= 1n ? 1n : n * factorial(n - 1n));

/** Horner's scheme, unrolled: c0 + x (c1 + x (c2 + ...)) with coefficients scaled by 2^127 and x by 2^128. */
function polynomial(name: string, coefficients: readonly bigint[], sign: "+" | "-"): string {
  const pair = (value: bigint): [string, string] => halves(value, 127n).split(", ") as [string, string];
  const last = pair(coefficients.at(-1) as bigint);
  const steps = coefficients
    .slice(0, -1)
    .reverse()
    .map((value) => {
      const [high, low] = pair(value);
      const combine =
        sign === "+"
          ? `sum = ${low} + lo; hi = ${high} + hi + u64(sum <u lo);`
          : `sum = ${low} - lo; hi = ${high} - hi - u64(${low} <u lo);`;
      return `hi = multiply_wide(ctx, hi, lo, xhi, xlo); lo = load64(ctx + LOW); ${combine} lo = sum;`;
    });
  return `
fn ${name}(ctx: i32, xhi: i64, xlo: i64) -> i64 {
  let hi = ${last[0]};
  let lo = ${last[1]};
  let sum = 0n;
  ${steps.join("\n  ")}
  store64(ctx + LOW, lo);
  return hi;
}`;
}

const terms = (count: number, value: (n: bigint) => bigint): bigint[] =>
  Array.from({ length: count }, (_, n) => BIG.over(value(BigInt(n))));

const POLYNOMIALS: string = [
  // (e^t - 1) / t
  polynomial(
    "series_exp",
    terms(25, (n) => factorial(n + 1n)),
    "+",
  ),
  polynomial(
    "series_exp_negative",
    terms(25, (n) => factorial(n + 1n)),
    "-",
  ),
  // artanh(z) / z and arctan(u) / u, in the square
  polynomial(
    "series_artanh",
    terms(18, (n) => 2n * n + 1n),
    "+",
  ),
  polynomial(
    "series_arctan",
    terms(12, (n) => 2n * n + 1n),
    "-",
  ),
  polynomial(
    "series_sin",
    terms(14, (n) => factorial(2n * n + 1n)),
    "-",
  ),
  polynomial(
    "series_cos",
    terms(14, (n) => factorial(2n * n)),
    "-",
  ),
].join("\n");

const STEPS = 16n;
const ARC_TANGENTS: string = `
// arctan(j / 16) scaled by 2^127
fn arctan_step(ctx: i32, j: i32) -> i64 {
  ${Array.from({ length: 17 }, (_, j) => {
    const value = j === 16 ? BIG.pi / 4n : BIG.arcTangent(BigInt(j), STEPS);
    const [high, low] = halves(value, 127n).split(", ");
    return `if (j == ${j}) { store64(ctx + LOW, ${low}); return ${high}; }`;
  }).join("\n  ")}
  return 0n;
}`;

export const TRANSCENDENTAL_SERIES: string = `
${POLYNOMIALS}
${ARC_TANGENTS}
`;
