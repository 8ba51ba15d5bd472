import { constantOf, type F32, type F64, f64, type I32, type I64, i32, i64, select } from "@likex/wasm-emitter";
import type { SemanticsBuilder } from "./builder.ts";
import { FORMATS, type Format, isNotZero, needExact, needPlain, setNumber, usual, usualResult } from "./quick-float.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { call, checkSse, register, source } from "./vector-access.ts";
import { forgetExceptions, generally, raiseWhen } from "./vector-routines.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** The rounding error of a sum is a number itself. */
function isInexactSum(b: SemanticsBuilder, f: Format, x: F64, y: F64, sum: F64): I32 {
  const part = b.let(f.float.sub(sum, x));
  return isNotZero(f, f.float.add(f.float.sub(x, f.float.sub(sum, part)), f.float.sub(y, part)));
}

/** Zeros at the end of a significand: the integer bit ends them. */
const trailingZeros = (f: Format, x: F64): I64 =>
  i64.ctz(i64.or(f.float.bits(x), i64.const(1n << BigInt(f.fractionBits))));

/** A product of doubles is exact when its factors' significands have few enough bits; some others are not found. */
function isInexactProduct(f: Format, x: F64, y: F64, product: F64): I32 {
  if (f.lane === "s") {
    const wide = (value: F64): F64 => f64.promote(value as unknown as F32);
    return f64.ne(f64.mul(wide(x), wide(y)), wide(product));
  }
  const zeros = i64.add(trailingZeros(f, x), trailingZeros(f, y));
  return i32.and(i64.ltU(zeros, i64.const(f.fractionBits + 1)), isNotZero(f, product));
}

/** Whether x / y = quotient may be inexact. */
function isInexactQuotient(f: Format, x: F64, y: F64, quotient: F64): I32 {
  const product = isInexactProduct(f, quotient, y, x);
  return f.lane === "s" ? product : i32.or(product, f64.ne(f64.mul(quotient, y), x));
}

interface Operation {
  readonly operands: 1 | 2;
  readonly compute: (f: Format, x: F64, y: F64) => F64;
  /** Operands whose zeros alone make a zero that is exact: other zeros are what is left of a denormal. */
  readonly zeros: "any" | "first" | "both";
  readonly isInexact: (b: SemanticsBuilder, f: Format, x: F64, y: F64, result: F64) => I32;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: { operands: 2, compute: (f, x, y) => f.float.add(x, y), zeros: "any", isInexact: isInexactSum },
  sub: {
    operands: 2,
    compute: (f, x, y) => f.float.sub(x, y),
    zeros: "any",
    isInexact: (b, f, x, y, result) => isInexactSum(b, f, x, f.float.neg(y), result),
  },
  mul: {
    operands: 2,
    compute: (f, x, y) => f.float.mul(x, y),
    zeros: "both",
    isInexact: (_b, f, x, y, result) => isInexactProduct(f, x, y, result),
  },
  div: {
    operands: 2,
    compute: (f, x, y) => f.float.div(x, y),
    zeros: "first",
    isInexact: (_b, f, x, y, result) => isInexactQuotient(f, x, y, result),
  },
  sqrt: {
    operands: 1,
    compute: (f, _x, y) => f.float.sqrt(y),
    zeros: "any",
    isInexact: (_b, f, _x, y, result) => isInexactQuotient(f, y, result, result),
  },
};

const arithmetic = (name: string, { operands, compute, zeros, isInexact }: Operation, f: Format): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const from = source(b, 1);
    const to = register(b, 0);
    b.usually(
      (giveUpIf) => {
        needPlain(b, giveUpIf);
        const y = usual(b, from, f, giveUpIf) as F64;
        const x = operands === 1 ? y : (usual(b, to, f, giveUpIf) as F64);
        const [isFirst, isSecond] = [isNotZero(f, x), isNotZero(f, y)];
        const isRest = zeros === "any" ? i32.const(0) : zeros === "first" ? isFirst : i32.and(isFirst, isSecond);
        const result = usualResult(b, f, compute(f, x, y), giveUpIf, isRest) as F64;
        needExact(b, giveUpIf, () => isInexact(b, f, x, y, result));
        setNumber(to, f, result);
        to.setUsual(f.lane);
      },
      () => generally(b, `${name}s${f.lane}`, to, from),
    );
  });

/** MINSD and MAXSD give the second operand unless the first is strictly less or greater. */
const extremum = (name: "min" | "max", f: Format): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const from = source(b, 1);
    const to = register(b, 0);
    b.usually(
      (giveUpIf) => {
        const y = usual(b, from, f, giveUpIf) as F64;
        const x = usual(b, to, f, giveUpIf) as F64;
        giveUpIf(isUnordered(f, x, y));
        setNumber(to, f, select(name === "min" ? f.float.lt(x, y) : f.float.gt(x, y), x, y));
        to.setUsual(f.lane);
      },
      () => generally(b, `${name}s${f.lane}`, to, from),
    );
  });

const isUnordered = (f: Format, x: F64, y: F64): I32 => i32.eqz(i32.or(f.float.ge(x, y), f.float.lt(x, y)));

const ZF_SHIFT = 6;

/** COMISD and its like. */
const compareFlags = (f: Format, quiet: 0 | 1): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const from = source(b, 1);
    const to = register(b, 0);
    const flags = b.temporary("i32");
    b.usually(
      (giveUpIf) => {
        const y = usual(b, from, f, giveUpIf) as F64;
        const x = usual(b, to, f, giveUpIf) as F64;
        giveUpIf(isUnordered(f, x, y));
        if (b.leavesRareCases) b.setOrderedFlags(x, y);
        else b.code.set(flags, i32.or(f.float.lt(x, y), i32.shl(f.float.eq(x, y), i32.const(ZF_SHIFT))));
      },
      () => {
        forgetExceptions(b);
        b.code.set(flags, call(b, `comis${f.lane}`, to.address(), from.address(), i32.const(quiet)));
        raiseWhen(b, i32.ltS(b.code.get(flags), i32.const(0)));
      },
    );
    if (!b.leavesRareCases) b.setExplicitFlags(b.code.get(flags));
  });

/** CMPSD's predicates for operands that are ordered (SDM Vol 2, CMPPD, table 3-1): those from 4 on are the negations. */
const holds = (f: Format, predicate: number, x: F64, y: F64): I32 => {
  const of = [f.float.eq(x, y), f.float.lt(x, y), f.float.le(x, y), i32.const(0)][predicate & 3] as I32;
  return predicate < 4 ? of : i32.eqz(of);
};

const compare = (f: Format): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const from = source(b, 1);
    const to = register(b, 0);
    const predicate = constantOf(b.read(2));
    if (predicate === undefined) {
      generally(b, `cmps${f.lane}`, to, from);
      return;
    }
    b.usually(
      (giveUpIf) => {
        const y = usual(b, from, f, giveUpIf) as F64;
        const x = usual(b, to, f, giveUpIf) as F64;
        giveUpIf(isUnordered(f, x, y));
        const mask = i32.sub(i32.const(0), holds(f, Number(predicate) & 7, x, y));
        if (f.lane === "d") to.setI64(i64.extendS(mask));
        else to.setI32(mask);
      },
      () => generally(b, `cmps${f.lane}`, to, from),
    );
  });

/** Mnemonics of one format. CMPSD is a string instruction too. */
const instructionsOf = (f: Format): readonly (readonly [string, SemanticsEntry])[] => [
  ...Object.entries(OPERATIONS).map(
    ([name, operation]) => [`${name}s${f.lane}`, arithmetic(name, operation, f)] as const,
  ),
  [`mins${f.lane}`, extremum("min", f)],
  [`maxs${f.lane}`, extremum("max", f)],
  [f.lane === "d" ? "cmpsd.scalar" : "cmpss", compare(f)],
  [`comis${f.lane}`, compareFlags(f, 0)],
  [`ucomis${f.lane}`, compareFlags(f, 1)],
];

/** Arithmetic and comparisons of one number. */
export const scalarFloats: SemanticsTable = Object.fromEntries([FORMATS.s, FORMATS.d].flatMap(instructionsOf));
