import { OPERATIONS, type Operation, quickly, SIZES, type Size } from "./sse-float.ts";

const bitsOf = (z: Size): 32 | 64 => (z.suffix === "s" ? 32 : 64);
function instructions(z: Size, operation: Operation): string {
  const bits = bitsOf(z);
  const { name, operands, slow } = operation;
  const a = (at: number): string => `load${bits}(${operands === 2 ? "dst" : "src"} + ${at})`;
  const b = (at: number): string => `load${bits}(src + ${at})`;
  const both = (at: number): string => (operands === 2 ? `${a(at)}, ${b(at)}` : a(at));
  const lanes = Array.from({ length: 128 / bits }, (_, i) => (i * bits) / 8);
  return `
fn ${name}p${z.suffix}(ctx: i32, dst: i32, src: i32) -> i32 {
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
