import { vectorArithmetic } from "./vector-arithmetic.ts";

/**
 * SSE's floating-point instructions on registers in memory: name(ctx, dst, src, ...) gives 1 when an unmasked exception
 * was found; then nothing was stored but MXCSR's flags.
 */
const BINARY = ["min", "max"] as const;

interface Lane {
  readonly suffix: "s" | "d";
  readonly bits: 32 | 64;
  readonly zero: string;
}

const SINGLE: Lane = { suffix: "s", bits: 32, zero: "0" };
const DOUBLE: Lane = { suffix: "d", bits: 64, zero: "0n" };

/** Lanes of a vector: the values go to OPERAND and, if no exception is raised, to the destination. */
function packed(lane: Lane, name: string, parameters: string, value: (at: number) => string): string {
  const bytes = lane.bits / 8;
  const lanes = Array.from({ length: 16 / bytes }, (_, i) => i * bytes);
  return `
fn ${name}p${lane.suffix}(ctx: i32, dst: i32, src: i32${parameters}) -> i32 {
  ${lanes.map((at) => `store${lane.bits}(ctx + OPERAND + ${at}, ${value(at)});`).join("\n  ")}
  if (sse_finish(ctx)) { return 1; }
  store128(dst, load128(ctx + OPERAND));
  return 0;
}`;
}

function scalar(lane: Lane, name: string, parameters: string, value: string): string {
  return `
fn ${name}s${lane.suffix}(ctx: i32, dst: i32, src: i32${parameters}) -> i32 {
  let value = ${value};
  if (sse_finish(ctx)) { return 1; }
  store${lane.bits}(dst, value);
  return 0;
}`;
}

const both = (lane: Lane, name: string, parameters: string, value: (at: number) => string): string =>
  packed(lane, name, parameters, value) + scalar(lane, name, parameters, value(0));

function lanes(lane: Lane): string {
  const { suffix, bits } = lane;
  const a = (at: number): string => `load${bits}(dst + ${at})`;
  const b = (at: number): string => `load${bits}(src + ${at})`;
  const bytes = bits / 8;
  const pair = (from: string, at: number): string =>
    `load${bits}(${from} + ${at}), load${bits}(${from} + ${at + bytes})`;
  /** HADD: sums of neighbours of dst, then of src. */
  const horizontal = (operation: string) => (at: number) =>
    `${operation}_${suffix}(ctx, ${pair(at < 8 ? "dst" : "src", (at % 8) * 2)})`;
  return [
    vectorArithmetic(suffix),
    ...BINARY.map((name) => both(lane, name, "", (at) => `${name}_${suffix}(ctx, ${a(at)}, ${b(at)})`)),
    both(lane, "cmp", ", imm: i32", (at) => `compare_${suffix}(ctx, ${a(at)}, ${b(at)}, imm & 7)`),
    both(lane, "round", ", imm: i32", (at) => `integral_${suffix}(ctx, ${b(at)}, imm)`),
    packed(lane, "addsub", "", (at) => `${at % (2 * bytes) === 0 ? "sub" : "add"}_${suffix}(ctx, ${a(at)}, ${b(at)})`),
    packed(lane, "hadd", "", horizontal("add")),
    packed(lane, "hsub", "", horizontal("sub")),
    `
fn comis${suffix}(ctx: i32, dst: i32, src: i32, quiet: i32) -> i32 {
  let relation = relation_${suffix}(ctx, ${a(0)}, ${b(0)}, quiet);
  if (sse_finish(ctx)) { return -1; }
  return relation_flags(relation);
}

fn cvtsi2s${suffix}(ctx: i32, dst: i32, value: i64) -> i32 {
  let converted = from_integer_${suffix}(ctx, value);
  if (sse_finish(ctx)) { return 1; }
  store${bits}(dst, converted);
  return 0;
}`,
  ].join("\n");
}

const reciprocal = (name: string, routine: string): string => `
fn ${name}ss(ctx: i32, dst: i32, src: i32) -> i32 {
  store32(dst, ${routine}(load32(src)));
  return 0;
}

fn ${name}ps(ctx: i32, dst: i32, src: i32) -> i32 {
  let i = 0;
  while (i < 16) {
    store32(dst + i, ${routine}(load32(src + i)));
    i += 4;
  }
  return 0;
}
`;

/** Conversions of several lanes: source lane, destination lane, and what fills the rest of the destination. */
function conversion(
  name: string,
  count: number,
  to: 32 | 64,
  value: (i: number) => string,
  fill: "zero" | "none",
): string {
  const stores = Array.from({ length: count }, (_, i) => `store${to}(ctx + OPERAND + ${(i * to) / 8}, ${value(i)});`);
  const bytes = (count * to) / 8;
  const copy = bytes === 16 ? "store128(dst, load128(ctx + OPERAND));" : "store64(dst, load64(ctx + OPERAND));";
  return `
fn ${name}(ctx: i32, dst: i32, src: i32) -> i32 {
  ${stores.join("\n  ")}
  if (sse_finish(ctx)) { return 1; }
  ${copy}
  ${fill === "zero" ? "store64(dst + 8, 0n);" : ""}
  return 0;
}`;
}

const singles = (i: number): string => `load32(src + ${i * 4})`;
const doubles = (i: number): string => `load64(src + ${i * 8})`;

const CONVERSIONS: readonly string[] = [
  conversion("cvtdq2ps", 4, 32, (i) => `from_integer_s(ctx, s64(${singles(i)}))`, "none"),
  conversion("cvtdq2pd", 2, 64, (i) => `from_integer_d(ctx, s64(${singles(i)}))`, "none"),
  conversion("cvtps2pd", 2, 64, (i) => `single_to_double(ctx, ${singles(i)})`, "none"),
  conversion("cvtpd2ps", 2, 32, (i) => `double_to_single(ctx, ${doubles(i)})`, "zero"),
  conversion("cvtps2dq", 4, 32, (i) => `wrap(integer_s(ctx, ${singles(i)}, 4, 32))`, "none"),
  conversion("cvttps2dq", 4, 32, (i) => `wrap(integer_s(ctx, ${singles(i)}, 3, 32))`, "none"),
  conversion("cvtpd2dq", 2, 32, (i) => `wrap(integer_d(ctx, ${doubles(i)}, 4, 32))`, "zero"),
  conversion("cvttpd2dq", 2, 32, (i) => `wrap(integer_d(ctx, ${doubles(i)}, 3, 32))`, "zero"),
  conversion("cvtpi2ps", 2, 32, (i) => `from_integer_s(ctx, s64(${singles(i)}))`, "none"),
  conversion("cvtpi2pd", 2, 64, (i) => `from_integer_d(ctx, s64(${singles(i)}))`, "none"),
  conversion("cvtps2pi", 2, 32, (i) => `wrap(integer_s(ctx, ${singles(i)}, 4, 32))`, "none"),
  conversion("cvttps2pi", 2, 32, (i) => `wrap(integer_s(ctx, ${singles(i)}, 3, 32))`, "none"),
  conversion("cvtpd2pi", 2, 32, (i) => `wrap(integer_d(ctx, ${doubles(i)}, 4, 32))`, "none"),
  conversion("cvttpd2pi", 2, 32, (i) => `wrap(integer_d(ctx, ${doubles(i)}, 3, 32))`, "none"),
  `
fn cvtss2sd(ctx: i32, dst: i32, src: i32) -> i32 {
  let value = single_to_double(ctx, load32(src));
  if (sse_finish(ctx)) { return 1; }
  store64(dst, value);
  return 0;
}

fn cvtsd2ss(ctx: i32, dst: i32, src: i32) -> i32 {
  let value = double_to_single(ctx, load64(src));
  if (sse_finish(ctx)) { return 1; }
  store32(dst, value);
  return 0;
}`,
];

/** DPPS and DPPD: products chosen by imm's high half, summed pairwise, to the lanes that its low half chooses. */
const DOT_PRODUCTS: string = `
fn dpps(ctx: i32, dst: i32, src: i32, imm: i32) -> i32 {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  if ((imm & 0x10) != 0) { a = mul_s(ctx, load32(dst), load32(src)); }
  if ((imm & 0x20) != 0) { b = mul_s(ctx, load32(dst + 4), load32(src + 4)); }
  if ((imm & 0x40) != 0) { c = mul_s(ctx, load32(dst + 8), load32(src + 8)); }
  if ((imm & 0x80) != 0) { d = mul_s(ctx, load32(dst + 12), load32(src + 12)); }
  // Multiplications raise their exceptions before the additions do.
  if (sse_finish(ctx)) { return 1; }
  let low = add_s(ctx, b, a);
  let high = add_s(ctx, d, c);
  let lowOther = low;
  let highOther = high;
  // Lanes add in different orders, which only NaN operands tell apart.
  if (is_nan_s(low)) { lowOther = add_s(ctx, a, b); }
  if (is_nan_s(high)) { highOther = add_s(ctx, c, d); }
  if (sse_finish(ctx)) { return 1; }
  let sum = add_s(ctx, low, high);
  let sum1 = sum;
  let sum2 = sum;
  let sum3 = sum;
  if (is_nan_s(sum)) {
    sum1 = add_s(ctx, lowOther, highOther);
    sum2 = add_s(ctx, high, low);
    sum3 = add_s(ctx, highOther, lowOther);
  }
  if (sse_finish(ctx)) { return 1; }
  store32(dst, (imm & 1) != 0 ? sum : 0);
  store32(dst + 4, (imm & 2) != 0 ? sum1 : 0);
  store32(dst + 8, (imm & 4) != 0 ? sum2 : 0);
  store32(dst + 12, (imm & 8) != 0 ? sum3 : 0);
  return 0;
}

fn dppd(ctx: i32, dst: i32, src: i32, imm: i32) -> i32 {
  let a = 0n;
  let b = 0n;
  if ((imm & 0x10) != 0) { a = mul_d(ctx, load64(dst), load64(src)); }
  if ((imm & 0x20) != 0) { b = mul_d(ctx, load64(dst + 8), load64(src + 8)); }
  if (sse_finish(ctx)) { return 1; }
  let sum = add_d(ctx, a, b);
  let sum1 = sum;
  if (is_nan_d(sum)) { sum1 = add_d(ctx, b, a); }
  if (sse_finish(ctx)) { return 1; }
  store64(dst, (imm & 1) != 0 ? sum : 0n);
  store64(dst + 8, (imm & 2) != 0 ? sum1 : 0n);
  return 0;
}
`;

export const VECTOR_FLOAT: string = [
  lanes(SINGLE),
  lanes(DOUBLE),
  reciprocal("rcp", "reciprocal_s"),
  reciprocal("rsqrt", "reciprocal_root_s"),
  ...CONVERSIONS,
  DOT_PRODUCTS,
].join("\n");
