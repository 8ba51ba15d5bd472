import { type I32, type I64, i32, i64, select } from "@likex/wasm-emitter";
import { RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { flagAt } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";
import { type Value, widthOf } from "./width.ts";

const LOW = 0xffffffffn;

type Signedness = "signed" | "unsigned";

/** The high 64 bits of a 64 x 64 product, from 32-bit halves: WebAssembly has no wide multiply. */
function highProduct(b: SemanticsBuilder, x: I64, y: I64, signedness: Signedness): I64 {
  const low = (v: I64): I64 => i64.and(v, i64.const(LOW));
  const high = (v: I64): I64 => i64.shrU(v, i64.const(32));
  const x0 = b.let(low(x));
  const x1 = b.let(high(x));
  const y0 = b.let(low(y));
  const y1 = b.let(high(y));
  const middle = b.let(i64.add(i64.mul(x1, y0), high(i64.mul(x0, y0))));
  const cross = b.let(i64.add(i64.mul(x0, y1), low(middle)));
  const unsigned = b.let(i64.add(i64.add(i64.mul(x1, y1), high(middle)), high(cross)));
  if (signedness === "unsigned") return unsigned;
  const correction = (v: I64, other: I64): I64 => i64.and(i64.shrS(v, i64.const(63)), other);
  return b.let(i64.sub(i64.sub(unsigned, correction(x, y)), correction(y, x)));
}

/** CF and OF say that the product does not fit; the other flags are undefined and read as 0. */
function setProductFlags(b: SemanticsBuilder, overflow: I32): void {
  const kept = b.let(overflow);
  b.setExplicitFlags(i32.or(kept, flagAt(kept, RFLAGS.of)));
}

function multiplyAccumulator(b: SemanticsBuilder, signedness: Signedness): void {
  const w = b.width;
  const extend = signedness === "signed" ? w.signExtend64 : w.zeroExtend64;
  const source = b.let(b.read(0));
  const x = b.let(extend(b.readRegister(0, w.bits)));
  const y = b.let(extend(source));
  const product = b.let(i64.mul(x, y));
  if (w.bits === 64) {
    const high = highProduct(b, x, y, signedness);
    b.writeRegister(0, 64, product);
    b.writeRegister(2, 64, high);
    setProductFlags(
      b,
      signedness === "signed" ? i64.ne(high, i64.shrS(product, i64.const(63))) : i64.ne(high, i64.const(0)),
    );
    return;
  }
  if (w.bits === 8) {
    b.writeRegister(0, 16, widthOf(16).from64(product));
  } else {
    b.writeRegister(0, w.bits, w.from64(product));
    b.writeRegister(2, w.bits, w.from64(i64.shrU(product, i64.const(w.bits))));
  }
  setProductFlags(b, i64.ne(product, extend(w.from64(product))));
}

/** The two- and three-operand forms of IMUL keep the low half. */
function multiplyTruncated(b: SemanticsBuilder): void {
  const w = b.width;
  const three = b.shape.operands.length === 3;
  const x = b.let(w.signExtend64(b.let(b.read(three ? 1 : 0))));
  const y = b.let(w.signExtend64(b.let(b.read(three ? 2 : 1))));
  const product = b.let(i64.mul(x, y));
  const result = b.let(w.from64(product));
  const overflow =
    w.bits === 64
      ? b.let(i64.ne(highProduct(b, x, y, "signed"), i64.shrS(product, i64.const(63))))
      : b.let(i64.ne(product, w.signExtend64(result)));
  b.write(0, result);
  setProductFlags(b, overflow);
}

const DIVIDE_ERROR = 0;

function raiseIf(b: SemanticsBuilder, condition: I32): void {
  b.code.if(condition, () => b.raise(DIVIDE_ERROR));
}

function writeQuotient(b: SemanticsBuilder, quotient: Value, remainder: Value): void {
  const w = b.width;
  if (w.bits === 8) {
    b.writeRegister(
      0,
      16,
      i32.or(
        i32.and(quotient as I32, i32.const(0xff)),
        i32.shl(i32.and(remainder as I32, i32.const(0xff)), i32.const(8)),
      ),
    );
  } else {
    b.writeRegister(0, w.bits, quotient);
    b.writeRegister(2, w.bits, remainder);
  }
}

/** The dividend of the forms up to 32 bits: AX, DX:AX or EDX:EAX as an i64. */
function dividend(b: SemanticsBuilder): I64 {
  const w = b.width;
  if (w.bits === 8) return i64.extendU(b.readRegister(0, 16) as I32);
  return i64.or(
    w.zeroExtend64(b.readRegister(0, w.bits)),
    i64.shl(w.zeroExtend64(b.readRegister(2, w.bits)), i64.const(w.bits)),
  );
}

function divideNarrow(b: SemanticsBuilder, signedness: Signedness): void {
  const w = b.width;
  const source = b.let(b.read(0));
  raiseIf(b, w.eqz(source));
  if (signedness === "unsigned") {
    const n = b.let(dividend(b));
    const d = b.let(w.zeroExtend64(source));
    const quotient = b.let(i64.divU(n, d));
    raiseIf(b, i64.ne(i64.shrU(quotient, i64.const(w.bits)), i64.const(0)));
    writeQuotient(b, w.from64(quotient), w.from64(i64.remU(n, d)));
    return;
  }
  const unused = i64.const(64 - 2 * w.bits);
  const n = b.let(i64.shrS(i64.shl(dividend(b), unused), unused));
  const d = b.let(w.signExtend64(source));
  // The one quotient that does not fit in 64 bits would trap: the smallest number by -1.
  raiseIf(b, i32.and(i64.eq(n, i64.const(-(1n << 63n))), i64.eq(d, i64.const(-1))));
  const quotient = b.let(i64.divS(n, d));
  raiseIf(b, i64.ne(quotient, w.signExtend64(w.from64(quotient))));
  writeQuotient(b, w.from64(quotient), w.from64(i64.remS(n, d)));
}

/** 128 by 64 bits, one quotient bit a step; `high` is below `divisor`. */
function divideLong(b: SemanticsBuilder, high: I64, low: I64, divisor: I64): { quotient: I64; remainder: I64 } {
  const code = b.code;
  const remainder = b.temporary("i64");
  const quotient = b.temporary("i64");
  const step = b.temporary("i32");
  const carry = b.temporary("i64");
  code.set(remainder, high);
  code.set(quotient, low);
  code.if(
    i64.eqz(high),
    () => {
      code.set(remainder, i64.remU(low, divisor));
      code.set(quotient, i64.divU(low, divisor));
    },
    () => {
      code.set(step, i32.const(64));
      code.loop((again) => {
        code.set(carry, i64.shrS(code.get(remainder), i64.const(63)));
        code.set(
          remainder,
          i64.or(i64.shl(code.get(remainder), i64.const(1)), i64.shrU(code.get(quotient), i64.const(63))),
        );
        code.set(quotient, i64.shl(code.get(quotient), i64.const(1)));
        code.if(i32.or(i64.ne(code.get(carry), i64.const(0)), i64.geU(code.get(remainder), divisor)), () => {
          code.set(remainder, i64.sub(code.get(remainder), divisor));
          code.set(quotient, i64.or(code.get(quotient), i64.const(1)));
        });
        code.set(step, i32.sub(code.get(step), i32.const(1)));
        code.brIf(again, code.get(step));
      });
    },
  );
  return { quotient: code.get(quotient), remainder: code.get(remainder) };
}

function divideWide(b: SemanticsBuilder, signedness: Signedness): void {
  const source = b.let(b.read(0) as I64);
  raiseIf(b, i64.eqz(source));
  const low = b.let(b.readRegister(0, 64) as I64);
  const high = b.let(b.readRegister(2, 64) as I64);
  if (signedness === "unsigned") {
    raiseIf(b, i64.geU(high, source));
    const { quotient, remainder } = divideLong(b, high, low, source);
    writeQuotient(b, quotient, remainder);
    return;
  }
  const sign = b.let(i64.shrS(high, i64.const(63)));
  const divisorSign = b.let(i64.shrS(source, i64.const(63)));
  const negate = (v: I64, s: I64): I64 => i64.sub(i64.xor(v, s), s);
  const divisor = b.let(negate(source, divisorSign));
  const absoluteLow = b.let(negate(low, sign));
  // The two's complement of 128 bits: the high half borrows unless the low half is 0.
  const negatedHigh = i64.sub(i64.sub(i64.const(0), high), i64.extendU(i64.ne(low, i64.const(0))));
  const absoluteHigh = b.let(select(i64.ne(sign, i64.const(0)), negatedHigh, high));
  raiseIf(b, i64.geU(absoluteHigh, divisor));
  const { quotient, remainder } = divideLong(b, absoluteHigh, absoluteLow, divisor);
  const quotientSign = b.let(i64.xor(sign, divisorSign));
  const signedQuotient = b.let(negate(quotient, quotientSign));
  // Magnitudes up to 2^63 - 1 fit, and 2^63 only when negative.
  raiseIf(b, i32.and(i64.ne(quotient, i64.const(0)), i64.ne(i64.shrS(signedQuotient, i64.const(63)), quotientSign)));
  writeQuotient(b, signedQuotient, negate(remainder, sign));
}

const divide = (b: SemanticsBuilder, signedness: Signedness): void =>
  b.shape.bits === 64 ? divideWide(b, signedness) : divideNarrow(b, signedness);

export const multiplication: SemanticsTable = {
  mul: { write: (b) => multiplyAccumulator(b, "unsigned") },
  imul: { write: (b) => (b.shape.operands.length === 1 ? multiplyAccumulator(b, "signed") : multiplyTruncated(b)) },
  div: { write: (b) => divide(b, "unsigned") },
  idiv: { write: (b) => divide(b, "signed") },
};
