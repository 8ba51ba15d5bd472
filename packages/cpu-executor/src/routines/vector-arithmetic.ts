import { IS_QUICK, OPERATIONS, type Operation, quickly, SIZES, type Size } from "./sse-float.ts";

const bitsOf = (z: Size): 32 | 64 => (z.suffix === "s" ? 32 : 64);
const shapeOf = (z: Size): string => (z.suffix === "s" ? "i32x4" : "i64x2");

/** A vector with the same value in every lane. */
function all(z: Size, lane: bigint): string {
  const half = bitsOf(z) === 32 ? lane * 0x1_0000_0001n : lane;
  return `v128(0x${half.toString(16)}n, 0x${half.toString(16)}n)`;
}

function vectorExactZero(z: Size, { name }: Operation, isZero: (x: string) => string): string {
  if (name === "mul") return `v_or(${isZero("x")}, ${isZero("y")})`;
  return name === "div" ? isZero("x") : all(z, (1n << BigInt(bitsOf(z))) - 1n);
}

/**
 * The engine's vector operation under the conditions of `quickly` for every lane: `bad` has bits in lanes that do not meet
 * them. Magnitudes (x, y and the result's w) are compared as signed integers.
 */
function quickVector(z: Size, operation: Operation): string {
  const shape = shapeOf(z);
  const least = 1n << BigInt(z.fractionBits);
  const signless = all(z, (1n << BigInt(bitsOf(z) - 1)) - 1n);
  const infinity = z.suffix === "s" ? 0x7f800000n : 0x7ff0000000000000n;
  const isZero = (x: string): string => `v_${shape}_eq(${x}, ${all(z, 0n)})`;
  const isDenormal = (x: string): string =>
    `v_and(v_${shape}_gt_s(${x}, ${all(z, 0n)}), v_${shape}_gt_s(${all(z, least)}, ${x}))`;
  const engine = `v_${z.suffix === "s" ? "f32x4" : "f64x2"}_${operation.name}`;
  const second = `let q = load128(src);
    let y = v_and(q, ${signless});
    bad = v_or(bad, ${isDenormal("y")});`;
  return `
  if (${IS_QUICK}) {
    let p = load128(${operation.operands === 2 ? "dst" : "src"});
    let x = v_and(p, ${signless});
    let bad = ${isDenormal("x")};
    ${operation.operands === 2 ? second : ""}
    let r = ${engine}(${operation.operands === 2 ? "p, q" : "p"});
    let w = v_and(r, ${signless});
    let zero = ${isZero("w")};
    bad = v_or(bad, v_${shape}_gt_s(w, ${all(z, infinity - 1n)}));
    bad = v_or(bad, v_andnot(v_${shape}_gt_s(${all(z, 2n * least)}, w), zero));
    bad = v_or(bad, v_andnot(zero, ${vectorExactZero(z, operation, isZero)}));
    if (any_true(bad) == 0) { store128(dst, r); return 0; }
  }`;
}

function instructions(z: Size, operation: Operation): string {
  const bits = bitsOf(z);
  const { name, operands, slow } = operation;
  const a = (at: number): string => `load${bits}(${operands === 2 ? "dst" : "src"} + ${at})`;
  const b = (at: number): string => `load${bits}(src + ${at})`;
  const both = (at: number): string => (operands === 2 ? `${a(at)}, ${b(at)}` : a(at));
  const lanes = Array.from({ length: 128 / bits }, (_, i) => (i * bits) / 8);
  return `
fn ${name}p${z.suffix}(ctx: i32, dst: i32, src: i32) -> i32 {
  ${quickVector(z, operation)}
  ${lanes.map((at) => `store${bits}(ctx + OPERAND + ${at}, ${name}_${z.suffix}(ctx, ${both(at)}));`).join("\n  ")}
  if (sse_finish(ctx)) { return 1; }
  store128(dst, load128(ctx + OPERAND));
  return 0;
}

fn ${name}s${z.suffix}(ctx: i32, dst: i32, src: i32) -> i32 {
  let a = ${a(0)};
  ${operands === 2 ? `let b = ${b(0)};` : ""}
  ${quickly(z, operation, `store${bits}(dst, quick); return 0;`)}
  let value = ${slow(z)};
  if (sse_finish(ctx)) { return 1; }
  store${bits}(dst, value);
  return 0;
}`;
}

/** ADDPS and its like, packed and scalar, of one size. */
export const vectorArithmetic = (suffix: Size["suffix"]): string =>
  OPERATIONS.map((operation) => instructions(SIZES[suffix], operation)).join("");
